"""CycleGAN's settings and presets, and where each number comes from; nothing here needs torch.

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

Others change one thing of quick; none is measured. keep-labels: edges of masks (losses.mask_edge_loss) and
what a witness sees are kept, at the weight of the cycle. keep-background: what lies outside masks stays, for
sources before a captured background. log: the first adversarial loss, with R1 at γ = 10 as Mescheder et al.
2018 train. wasserstein: with a gradient penalty of weight 10 (Gulrajani et al. 2017). two-scales: a second
discriminator, on the halved image (Wang et al. 2018). published, published-batch: Zhu et al. 2017 as it
stands, by instance norm or batch norm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from synth.errors import InputError
from synth.gan.schedule import LearnedSettings, Schedule
from synth.networks.architecture import (
    ADVERSARIAL_KINDS,
    AdversarialKind,
    DiscriminatorShape,
    GeneratorShape,
)


@dataclass(frozen=True)
class CycleGANSettings(LearnedSettings):
    """What is learnt with. The schedule that is the default is the published one.

    w_*: weights of the loss terms; 0 leaves one out. w_gradient_penalty: of the Wasserstein loss alone.
    learning_rate, beta1, beta2: Adam's. pool_size: past translations that discriminators are shown.
    """

    generator: GeneratorShape
    discriminator: DiscriminatorShape
    adversarial: AdversarialKind = "least-squares"
    w_cycle: float = 10.0
    w_identity: float = 5.0
    w_background: float = 0.0
    w_mask_edge: float = 0.0
    w_witness: float = 0.0
    w_r1: float = 0.0
    w_gradient_penalty: float = 10.0
    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    pool_size: int = 50
    schedule: Schedule = field(default=Schedule(side_px=256, n_epochs=200), kw_only=True)

    def __post_init__(self) -> None:
        for name in ("cycle", "identity", "background", "mask_edge", "witness", "r1", "gradient_penalty"):
            if (weight := getattr(self, f"w_{name}")) < 0:
                raise InputError(f"the weight of a loss must be 0 or more, got w_{name} = {weight:g}")
        if self.learning_rate <= 0:
            raise InputError(f"the learning rate must be above 0, got {self.learning_rate:g}")
        if self.adversarial not in ADVERSARIAL_KINDS:
            raise InputError(
                f"adversarial must be one of {', '.join(ADVERSARIAL_KINDS)}, got {self.adversarial!r}"
            )
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise InputError(
                f"beta1 and beta2 must be 0 or more and less than 1, got {self.beta1:g} and {self.beta2:g}"
            )
        if self.pool_size < 0:
            raise InputError(f"pool_size must be 0 or more, got {self.pool_size}")


_QUICK = CycleGANSettings(
    GeneratorShape("demodulated", n_filters=16, n_blocks=6, skip=True),
    DiscriminatorShape(n_filters=32),
    w_cycle=1.0,
    w_identity=0.0,
    learning_rate=1e-3,
    schedule=Schedule(side_px=128, n_images=700, n_checkpoints=4, tick_images=10, ema_half_life_images=500.0),
)

PRESETS: Mapping[str, CycleGANSettings] = {
    "quick": _QUICK,
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
    "keep-labels": replace(_QUICK, w_mask_edge=1.0, w_witness=1.0),
    "keep-background": replace(_QUICK, w_background=1.0),
    "log": replace(_QUICK, adversarial="log", w_r1=10.0),
    "wasserstein": replace(_QUICK, adversarial="wasserstein"),
    "two-scales": replace(_QUICK, discriminator=DiscriminatorShape(n_filters=32, n_scales=2)),
    "published": CycleGANSettings(GeneratorShape("instance"), DiscriminatorShape()),
    "published-batch": CycleGANSettings(GeneratorShape("batch"), DiscriminatorShape()),
}
