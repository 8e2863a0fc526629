"""How long and with what a translator is trained, by name, and where each number comes from.

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

from dataclasses import dataclass
from typing import Literal

from synth.errors import InputError
from synth.gan.methods.cyclegan import CycleGANSettings
from synth.networks.discriminators import DiscriminatorShape
from synth.networks.generators import GeneratorShape

PresetName = Literal["quick", "paper", "best"]


@dataclass(frozen=True)
class Preset:
    """How a translator is trained, the data aside.

    side_px: of the patches. n_images: images of each look seen in all; where None, n_epochs times the larger
    dataset. n_checkpoints: evenly spread, the last at the end. tick_images: between two lines of stats.
    ema_half_life_images: until a weight counts half in the averages.
    """

    method: CycleGANSettings
    side_px: int
    n_images: int | None = None
    n_epochs: int | None = None
    batch_size: int = 1
    n_checkpoints: int = 20
    tick_images: int = 100
    ema_half_life_images: float = 1000.0

    def __post_init__(self) -> None:
        counts = [self.n_images, self.n_epochs]
        if sum(count is not None for count in counts) != 1:
            raise InputError("give either images or epochs to train for")
        positive = {name: getattr(self, name) for name in ("batch_size", "n_checkpoints", "tick_images")}
        positive["n_images or n_epochs"] = next(count for count in counts if count is not None)
        for name, value in positive.items():
            if value < 1:
                raise InputError(f"{name} must be 1 or more, got {value}")

    def measure(self, n_train: int, n_devices: int) -> "Lengths":
        """Steps, where the larger dataset has ``n_train`` train images."""
        images_a_step = self.batch_size * n_devices
        n_images = self.n_images if self.n_images is not None else (self.n_epochs or 0) * n_train
        n_steps = -(-n_images // images_a_step)
        return Lengths(
            n_steps=n_steps,
            n_images=n_steps * images_a_step,
            tick_every=max(1, self.tick_images // images_a_step),
            checkpoint_every=-(-n_steps // self.n_checkpoints),
        )


@dataclass(frozen=True)
class Lengths:
    """A run in steps. n_images: of each look, over all devices. tick_every, checkpoint_every: in steps."""

    n_steps: int
    n_images: int
    tick_every: int
    checkpoint_every: int

    def is_tick(self, step: int) -> bool:
        """Whether this step ends with a line of stats."""
        return step % self.tick_every == 0 or step == self.n_steps

    def is_checkpoint(self, step: int) -> bool:
        """Whether this step ends with a checkpoint."""
        return step % self.checkpoint_every == 0 or step == self.n_steps


PRESETS: dict[PresetName, Preset] = {
    "quick": Preset(
        CycleGANSettings(
            GeneratorShape("demodulated", n_filters=16, n_blocks=6, skip=True),
            DiscriminatorShape(n_filters=32),
            w_cycle=1.0,
            w_identity=0.0,
            learning_rate=1e-3,
        ),
        side_px=128,
        n_images=700,
        n_checkpoints=4,
        tick_images=10,
        ema_half_life_images=500.0,
    ),
    "paper": Preset(
        CycleGANSettings(GeneratorShape("demodulated"), DiscriminatorShape(), learning_rate=1e-4),
        side_px=256,
        n_epochs=200,
    ),
    "best": Preset(
        CycleGANSettings(
            GeneratorShape("demodulated", skip=True),
            DiscriminatorShape(),
            w_cycle=1.0,
            w_identity=0.0,
            learning_rate=1e-4,
        ),
        side_px=256,
        n_epochs=400,
        n_checkpoints=40,
    ),
}
