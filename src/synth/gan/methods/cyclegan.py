"""CycleGAN (Zhu et al. 2017) with demodulated convolutions: its presets, and where each number comes from.

========================  ========  ========  ========
number                    quick     paper     best
========================  ========  ========  ========
generator                 demod.    demod.    demod.
skip                      yes       no        yes
filters, blocks           16, 6     64, 9     64, 9
discriminator's filters   32        64        64
patch side, pixels        128       256       256
batch                     1         1         1
images of each look       700       200 ep.   400 ep.
learning rate             1e-3      1e-4      1e-4
pool                      50        50        50
w_cycle, w_identity       1, 0      10, 5     1, 0
half-life of averages     500       1000      1000
========================  ========  ========  ========

All: Zhu et al. 2017, section 4 and appendix 7.1 and 7.2 (64 filters, 9 blocks at 256 pixels, Adam, batch 1,
pool of 50, λ = 10, identity at 0.5 λ, the rate constant for half of the run, then linearly down to 0). paper:
the work that synth follows put demodulated convolutions in place of norms, at a lower rate than the published
2e-4 and for longer, and saw overfitting from epoch 200 on. quick: measured on the simulated cell. A generator
that adds to its input begins as the identity, which is already what L1 to the source asks for: at 10 and 5 it
stays there, at 1 and 0 it takes on the real light in 400 steps, and labels still hold. best: the same with
the paper's networks, twice its epochs and many checkpoints to choose from; not measured.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synth.dataset.reader import DatasetReader
from synth.gan.checkpoint import load_generator_of, save_generators
from synth.gan.learned import fit_by_training
from synth.gan.methods.cyclegan_networks import CycleGAN, CycleGANSettings
from synth.gan.methods.method import WITNESS, Direction, Translator
from synth.gan.schedule import Schedule
from synth.gan.translator import GeneratorTranslator
from synth.networks.architecture import DiscriminatorShape, GeneratorShape

__all__ = ["CycleGANMethod", "CycleGANSettings"]

PRESETS = {
    "quick": CycleGANSettings(
        GeneratorShape("demodulated", n_filters=16, n_blocks=6, skip=True),
        DiscriminatorShape(n_filters=32),
        w_cycle=1.0,
        w_identity=0.0,
        learning_rate=1e-3,
        schedule=Schedule(
            side_px=128, n_images=700, n_checkpoints=4, tick_images=10, ema_half_life_images=500.0
        ),
    ),
    "paper": CycleGANSettings(
        GeneratorShape("demodulated"),
        DiscriminatorShape(),
        learning_rate=1e-4,
        schedule=Schedule(side_px=256, n_epochs=200),
    ),
    "best": CycleGANSettings(
        GeneratorShape("demodulated", skip=True),
        DiscriminatorShape(),
        w_cycle=1.0,
        w_identity=0.0,
        learning_rate=1e-4,
        schedule=Schedule(side_px=256, n_epochs=400, n_checkpoints=40),
    ),
}


class CycleGANMethod:
    """Both directions are learnt at once; the masks of rendered images are looked at where a weight asks."""

    name = "cyclegan"
    title = "CycleGAN"
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
