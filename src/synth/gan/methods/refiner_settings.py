"""The refiner's settings and presets, and where each number comes from; nothing here needs torch.

========================  ========
number                    quick
========================  ========
filters, blocks           16, 2
cell, levels              32 px, 6
largest coefficient       0.25
discriminator's filters   32
patch side, pixels        128
batch                     4
images of each look       2,400
learning rate             3e-4
pool                      50
w_self, w_smooth          4, 30
half-life of averages     500
========================  ========

Pool and the term that holds a picture to its source: Shrivastava et al. 2017, sections 2.2 and 2.3. The rest
was measured on the simulated cell, in trials of one to five seeds (docs/results.md, "A translator that cannot
draw"). At a rate of 1e-3 coefficients swing from bound to bound. At w_self 1 they settle with some seeds, and
with others colours still drift when the training ends; at 4 they settle with all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from synth.errors import InputError
from synth.gan.schedule import LearnedSettings, Schedule
from synth.networks.architecture import (
    ADVERSARIAL_KINDS,
    AdversarialKind,
    BilateralShape,
    DiscriminatorShape,
)


@dataclass(frozen=True)
class RefinerSettings(LearnedSettings):
    """What is learnt with.

    w_self: weight of the distance to the source with the other white balance, w_smooth: of how unlike
    neighbouring cells are. learning_rate, beta1, beta2:
    Adam's. pool_size: past translations that the discriminator is shown.
    """

    generator: BilateralShape
    discriminator: DiscriminatorShape
    adversarial: AdversarialKind = "least-squares"
    w_self: float = 4.0
    w_smooth: float = 30.0
    learning_rate: float = 3e-4
    beta1: float = 0.5
    beta2: float = 0.99
    pool_size: int = 50

    def __post_init__(self) -> None:
        for name in ("w_self", "w_smooth"):
            if (weight := getattr(self, name)) < 0:
                raise InputError(f"the weight of a loss must be 0 or more, got {name} = {weight:g}")
        if self.learning_rate <= 0:
            raise InputError(f"the learning rate must be above 0, got {self.learning_rate:g}")
        if self.adversarial not in ADVERSARIAL_KINDS or self.adversarial == "wasserstein":
            kinds = [kind for kind in ADVERSARIAL_KINDS if kind != "wasserstein"]
            raise InputError(f"adversarial must be one of {', '.join(kinds)}, got {self.adversarial!r}")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise InputError(
                f"beta1 and beta2 must be 0 or more and less than 1, got {self.beta1:g} and {self.beta2:g}"
            )
        if self.pool_size < 0:
            raise InputError(f"pool_size must be 0 or more, got {self.pool_size}")


PRESETS: Mapping[str, RefinerSettings] = {
    "quick": RefinerSettings(
        BilateralShape(),
        DiscriminatorShape(n_filters=32),
        schedule=Schedule(
            side_px=128,
            n_images=2400,
            batch_size=4,
            n_checkpoints=4,
            tick_images=40,
            ema_half_life_images=500.0,
        ),
    ),
}
