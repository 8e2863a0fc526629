"""pix2pixHD's settings and presets, and where each number comes from; nothing here needs torch.

========================  ==========  ==========  ==========
number                    quick       paper       enhanced
========================  ==========  ==========  ==========
picture, pixels           256×192     1024×512    2048×1024
filters, blocks           16, 4       64, 9       64, 9
local enhancer's blocks   –           –           3
discriminator's filters   24          64          64
scales                    2           2           3
batch                     4           1           1
pictures                  6,000       200 ep.     200 ep.
learning rate             1e-3        2e-4        2e-4
w_feature, w_perceptual   10, 10      10, 10      10, 10
half-life of averages     1000        1000        1000
========================  ==========  ==========  ==========

paper: Wang et al. 2018, section 3 and appendix: least squares, feature matching and VGG19 at 10, Adam (0.5,
0.999) at 2e-4 for 100 epochs and down to 0 over 100 more, batch 1, weights from N(0, 0.02), edges of
instances where they are known. enhanced: the same at the size of its local enhancer; the article trains the
inner generator first and then both, here both learn from the first step. quick: for two cores, ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from synth.errors import InputError
from synth.gan.perceptual_words import LITE0, NONE, describe_perceptual
from synth.gan.schedule import MapSettings, Schedule
from synth.networks.architecture import DiscriminatorShape, Pix2PixHDShape


@dataclass(frozen=True, kw_only=True)
class MatchingSettings(MapSettings):
    """What methods have in common whose paintings are matched to photographs by features.

    w_*: weights of the loss terms; 0 leaves one out. perceptual: whose features pictures are compared by
    (perceptual_words.py), ``lite0``, ``none`` or a file of VGG19's weights. learning_rate, learning_rate_D,
    beta1, beta2: Adam's.
    """

    discriminator: DiscriminatorShape
    w_feature: float = 10.0
    w_perceptual: float = 10.0
    perceptual: str = LITE0
    learning_rate: float
    learning_rate_D: float
    beta1: float
    beta2: float

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("w_feature", "w_perceptual"):
            if (weight := getattr(self, name)) < 0:
                raise InputError(f"the weight of a loss must be 0 or more, got {name} = {weight:g}")
        self.refuse_rates(self.learning_rate, self.learning_rate_D, self.beta1, self.beta2)
        if min(self.size_wh) < self.discriminator.min_side_px:
            raise InputError(
                f"this discriminator needs pictures of at least {self.discriminator.min_side_px} px a side, "
                f"got {self.size_wh[0]}×{self.size_wh[1]}: set schedule.side_px and height_px higher"
            )

    def describe(self) -> tuple[str, ...]:
        """By whose features pictures are compared."""
        return (describe_perceptual(self.perceptual if self.w_perceptual else NONE),)


@dataclass(frozen=True, kw_only=True)
class Pix2PixHDSettings(MatchingSettings):
    """What is learnt with."""

    generator: Pix2PixHDShape
    learning_rate: float = 2e-4
    learning_rate_D: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse_sides(self.generator.multiple_px)


PRESETS: Mapping[str, Pix2PixHDSettings] = {
    "quick": Pix2PixHDSettings(
        generator=Pix2PixHDShape(n_filters=16, n_blocks=4),
        discriminator=DiscriminatorShape(n_filters=24, n_scales=2),
        learning_rate=1e-3,
        learning_rate_D=1e-3,
        height_px=192,
        schedule=Schedule(side_px=256, n_images=6000, batch_size=4, n_checkpoints=4),
    ),
    "paper": Pix2PixHDSettings(
        generator=Pix2PixHDShape(),
        discriminator=DiscriminatorShape(n_scales=2),
        height_px=512,
        schedule=Schedule(side_px=1024, n_epochs=200),
    ),
    "enhanced": Pix2PixHDSettings(
        generator=Pix2PixHDShape(n_enhancer_blocks=3),
        discriminator=DiscriminatorShape(n_scales=3),
        height_px=1024,
        schedule=Schedule(side_px=2048, n_epochs=200),
    ),
}
