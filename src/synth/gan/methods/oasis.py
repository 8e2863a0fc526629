"""OASIS (Schönfeld et al. 2021), as a method."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from synth.gan.methods.oasis_networks import Oasis, make_generator
from synth.gan.methods.oasis_settings import PRESETS, OasisSettings
from synth.gan.painting import PaintingMethod, drawn_by

__all__ = ["PRESETS", "OasisMethod", "OasisSettings"]


class OasisMethod(PaintingMethod):
    """Adversarial supervision alone: the discriminator tells classes of pixels."""

    name = "oasis"
    title = "OASIS"
    presets: Mapping[str, Any] = PRESETS
    settings_type = OasisSettings

    def make_networks(self, settings: OasisSettings, rng: torch.Generator) -> Oasis:
        """Generator and discriminator."""
        with drawn_by(rng):
            return Oasis(settings)

    def build_generator(self, settings: OasisSettings) -> nn.Module:
        """Of torch's global generator."""
        return make_generator(settings)
