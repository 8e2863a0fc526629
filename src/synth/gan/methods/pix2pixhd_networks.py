"""pix2pixHD's networks and losses: a generator of maps, and patch discriminators of several scales.

::

    L_G = E[(D(s, G(s)) − 1)²] + w_feature · FM + w_perceptual · P
    L_D = ½ E[(D(s, x) − 1)²] + ½ E[D(s, G(s))²]

s: a label map, x: its picture (Wang et al. 2018, section 3). FM and P: networks/matching.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synth.gan.methods.method import Losses, Phase, Step
from synth.gan.methods.pix2pixhd_settings import MatchingSettings, Pix2PixHDSettings
from synth.gan.painting import PaintingNetworks
from synth.gan.perceptual import PerceptualLoss, make_perceptual_loss
from synth.networks import adversarial
from synth.networks.architecture import AdversarialKind
from synth.networks.discriminators import PatchDiscriminator, make_discriminator
from synth.networks.matching import feature_matching_loss
from synth.networks.pix2pixhd import Pix2PixHDGenerator

_CURVES = {"loss/G/adv": "adversarial", "loss/feature": "features", "loss/perceptual": "perceptual"}


class Matching(PaintingNetworks):
    """A generator and a patch discriminator that sees the map too, by whose features paintings are matched.

    adversarial: which loss. Weights are drawn by torch's global generator.
    """

    adversarial: AdversarialKind

    def __init__(self, settings: MatchingSettings, G: nn.Module, D: PatchDiscriminator) -> None:
        super().__init__()
        self.settings: MatchingSettings = settings
        self.G, self.D = G, D
        self._perceptual: list[PerceptualLoss] = []  # Frozen: in no state, so not a part of this module.

    def paint(self, step: Step) -> tuple[Tensor, Losses]:
        """What the generator makes of a step's maps, and terms of its loss that come with it."""
        return self.G(step.batch.sim), {}

    @property
    def weights(self) -> dict[str, float]:
        """Of the generator's terms; 1 for those that are not here."""
        s = self.settings
        return {"loss/feature": s.w_feature, "loss/perceptual": s.w_perceptual}

    def phases(self) -> Sequence[Phase]:
        """All but the discriminator, then that."""
        s = self.settings
        perceptual = make_perceptual_loss(s.perceptual) if s.w_perceptual else None
        if perceptual is not None:
            perceptual.net.to(next(self.G.parameters()).device)
            self._perceptual = [perceptual]
        judging = {id(parameter) for parameter in self.D.parameters()}
        betas = (s.beta1, s.beta2)
        return (
            Phase(
                "generator",
                tuple(p for p in self.parameters() if id(p) not in judging),
                self.generator_losses,
                total="loss/G/total",
                learning_rate=s.learning_rate,
                betas=betas,
                curves=_CURVES,
            ),
            Phase(
                "discriminator",
                tuple(self.D.parameters()),
                self.discriminator_losses,
                total="loss/D/total",
                learning_rate=s.learning_rate_D,
                betas=betas,
            ),
        )

    def generator_losses(self, step: Step) -> Losses:
        """The terms of L_G by name, ``loss/G/total`` among them; leaves what it painted to the next phase."""
        planes, real = step.batch.sim, step.batch.real
        fake, terms = self.paint(step)
        with torch.no_grad():
            seen_real = self._look(planes, real)
        seen_fake = self._look(planes, fake)
        scores = [stages[-1] for stages in seen_fake]
        terms["loss/G/adv"] = adversarial.generator_loss(self.adversarial, scores)
        if self.settings.w_feature:
            terms["loss/feature"] = feature_matching_loss(seen_real, seen_fake)
        for perceptual in self._perceptual:
            terms["loss/perceptual"] = perceptual.loss(real, fake)
        weights = self.weights
        total = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        step.made["fake"] = fake.detach()
        return terms | {"loss/G/total": total}

    def discriminator_losses(self, step: Step) -> Losses:
        """L_D on this step's pictures and on what the generator made of their maps."""
        n, planes = len(step.batch.real), step.batch.sim
        both = torch.cat([step.batch.real, step.made["fake"]])
        seen = self._look(torch.cat([planes, planes]), both)
        scores = [torch.split(stages[-1], n) for stages in seen]
        real, fake = [a for a, _ in scores], [b for _, b in scores]
        return {"loss/D/total": adversarial.discriminator_loss(self.adversarial, real, fake)}

    def _look(self, planes: Tensor, images: Tensor) -> list[list[Tensor]]:
        return self.D.look(torch.cat([planes, images.to(planes.dtype)], dim=1))


class Pix2PixHD(Matching):
    """By least squares."""

    adversarial: AdversarialKind = "least-squares"

    def __init__(self, settings: Pix2PixHDSettings) -> None:
        D = make_discriminator(settings.discriminator, n_in=3 + settings.n_planes)
        super().__init__(settings, make_generator(settings), D)


def make_generator(settings: Pix2PixHDSettings) -> Pix2PixHDGenerator:
    """By torch's global generator."""
    return Pix2PixHDGenerator(settings.generator, settings.n_planes)
