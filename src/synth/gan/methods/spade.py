"""SPADE, also called GauGAN (Park et al. 2019), as a method."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from synth.gan.methods.spade_networks import Spade, make_generator
from synth.gan.methods.spade_settings import PRESETS, SpadeSettings
from synth.gan.painting import PaintingMethod, drawn_by

__all__ = ["PRESETS", "SpadeMethod", "SpadeSettings"]


class SpadeMethod(PaintingMethod):
    """Norms told by the map where to do what; hinge loss, feature matching, a perceptual loss."""

    name = "spade"
    title = "SPADE (GauGAN)"
    presets: Mapping[str, Any] = PRESETS
    settings_type = SpadeSettings

    def make_networks(self, settings: SpadeSettings, rng: torch.Generator) -> Spade:
        """Generator, discriminator, and an encoder of styles where there are any."""
        with drawn_by(rng):
            return Spade(settings)

    def build_generator(self, settings: SpadeSettings) -> nn.Module:
        """Of torch's global generator."""
        return make_generator(settings)
