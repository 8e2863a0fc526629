"""pix2pixHD (Wang et al. 2018), as a method."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from synth.gan.methods.pix2pixhd_networks import Pix2PixHD, make_generator
from synth.gan.methods.pix2pixhd_settings import PRESETS, Pix2PixHDSettings
from synth.gan.painting import PaintingMethod, drawn_by

__all__ = ["PRESETS", "Pix2PixHDMethod", "Pix2PixHDSettings"]


class Pix2PixHDMethod(PaintingMethod):
    """A ResNet generator with instance norm; least squares, feature matching, a perceptual loss."""

    name = "pix2pixhd"
    title = "pix2pixHD"
    presets: Mapping[str, Any] = PRESETS
    settings_type = Pix2PixHDSettings

    def make_networks(self, settings: Pix2PixHDSettings, rng: torch.Generator) -> Pix2PixHD:
        """Generator and discriminator."""
        with drawn_by(rng):
            return Pix2PixHD(settings)

    def build_generator(self, settings: Pix2PixHDSettings) -> nn.Module:
        """Of torch's global generator."""
        return make_generator(settings)
