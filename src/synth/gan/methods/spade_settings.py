"""SPADE's settings and presets, and where each number comes from; nothing here needs torch.

========================  ==========  ==========
number                    quick       paper
========================  ==========  ==========
picture, pixels           256×192     960×480
affine                    class       pixel
filters, hidden           16, –       64, 128
style                     16          256
discriminator's filters   24          64
scales                    2           2
batch                     4           1
pictures                  6,000       100 ep.
learning rate of G        1e-3        1e-4
learning rate of D        1e-3        4e-4
w_feature, w_perceptual   10, 10      10, 10
w_style                   0.05        0.05
half-life of averages     1000        1000
brightness                0           0.1
========================  ==========  ==========

paper: Park et al. 2019, section 4 and appendix A: hinge loss, feature matching and VGG19 at 10, KL
divergence at 0.05, Adam (0, 0.9), 1e-4 and 4e-4 for the discriminator (TTUR), Xavier's weights with a gain of
0.02. Size, batch, 100 epochs, flips, contrast and brightness are those of Harjanto et al., "Synthetic Hong
Kong Urban Image Generation", table 2 and section 3.3, whose 2e-4 TTUR halves for G and doubles for D; how far
they change brightness is not told. The rate is constant for half of the run, then falls to 0. quick: for two
cores, ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from synth.errors import InputError
from synth.gan.methods.pix2pixhd_settings import MatchingSettings
from synth.gan.schedule import Schedule
from synth.networks.architecture import DiscriminatorShape, SpadeShape


@dataclass(frozen=True, kw_only=True)
class SpadeSettings(MatchingSettings):
    """What is learnt with. The generator's n_style above 0 asks for an encoder of styles.

    w_style: weight of the term that keeps styles near N(0, 1).
    """

    generator: SpadeShape
    w_style: float = 0.05
    learning_rate: float = 1e-4
    learning_rate_D: float = 4e-4
    beta1: float = 0.0
    beta2: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.w_style < 0:
            raise InputError(f"the weight of a loss must be 0 or more, got w_style = {self.w_style:g}")
        self.refuse_sides(self.generator.multiple_px)


PRESETS: Mapping[str, SpadeSettings] = {
    "quick": SpadeSettings(
        generator=SpadeShape(n_filters=16, affine="class", n_style=16),
        discriminator=DiscriminatorShape(n_filters=24, n_scales=2),
        learning_rate=1e-3,
        learning_rate_D=1e-3,
        height_px=192,
        schedule=Schedule(side_px=256, n_images=6000, batch_size=4, n_checkpoints=4),
    ),
    "paper": SpadeSettings(
        generator=SpadeShape(n_style=256),
        discriminator=DiscriminatorShape(n_scales=2),
        brightness=0.1,
        height_px=480,
        schedule=Schedule(side_px=960, n_epochs=100),
    ),
}
