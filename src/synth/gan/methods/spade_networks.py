"""SPADE's networks and losses: a generator told by the map, a patch discriminator that sees it too.

::

    L_G = −E[D(s, G(s, z))] + w_feature · FM + w_perceptual · P + w_style · KL(z)
    L_D = E[max(0, 1 − D(s, x))] + E[max(0, 1 + D(s, G(s, z)))]

s: a label map, x: its picture, z: the style that an encoder sees in x, drawn from N(μ(x), σ(x)) (Park et al.
2019, section 3 and appendix A). FM, P and KL: networks/matching.py and networks/spade.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth.gan.eyes import Eyes, make_eyes
from synth.gan.methods.method import Losses, Phase, Step
from synth.gan.methods.spade_settings import SpadeSettings
from synth.gan.painting import PaintingNetworks
from synth.networks import adversarial
from synth.networks.discriminators import make_discriminator, normalise_spectrally
from synth.networks.matching import feature_matching_loss
from synth.networks.spade import SpadeGenerator, StyleEncoder, draw_xavier, kl_loss

_CURVES = {"loss/G/adv": "adversarial", "loss/feature": "features", "loss/perceptual": "perceptual"}


class Spade(PaintingNetworks):
    """Generator, discriminator and, where there are styles, their encoder.

    Weights are drawn by torch's global generator.
    """

    def __init__(self, settings: SpadeSettings) -> None:
        super().__init__()
        self.settings: SpadeSettings = settings
        self.G = make_generator(settings)
        self.D = make_discriminator(settings.discriminator, n_in=3 + settings.n_planes)
        draw_xavier(self.D)
        normalise_spectrally(self.D)
        shape = settings.generator
        self.E = StyleEncoder(shape.n_filters, shape.n_style) if shape.n_style else None
        self._eyes: list[Eyes] = []  # Frozen: in no state, so not a part of this module.

    def phases(self) -> Sequence[Phase]:
        """The generator, with the encoder, then the discriminator."""
        s = self.settings
        eyes = make_eyes(s.perceptual) if s.w_perceptual else None
        if eyes is not None:
            eyes.net.to(next(self.G.parameters()).device)
            self._eyes = [eyes]
        learners = [*self.G.parameters(), *(self.E.parameters() if self.E is not None else ())]
        betas = (s.beta1, s.beta2)
        return (
            Phase(
                "generator",
                tuple(learners),
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
        s, planes, real = self.settings, step.batch.sim, step.batch.real
        terms: Losses = {}
        style = None
        if self.E is not None:
            mean, log_variance = self.E(real)
            noise = torch.randn(mean.shape, generator=step.rng_device, device=mean.device)
            style = mean + noise * (0.5 * log_variance).exp()
            terms["loss/style"] = kl_loss(mean, log_variance)
        fake = self.G(planes, style)
        with torch.no_grad():
            seen_real = self._look(planes, real)
        seen_fake = self._look(planes, fake)
        terms["loss/G/adv"] = adversarial.generator_loss("hinge", [stages[-1] for stages in seen_fake])
        if s.w_feature:
            terms["loss/feature"] = feature_matching_loss(seen_real, seen_fake)
        for eyes in self._eyes:
            terms["loss/perceptual"] = eyes.loss(real, fake)
        weights = {
            "loss/style": s.w_style,
            "loss/feature": s.w_feature,
            "loss/perceptual": s.w_perceptual,
        }
        total = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        step.made["fake"] = fake.detach()
        return terms | {"loss/G/total": total}

    def discriminator_losses(self, step: Step) -> Losses:
        """L_D on this step's picture and on what the generator made of its map."""
        n, planes = len(step.batch.real), step.batch.sim
        both = torch.cat([step.batch.real, step.made["fake"]])
        seen = self._look(torch.cat([planes, planes]), both)
        scores = [torch.split(stages[-1], n) for stages in seen]
        loss = adversarial.discriminator_loss("hinge", [a for a, _ in scores], [b for _, b in scores])
        return {"loss/D/total": loss}

    def _look(self, planes: Tensor, images: Tensor) -> list[list[Tensor]]:
        return self.D.look(torch.cat([planes, images.to(planes.dtype)], dim=1))


def make_generator(settings: SpadeSettings) -> SpadeGenerator:
    """By torch's global generator."""
    return SpadeGenerator(settings.generator, settings.n_planes, settings.size_wh)
