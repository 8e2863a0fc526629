"""SPADE's networks and losses: a generator told by the map, a patch discriminator that sees it too.

::

    L_G = −E[D(s, G(s, z))] + w_feature · FM + w_perceptual · P + w_style · KL(z)
    L_D = E[max(0, 1 − D(s, x))] + E[max(0, 1 + D(s, G(s, z)))]

s: a label map, x: its picture, z: the style that an encoder sees in x, drawn from N(μ(x), σ(x)) (Park et al.
2019, section 3 and appendix A). FM, P and KL: networks/matching.py and networks/spade.py.
"""

import torch
from torch import Tensor

from synth.gan.methods.method import Losses, Step
from synth.gan.methods.pix2pixhd_networks import Matching
from synth.gan.methods.spade_settings import SpadeSettings
from synth.networks.architecture import AdversarialKind
from synth.networks.discriminators import make_discriminator, normalise_spectrally
from synth.networks.spade import SpadeGenerator, StyleEncoder, draw_xavier, kl_loss


class Spade(Matching):
    """Generator, discriminator and, where there are styles, their encoder; by the hinge loss."""

    adversarial: AdversarialKind = "hinge"

    def __init__(self, settings: SpadeSettings) -> None:
        D = make_discriminator(settings.discriminator, n_in=3 + settings.n_planes)
        draw_xavier(D)
        normalise_spectrally(D)
        super().__init__(settings, make_generator(settings), D)
        shape = settings.generator
        self.w_style = settings.w_style
        self.E = StyleEncoder(shape.n_filters, shape.n_style) if shape.n_style else None

    @property
    def weights(self) -> dict[str, float]:
        """That of styles too."""
        return super().weights | {"loss/style": self.w_style}

    def paint(self, step: Step) -> tuple[Tensor, Losses]:
        """In the style that the encoder sees in each photograph."""
        if self.E is None:
            return super().paint(step)
        mean, log_variance = self.E(step.batch.real)
        noise = torch.randn(mean.shape, generator=step.rng_device, device=mean.device)
        style = mean + noise * (0.5 * log_variance).exp()
        return self.G(step.batch.sim, style), {"loss/style": kl_loss(mean, log_variance)}


def make_generator(settings: SpadeSettings) -> SpadeGenerator:
    """By torch's global generator."""
    return SpadeGenerator(settings.generator, settings.n_planes, settings.size_wh)
