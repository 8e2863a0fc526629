"""A method that learns nothing step by step: each channel gets the mean and spread of the other look."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from synth.dataset.codecs import file_sha256
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.checkpoint import encode_checkpoint, load_checkpoint
from synth.gan.methods import METHODS
from synth.gan.methods.method import Direction, Identity, Layers, Rgb
from synth.storage.atomic import write_bytes


@dataclass(frozen=True)
class BrighterSettings:
    """strength: share of the way to the other look."""

    strength: float = 1.0


class BrighterTranslator:
    """statistics: mean and spread of each channel in counts, [2,2,3]: of sim, then of real."""

    def __init__(self, statistics: np.ndarray, words: Mapping[str, str], direction: Direction) -> None:
        self._strength = float(words["strength"])
        self._from, self._to = statistics if direction == "sim2real" else statistics[::-1]
        tensors = {"statistics": torch.from_numpy(statistics)}
        self._content = encode_checkpoint("brighter", tensors, words)
        self.identity = Identity("brighter", direction, file_sha256(self._content))

    def apply(self, frame: Rgb, layers: Layers) -> Rgb:
        moved = (frame - self._from[0]) / self._from[1] * self._to[1] + self._to[0]
        return np.clip(np.rint(frame + self._strength * (moved - frame)), 0, 255).astype(np.uint8)

    def save(self, path: Path) -> None:
        write_bytes(path, self._content)

    def export(self, path: Path) -> str:
        raise InputError("the method brighter has no ONNX form: its checkpoint holds twelve numbers")


class BrighterMethod:
    name = "brighter"
    title = "Brighter"
    reads = ("pixels",)
    presets = {"plain": BrighterSettings(), "half": BrighterSettings(0.5)}  # noqa: RUF012

    def default_preset(self, device: torch.device) -> str:
        return "plain"

    def fit(
        self,
        sim: DatasetReader,
        real: DatasetReader,
        settings: BrighterSettings,
        seed: int,
        device: torch.device,
    ) -> BrighterTranslator:
        statistics = []
        for dataset in (sim, real):
            pixels = np.concatenate([dataset.load_rgb(s).reshape(-1, 3) for s in dataset.of_split("train")])
            statistics.append([pixels.mean(axis=0), pixels.std(axis=0) + 1])
        return BrighterTranslator(np.array(statistics), {"strength": str(settings.strength)}, "sim2real")

    def load(self, path: Path, direction: Direction, device: torch.device) -> BrighterTranslator:
        tensors, words = load_checkpoint(path, self.name)
        return BrighterTranslator(tensors["statistics"].numpy(), words, direction)


METHODS["brighter"] = BrighterMethod
