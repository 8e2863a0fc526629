"""OASIS' settings and presets, and where each number comes from; nothing here needs torch.

========================  ==========  ==========
number                    quick       paper
========================  ==========  ==========
picture, pixels           256×192     512×256
affine                    class       pixel
filters, hidden           16, –       64, 128
style                     16          64
discriminator's filters   12          64
batch                     4           20
pictures                  4,000       200 ep.
learning rate of G        4e-4        1e-4
learning rate of D        4e-4        4e-4
w_label_mix               5           5
half-life of averages     1000        13,860
========================  ==========  ==========

paper: Schönfeld et al. 2021, section 4 and appendix, as for Cityscapes: Adam (0, 0.999), 1e-4 and 4e-4,
LabelMix at 5 (10 for other data sets), averages of 0.999 a step of 20 pictures. Its rate is constant; here it
is so for half of the run, then falls to 0, as that of every method. quick: for two cores, ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from synth.errors import InputError
from synth.gan.schedule import MapSettings, Schedule
from synth.networks.architecture import MOST_FILTERS, SpadeShape

DISCRIMINATOR_MULTIPLE_PX = 64


@dataclass(frozen=True, kw_only=True)
class OasisSettings(MapSettings):
    """What is learnt with. n_filters_D: of the discriminator, whose widest stages have eight times as many.

    w_label_mix: weight of the term that keeps it to classes' borders. learning_rate, learning_rate_D, beta1,
    beta2: Adam's.
    """

    generator: SpadeShape
    n_filters_D: int = 64
    w_label_mix: float = 5.0
    learning_rate: float = 1e-4
    learning_rate_D: float = 4e-4
    beta1: float = 0.0
    beta2: float = 0.999

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.w_label_mix < 0:
            raise InputError(f"w_label_mix must be 0 or more, got {self.w_label_mix:g}")
        if not 1 <= self.n_filters_D <= MOST_FILTERS:
            raise InputError(f"n_filters_D must be 1 to {MOST_FILTERS}, got {self.n_filters_D}")
        self.refuse_rates(self.learning_rate, self.learning_rate_D, self.beta1, self.beta2)
        self.refuse_sides(DISCRIMINATOR_MULTIPLE_PX)
        if self.generator.n_doublings != 5:
            raise InputError(f"OASIS' generator has 5 doublings, got {self.generator.n_doublings}")


PRESETS: Mapping[str, OasisSettings] = {
    "quick": OasisSettings(
        generator=SpadeShape(n_filters=16, affine="class", n_style=16),
        n_filters_D=12,
        learning_rate=4e-4,
        height_px=192,
        schedule=Schedule(side_px=256, n_images=4000, batch_size=4, n_checkpoints=4),
    ),
    "paper": OasisSettings(
        generator=SpadeShape(n_style=64),
        height_px=256,
        schedule=Schedule(side_px=512, n_epochs=200, batch_size=20, ema_half_life_images=13_860.0),
    ),
}
