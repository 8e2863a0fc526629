"""A task whose networks tell pixels by the nearest of their own colours, so that what is right is known."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from synth.compute.checkpoint import save_weights
from synth.dataset.info import SemanticInfo
from synth.dataset.origin import READINGS, Reading, encode_readings
from synth.train.settings import TaskSettings
from synth.train.tasks.task import Rgb, Task
from train.street_sets import CLASSES, COLOURS


@dataclass(frozen=True)
class ColourSettings(TaskSettings):
    """classes: told apart. colours: RGB of each, for drawing."""

    net: str = "nearest-colour"
    side_px: int = 48
    classes: tuple[str, ...] = CLASSES
    colours: tuple[tuple[int, int, int], ...] = COLOURS


class NearestColour(nn.Module):
    """colours: [C,3], what each class looks like to it. softness: how far a colour may be off, counts."""

    def __init__(self, colours: Sequence[Sequence[float]], softness: float) -> None:
        super().__init__()
        self.colours = nn.Parameter(torch.tensor(colours, dtype=torch.float32))
        self.softness = nn.Parameter(torch.tensor(softness))


class ColourTask(Task[ColourSettings, Any]):
    """Tells pixels, and nothing else."""

    name = "colours"
    settings = ColourSettings
    tells_pixels = True

    def classes_of(self, settings: ColourSettings) -> tuple[str, ...]:
        return settings.classes

    def make_net(self, settings: ColourSettings) -> nn.Module:
        return NearestColour([[0, 0, 0]] * len(settings.classes), 1.0)

    def pixel_classes(self, settings: ColourSettings) -> SemanticInfo:
        return SemanticInfo(names=settings.classes, colours=settings.colours)

    def tell_pixels(self, net: nn.Module, settings: ColourSettings, picture: Rgb) -> NDArray[np.float32]:
        assert isinstance(net, NearestColour)
        off = (torch.from_numpy(picture).float()[None] - net.colours[:, None, None]).norm(dim=-1)
        return (-off / net.softness).softmax(dim=0).detach().numpy().astype(np.float32)


class ShapeTask(ColourTask):
    """Tells no pixels."""

    name = "shapes"
    tells_pixels = False


COLOUR_TASK, SHAPE_TASK = ColourTask(), ShapeTask()


def write_net(
    folder: Path,
    colours: Sequence[Sequence[float]] = COLOURS,
    *,
    softness: float = 10.0,
    classes: Sequence[str] = CLASSES,
    task: str = "colours",
    readings: tuple[Reading, ...] = (),
) -> Path:
    """The folder of a training, with the network that would have come out."""
    settings = ColourSettings(classes=tuple(classes), colours=tuple(COLOURS)[: len(classes)])
    words = {"task": task, "settings": json.dumps(settings.to_config()), "seed": "0"}
    words[READINGS] = encode_readings(readings)
    save_weights(folder / "weights.safetensors", NearestColour(colours, softness).state_dict(), words)
    return folder
