"""A refiner (after SimGAN, Shrivastava et al. 2017) that cannot draw, as a method."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from synth.compute.device import inference
from synth.dataset.codecs import file_sha256
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.generator_file import open_generator, save_generator
from synth.gan.learned import fit_by_training
from synth.gan.methods.method import Direction, Identity, Layers, Rgb, Translator
from synth.gan.methods.refiner_networks import Refiner
from synth.gan.methods.refiner_settings import PRESETS, RefinerSettings
from synth.gan.patches import TAKEN, to_u8
from synth.networks.bilateral import BilateralGenerator
from synth.storage.atomic import write_bytes

__all__ = ["PRESETS", "RefinerMethod", "RefinerSettings"]


class RefinerTranslator:
    """The generator of a checkpoint. The grain of a frame follows from its bytes."""

    def __init__(self, path: Path, device: torch.device) -> None:
        generator = _open(path)
        self._content, self._device = path.read_bytes(), device
        self._generator: Any = generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.identity = Identity(RefinerMethod.name, "sim2real", file_sha256(self._content))

    def apply(self, frame: Rgb, layers: Layers) -> Rgb:
        """A whole frame [H,W,3] of any size; layers are not looked at."""
        images = torch.from_numpy(frame).to(self._device).permute(2, 0, 1)[None].float() / 127.5 - 1
        seed = int.from_bytes(hashlib.sha256(frame.tobytes()).digest()[:6])
        with inference(self._device):
            images = images.contiguous(memory_format=torch.channels_last)
            images = self._generator(images, torch.Generator(self._device).manual_seed(seed))
        return np.asarray(to_u8(images)[0])

    def save(self, path: Path) -> None:
        """The whole checkpoint, byte for byte; raises StorageError."""
        write_bytes(path, self._content)

    def export(self, path: Path) -> str:
        """There is none."""
        raise InputError(
            "the method refiner has no ONNX form: the grain of a frame follows from its bytes; translate "
            "with synth translate --checkpoint"
        )


class RefinerMethod:
    """Colours by affine maps that vary smoothly, then measured blur and grain; no edge can move."""

    name = "refiner"
    title = "Refiner"
    reads = TAKEN
    presets: Mapping[str, Any] = PRESETS

    def default_preset(self, device: torch.device) -> str:
        """The only one."""
        return "quick"

    def needs(self, settings: RefinerSettings) -> Mapping[str, str]:
        """Nothing besides pictures."""
        return {}

    def make_networks(self, settings: RefinerSettings, rng: torch.Generator) -> Refiner:
        """A generator and a discriminator."""
        return Refiner(settings, rng)

    def fit(
        self,
        sim: DatasetReader,
        real: DatasetReader,
        settings: RefinerSettings,
        seed: int,
        device: torch.device,
    ) -> Translator:
        """Train to the end of the schedule."""
        return fit_by_training(self, sim, real, settings, seed, device)

    def load(self, path: Path, direction: Direction, device: torch.device) -> Translator:
        """Of a checkpoint; raises InputError for the way back."""
        _refuse_back(direction)
        return RefinerTranslator(path, device)

    def save_generators(
        self,
        path: Path,
        generators: Mapping[Direction, nn.Module],
        settings: RefinerSettings,
        words: Mapping[str, str],
    ) -> None:
        """The one generator, and all settings."""
        save_generator(path, self.name, generators["sim2real"], settings, words)

    def load_generator(self, path: Path, direction: Direction) -> nn.Module:
        """Of a checkpoint; raises InputError for the way back."""
        _refuse_back(direction)
        return _open(path)


def _open(path: Path) -> nn.Module:
    return open_generator(
        path,
        RefinerMethod.name,
        RefinerSettings,
        lambda settings: BilateralGenerator(settings.generator),
        "translate --method refiner",
    )[0]


def _refuse_back(direction: Direction) -> None:
    if direction != "sim2real":
        raise InputError(
            "the method refiner learns no way back: leave --reverse out, or choose --method cyclegan"
        )
