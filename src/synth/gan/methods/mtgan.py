"""SYN-MTGAN (Lin et al.): CycleGAN on crops of instances, whose discriminators know classes, as a method."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synth.gan.checkpoint import save_generators
from synth.gan.crop_translator import CropTranslator, crop_words
from synth.gan.methods.cyclegan import CycleGANMethod
from synth.gan.methods.method import Direction, Translator
from synth.gan.methods.mtgan_networks import MTGAN
from synth.gan.methods.mtgan_settings import PRESETS, MTGANSettings

__all__ = ["PRESETS", "MTGANMethod", "MTGANSettings"]


class MTGANMethod(CycleGANMethod):
    """As CycleGAN's, on square crops; classes and boxes of both looks' train images are learnt from."""

    name = "mtgan"
    title = "SYN-MTGAN"
    presets: Mapping[str, Any] = PRESETS

    def make_networks(self, settings: Any, rng: torch.Generator) -> MTGAN:
        """Two generators and two discriminators with heads."""
        return MTGAN(settings, rng)

    def load(self, path: Path, direction: Direction, device: torch.device) -> Translator:
        """Of a checkpoint: instances are cut out, translated and laid back."""
        return CropTranslator(path, self.name, direction, device)

    def save_generators(
        self,
        path: Path,
        generators: Mapping[Direction, nn.Module],
        settings: Any,
        words: Mapping[str, str],
    ) -> None:
        """Both directions, their architecture and of which crops they are, in one file."""
        save_generators(path, self.name, generators, settings.generator, {**words, **crop_words(settings)})
