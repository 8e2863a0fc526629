"""A trained network from its weights, asked about images that it may never have seen."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from torch import nn

from synth.compute.checkpoint import load_weights
from synth.compute.device import choose_device
from synth.dataset.codecs import decode_rgb
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Split
from synth.errors import InputError
from synth.metrics.comparison import Effect, measure_arm
from synth.train.run import TASKS, WEIGHTS_FILE, Settings
from synth.train.scores import draw_scores
from synth.train.tasks.detection import DetectionSettings, measure_losses, predict_boxes
from synth.train.tasks.detection_images import DetectionImages, shrink
from synth.train.tasks.normals import NormalSettings, predict_crop_uvw, resize_crop
from synth.train.tasks.task import TaskName

_SETTINGS: dict[str, TypeAdapter[Any]] = {
    "detection": TypeAdapter(DetectionSettings),
    "normals": TypeAdapter(NormalSettings),
}


@dataclass(frozen=True, eq=False)
class Trained:
    """A network in eval mode with what it was trained for."""

    task: TaskName
    settings: Settings
    net: nn.Module


@dataclass(frozen=True)
class Answers:
    """What a network says of a dataset's images, and what is true."""

    names: tuple[str, ...]
    predicted: list[Any]
    true: list[Any]


def load_trained(path: Path, device: str | None = None) -> Trained:
    """The network of weights that ``synth train`` wrote, or of the folder of a training.

    Raises InputError for a file that holds something else.
    """
    file = path / WEIGHTS_FILE if path.is_dir() else path
    tensors, words = load_weights(file)
    try:
        task = TASKS[words["task"]]  # type: ignore[index]
        settings = _SETTINGS[task.name].validate_python(json.loads(words["settings"]))
        net = task.make_net(settings)
        net.load_state_dict(tensors)
    except (KeyError, ValueError, ValidationError, RuntimeError) as error:
        raise InputError(
            f"{file} is no network that synth train wrote: give one of its weights.safetensors"
        ) from error
    return Trained(task.name, settings, net.to(choose_device(device)).eval())


def ask(trained: Trained, dataset: DatasetReader, split: Split) -> Answers:
    """Predictions for every image of a split; raises InputError where it has none for the task."""
    task = TASKS[trained.task]
    images = task.load(dataset, dataset.of_split(split), trained.settings)
    return Answers(task.names(images), task.predict(trained.net, images), task.truth(images))


def measure(trained: Trained, answers: Answers) -> dict[str, Effect]:
    """Every metric of the task with its interval over images; raises InputError for too few of them."""
    return {name: measure_arm(drawn) for name, drawn in draw_scores(trained.task, [answers]).items()}


def losses_of(trained: Trained, dataset: DatasetReader, split: Split) -> dict[str, float]:
    """A detector's losses per image on a split (annex A of the paper); empty for normals."""
    if not isinstance(trained.settings, DetectionSettings):
        return {}
    images = TASKS[trained.task].load(dataset, dataset.of_split(split), trained.settings)
    return measure_losses(trained.net, images)


def predict_files(trained: Trained, paths: Sequence[Path]) -> list[tuple[NDArray[np.uint8], list[Any]]]:
    """Each picture [H,W,3] with what the network says: boxes and confidences in pixels, or the crop's normal.

    For normals a picture is taken as a crop, and (u, v, w) is in its axes. Raises InputError for a file that
    is no picture.
    """
    pictures = [_read(path) for path in paths]
    s = trained.settings
    if isinstance(s, DetectionSettings):
        images = DetectionImages(
            tuple(np.ascontiguousarray(shrink(p, s.side_px)[..., ::-1]) for p in pictures),
            tuple((p.shape[1], p.shape[0]) for p in pictures),
            tuple(np.empty((0, 4)) for _ in pictures),
            tuple(path.name for path in paths),
        )
        return list(zip(pictures, (b.tolist() for b in predict_boxes(trained.net, images)), strict=True))
    crops = np.stack([resize_crop(p, s.side_px) for p in pictures])
    return list(zip(pictures, predict_crop_uvw(trained.net, crops).tolist(), strict=True))


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return decode_rgb(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise InputError(f"there is no picture at {path}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
