"""OASIS' networks and losses: a generator of SPADE blocks, a discriminator that tells classes of pixels.

::

    L_G = −E[α_c log p_c(G(s, z))]
    L_D = −E[α_c log p_c(x)] − E[log p_(C+1)(G(s, z))] + w_label_mix · LM

s: a label map, x: its picture, z: a style from N(0, 1), p: what the discriminator says of a pixel (Schönfeld
et al. 2021, section 3). α_c and LM: networks/oasis.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from synth.gan.methods.method import Losses, Phase, Step
from synth.gan.methods.oasis_settings import OasisSettings
from synth.gan.painting import PaintingNetworks, draw_styles
from synth.networks.oasis import (
    OasisGenerator,
    SegmentationDiscriminator,
    class_balanced_loss,
    draw_label_mix,
    label_mix_loss,
    painted_loss,
)


class Oasis(PaintingNetworks):
    """Generator and discriminator; weights are drawn by torch's global generator."""

    def __init__(self, settings: OasisSettings) -> None:
        super().__init__()
        self.settings: OasisSettings = settings
        self.G: OasisGenerator = make_generator(settings)
        self.D = SegmentationDiscriminator(settings.n_filters_D, len(settings.classes))

    def phases(self) -> Sequence[Phase]:
        """The generator, then the discriminator."""
        s = self.settings
        betas = (s.beta1, s.beta2)
        return (
            Phase(
                "generator",
                tuple(self.G.parameters()),
                self.generator_losses,
                total="loss/G/total",
                learning_rate=s.learning_rate,
                betas=betas,
            ),
            Phase(
                "discriminator",
                tuple(self.D.parameters()),
                self.discriminator_losses,
                total="loss/D/total",
                learning_rate=s.learning_rate_D,
                betas=betas,
                curves={"loss/D/label_mix": "LabelMix"},
            ),
        )

    def generator_losses(self, step: Step) -> Losses:
        """L_G; leaves what it painted to the next phase."""
        planes = step.batch.sim
        fake = self.G(planes, draw_styles(self.G, planes, step.rng_device))
        step.made["fake"] = fake.detach()
        return {"loss/G/total": class_balanced_loss(self.D(fake), self._classes(planes))}

    def discriminator_losses(self, step: Step) -> Losses:
        """The terms of L_D by name, ``loss/D/total`` among them."""
        s, real, fake = self.settings, step.batch.real, step.made["fake"]
        classes = self._classes(step.batch.sim)
        said_real, said_fake = torch.split(self.D(torch.cat([real, fake])), len(real))
        terms: Losses = {
            "loss/D/real": class_balanced_loss(said_real, classes),
            "loss/D/painted": painted_loss(said_fake, classes),
        }
        total = terms["loss/D/real"] + terms["loss/D/painted"]
        if s.w_label_mix:
            mask = draw_label_mix(classes, step.rng_device)
            said_mixed = self.D(mask * real + (1 - mask) * fake)
            terms["loss/D/label_mix"] = label_mix_loss(said_mixed, said_real, said_fake, mask)
            total = total + s.w_label_mix * terms["loss/D/label_mix"]
        return terms | {"loss/D/total": total}

    def _classes(self, planes: Tensor) -> Tensor:
        return planes[:, : len(self.settings.classes)]


def make_generator(settings: OasisSettings) -> OasisGenerator:
    """By torch's global generator."""
    return OasisGenerator(settings.generator, settings.n_planes)
