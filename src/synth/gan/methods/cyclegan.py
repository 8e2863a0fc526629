"""CycleGAN (Zhu et al. 2017) with demodulated convolutions, as a method."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synth.dataset.reader import DatasetReader
from synth.gan.checkpoint import load_generator_of, save_generators
from synth.gan.learned import fit_by_training
from synth.gan.methods.cyclegan_networks import CycleGAN
from synth.gan.methods.cyclegan_settings import PRESETS, CycleGANSettings
from synth.gan.methods.method import WITNESS, Direction, Translator
from synth.gan.patches import TAKEN
from synth.gan.translator import GeneratorTranslator

__all__ = ["PRESETS", "CycleGANMethod", "CycleGANSettings"]


class CycleGANMethod:
    """Both directions are learnt at once; the masks of rendered images are looked at where a weight asks."""

    name = "cyclegan"
    title = "CycleGAN"
    reads = TAKEN
    presets: Mapping[str, Any] = PRESETS

    def default_preset(self, device: torch.device) -> str:
        """quick without a GPU, paper with one."""
        return "quick" if device.type == "cpu" else "paper"

    def needs(self, settings: CycleGANSettings) -> Mapping[str, str]:
        """Masks for the terms that keep labels, the witness for its own."""
        asking = [name for name in ("w_background", "w_mask_edge", "w_witness") if getattr(settings, name)]
        needs = {"mask": " and ".join(asking)} if asking else {}
        return needs | {WITNESS: "w_witness"} if settings.w_witness else needs

    def make_networks(self, settings: CycleGANSettings, rng: torch.Generator) -> CycleGAN:
        """Two generators and two discriminators."""
        return CycleGAN(settings, rng)

    def fit(
        self,
        sim: DatasetReader,
        real: DatasetReader,
        settings: CycleGANSettings,
        seed: int,
        device: torch.device,
    ) -> Translator:
        """Train to the end of the schedule."""
        return fit_by_training(self, sim, real, settings, seed, device)

    def load(self, path: Path, direction: Direction, device: torch.device) -> Translator:
        """Of a checkpoint."""
        return GeneratorTranslator(path, self.name, direction, device)

    def save_generators(
        self,
        path: Path,
        generators: Mapping[Direction, nn.Module],
        settings: CycleGANSettings,
        words: Mapping[str, str],
    ) -> None:
        """Both directions and their architecture in one file."""
        save_generators(path, self.name, generators, settings.generator, words)

    def load_generator(self, path: Path, direction: Direction) -> nn.Module:
        """Of a checkpoint."""
        return load_generator_of(path, self.name, direction)[0]
