"""The refiner's networks and losses: one generator that cannot draw, and a discriminator of real pictures.

::

    L_G = adv + w_self E[|R(x) − b(x)|] + w_smooth E[|∇ grid|]
    L_D = adv

x: a source picture, b: its other white balance, R: what the generator makes of it before blur and grain
(Shrivastava et al. 2017, equation 3). ∇: between neighbouring cells, so that what changes a part's colour
does not spread a ring around it. The discriminator sees blur and grain too; as they are measured, it cannot
tell by them, and none is learnt.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from synth.gan.methods.method import Direction, Losses, Networks, Phase, Stateful, Step
from synth.gan.methods.refiner_settings import RefinerSettings
from synth.networks import adversarial
from synth.networks.bilateral import BilateralGenerator
from synth.networks.discriminators import make_discriminator
from synth.networks.image_pool import ImagePool

CURVES = {"loss/G/adv": "adversarial", "loss/self": "to the source", "loss/smooth": "unevenness"}

_LOOK = "real"


class Refiner(Networks):
    """rng: draws the first weights, on the CPU."""

    def __init__(self, settings: RefinerSettings, rng: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        self.G = BilateralGenerator(settings.generator, rng)
        self.D = make_discriminator(settings.discriminator, rng=rng)
        self._pool = ImagePool(settings.pool_size)

    @property
    def generators(self) -> Mapping[Direction, nn.Module]:
        """From sim to real alone."""
        return {"sim2real": self.G}

    @property
    def memories(self) -> Mapping[str, Stateful]:
        """The pool."""
        return {_LOOK: self._pool}

    def fit_inputs(self, sim: torch.Tensor, real: torch.Tensor) -> None:
        """White balance, blur and grain, from these images of each look."""
        self.G.sensor.fit(sim, real)

    def phases(self) -> Sequence[Phase]:
        """The generator first."""
        s = self.settings
        return (
            Phase(
                "generator",
                tuple(self.G.parameters()),
                self._refine,
                total="loss/G/total",
                learning_rate=s.learning_rate,
                betas=(s.beta1, s.beta2),
                curves={
                    "loss/G/adv": "adversarial",
                    "loss/self": "to the source",
                    "loss/smooth": "unevenness",
                },
            ),
            Phase(
                "discriminator",
                tuple(self.D.parameters()),
                self._tell,
                total="loss/D/total",
                learning_rate=s.learning_rate,
                betas=(s.beta1, s.beta2),
            ),
        )

    def _refine(self, step: Step) -> Losses:
        balanced = self.G.sensor.balance(step.batch.sim)
        grid = self.G.fill(balanced)
        refined = self.G.relight(balanced, grid)
        taken = self.G.sensor.expose(refined, step.rng_device)
        step.made[_LOOK] = taken.detach()
        terms: Losses = {
            "loss/G/adv": adversarial.generator_loss(self.settings.adversarial, self.D(taken)),
            "loss/self": (refined - balanced).abs().mean(),
            "loss/smooth": _unevenness(grid),
        }
        kept = self.settings.w_self * terms["loss/self"] + self.settings.w_smooth * terms["loss/smooth"]
        terms["loss/G/total"] = terms["loss/G/adv"] + kept
        return terms

    def _tell(self, step: Step) -> Losses:
        real, made = step.batch.real, self._pool.query(step.made[_LOOK], step.rng_cpu)
        scores = [maps.split([len(real), len(made)]) for maps in self.D(torch.cat([real, made]))]
        total = adversarial.discriminator_loss(
            self.settings.adversarial, [of_real for of_real, _ in scores], [of_made for _, of_made in scores]
        )
        return {"loss/D/total": total}


def _unevenness(grid: torch.Tensor) -> torch.Tensor:
    """Mean difference between coefficients of neighbouring cells, of grids [N,L,12,h,w]."""
    return grid.diff(dim=3).abs().mean() + grid.diff(dim=4).abs().mean()
