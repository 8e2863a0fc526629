"""SYN-MTGAN's settings and presets, and where each number comes from; nothing here needs torch.

========================  ==========  ==========
number                    quick       paper
========================  ==========  ==========
generator                 demodul.    instance
skip                      yes         no
filters, blocks           16, 4       64, 9
discriminator's filters   16          64
side of a crop, pixels    64          256
batch                     8           24
crops of each look        6,000       120 ep.
learning rate             3e-4        2e-4
heads                     a, c        a, c
w_cycle                   10          10
w_identity (α)            0.5         0.5
w_background              1           0
w_class (μ)               0.5         0.5
w_localisation            0.5         0.5
half-life of averages     1000        1000
========================  ==========  ==========

paper: SYN-MTGAN, section 4.2: 256×256, batch 24, 120 epochs, λ = 10, α = 0.5, μ = 0.5, and for the rest "we
mostly follow the original CycleGAN's implementation": Adam at 2e-4, β1 0.5, a pool of 50, the rate constant
for half of the run and then down to 0. Section 3.3: 9 blocks, instance norm; 64 filters are CycleGAN's.
Section 4.3.2: 0.5 for the localisation head, which the best case (3 in Table 3 of the paper) is without; a
and c are the adversarial and the class head. The adversarial loss is the logarithm of equation 1, where
CycleGAN's code has squares: ``adversarial`` takes either. How crops are cut is not told; context, shift and
scale are ours, and so is ``class_loss``: see MTGANSettings.

quick: CycleGAN's quick numbers for crops, see cyclegan_settings.py, and the background term, since what is
outside an instance is real already. Equation 3 asks nothing of it in the source: without the term the network
paints halos round signs. Of 90 pasted signs after 2,400 crops, one training each, the seam (crops.py) was 8.0
counts without and 3.1 with it in the median, above the limit in 24 of 90 and in none, and signs themselves
changed as much, by 22 and 21 counts. λ and the rate: with CycleGAN's quick ones, 1 and 1e-3, dark blots are
painted into signs. Of 235 pictures of signs, one training each, 111 kept their labels; with 3e-4 131, with
λ = 5 besides 195, with λ = 10 218, nearer to real val crops than drawn signs by as much (docs/results.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from synth.errors import InputError
from synth.gan.methods.cyclegan_settings import CycleGANSettings
from synth.gan.schedule import CropSettings, Schedule
from synth.networks.architecture import DiscriminatorShape, GeneratorShape

if TYPE_CHECKING:
    from synth.networks.multi_task import HeadName

ClassLoss = Literal["sure", "paper"]
Identity = Literal["outside-box", "whole"]

HEADS = ("adversarial", "class", "localisation")


@dataclass(frozen=True)
class MTGANSettings(CycleGANSettings, CropSettings):
    """What is learnt with: CycleGAN's settings, and

    heads: of the discriminators; a class head of one class is left out. alternate: of the heads only one is
    learnt a step, in turn, while the others stand still (section 4.3.2). identity: where w_identity holds,
    outside boxes (equation 3) or over whole crops (CycleGAN's). class_loss: what class heads learn from.
    sure: from real and from source crops, whose class is sure, both in both discriminators, so that they have
    seen classes of which there is no real crop; never from translated ones, whose faults they would take for
    a mark of the class. paper: equation 4 as it stands, its sign corrected: from the discriminator's own look
    and from translated crops, and generators are pushed by it from the first step. A localisation head always
    learns from sure crops. min_accuracy, min_iou: running share of classes that a head tells, and running
    mean IoU of its boxes, on crops that it is just learning from; below, it does not push generators. One and
    the same box for all jittered crops of 600 signs has an IoU of 0.74.
    """

    heads: "tuple[HeadName, ...]" = ("adversarial", "class")
    alternate: bool = False
    identity: Identity = "outside-box"
    class_loss: ClassLoss = "sure"
    w_identity: float = 0.5
    w_class: float = 0.5
    w_localisation: float = 0.5
    min_accuracy: float = 0.8
    min_iou: float = 0.85
    discriminator: DiscriminatorShape = field(default=DiscriminatorShape(n_layers=4), kw_only=True)

    def __post_init__(self) -> None:
        CycleGANSettings.__post_init__(self)
        CropSettings.__post_init__(self)
        if not self.heads or not set(self.heads) <= set(HEADS) or len(set(self.heads)) < len(self.heads):
            raise InputError(
                f"heads must be one or more of {', '.join(HEADS)}, each once, got "
                f"{', '.join(self.heads) or 'none'}"
            )
        for name, known in (("class_loss", get_args(ClassLoss)), ("identity", get_args(Identity))):
            if (got := getattr(self, name)) not in known:
                raise InputError(f"{name} must be {' or '.join(known)}, got {got!r}")
        for name in ("w_class", "w_localisation"):
            if (weight := getattr(self, name)) < 0:
                raise InputError(f"the weight of a loss must be 0 or more, got {name} = {weight:g}")
        for name in ("min_accuracy", "min_iou"):
            if not 0 <= (least := getattr(self, name)) <= 1:
                raise InputError(f"{name} must be 0 to 1, got {least:g}")
        if (self.discriminator.n_layers, self.discriminator.n_scales) != (4, 1):
            raise InputError(
                "these discriminators have 4 strided layers and 1 scale, as the heads' map needs them, got "
                f"{self.discriminator.n_layers} and {self.discriminator.n_scales}"
            )
        if self.w_witness:
            raise InputError(
                "a witness looks at frames at their own resolution, and crops have another: w_witness must "
                f"be 0, got {self.w_witness:g}"
            )


PRESETS: Mapping[str, MTGANSettings] = {
    "quick": MTGANSettings(
        GeneratorShape("demodulated", n_filters=16, n_blocks=4, skip=True),
        discriminator=DiscriminatorShape(n_filters=16, n_layers=4),
        w_background=1.0,
        learning_rate=3e-4,
        schedule=Schedule(
            side_px=64,
            n_images=6000,
            batch_size=8,
            n_checkpoints=4,
            tick_images=80,
            ema_half_life_images=1000.0,
        ),
    ),
    "paper": MTGANSettings(
        GeneratorShape("instance"),
        adversarial="log",
        schedule=Schedule(side_px=256, n_epochs=120, batch_size=24),
    ),
}
