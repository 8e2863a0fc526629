"""CycleGAN's networks and losses: two generators that undo one another, and a discriminator for each look.

One step's losses, each image going once through each network that it must go through: translation and
identity share a forward pass, and so do a discriminator's real and translated images. Generators::

    L_G = Σ adv + w_cycle Σ ‖cycled − source‖₁ + w_identity Σ ‖G(own) − own‖₁ + label-keeping terms

Discriminators: L_D = Σ adv, with R1 or a gradient penalty where asked. The label-keeping terms look at
rendered images only: theirs are the labels that a translated dataset inherits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synth.gan import losses
from synth.gan.methods.cyclegan_settings import CycleGANSettings
from synth.gan.methods.method import (
    Batch,
    Direction,
    Look,
    Losses,
    Networks,
    Phase,
    Stateful,
    Step,
)
from synth.networks import adversarial
from synth.networks.discriminators import make_discriminator
from synth.networks.generators import fit_input, make_generator
from synth.networks.image_pool import ImagePool

CURVES = {"loss/G/adv": "adversarial", "loss/cycle": "cycle", "loss/identity": "identity"}


@dataclass(frozen=True)
class Fakes:
    """What the generators made of a batch, cut off from their graphs: what discriminators learn from."""

    real: Tensor
    sim: Tensor


class CycleGAN(Networks):
    """The four networks, their losses, and the pools of past translations.

    rng: draws the first weights, on the CPU.
    """

    curves: Mapping[str, str] = CURVES

    def __init__(self, settings: CycleGANSettings, rng: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        self.G_sim2real = make_generator(settings.generator, rng=rng)
        self.G_real2sim = make_generator(settings.generator, rng=rng)
        self.D_real = self._make_discriminator(rng)
        self.D_sim = self._make_discriminator(rng)
        self._pools = {look: ImagePool(settings.pool_size) for look in ("real", "sim")}

    @property
    def generators(self) -> Mapping[Direction, nn.Module]:
        """Both, each in the direction that it translates."""
        return {"sim2real": self.G_sim2real, "real2sim": self.G_real2sim}

    @property
    def memories(self) -> Mapping[str, Stateful]:
        """The pools, by the look that their images have."""
        return self._pools

    def phases(self) -> Sequence[Phase]:
        """The generators first, then the discriminators, which are shown past translations too."""
        s = self.settings
        return (
            Phase(
                "generators",
                tuple(self.generator_parameters()),
                self._compute_generator_phase,
                total="loss/G/total",
                learning_rate=s.learning_rate,
                betas=(s.beta1, s.beta2),
                curves=self.curves,
            ),
            Phase(
                "discriminators",
                tuple(self.discriminator_parameters()),
                self._compute_discriminator_phase,
                total="loss/D/total",
                learning_rate=s.learning_rate,
                betas=(s.beta1, s.beta2),
            ),
        )

    def compile_networks(self) -> None:
        """Fuse what lies between convolutions; penalties need second derivatives, which compiling forbids."""
        self.G_sim2real.compile()
        self.G_real2sim.compile()
        if not self.settings.w_r1 and self.settings.adversarial != "wasserstein":
            self.D_real.compile()
            self.D_sim.compile()

    def fit_inputs(self, sim: Tensor, real: Tensor) -> None:
        """Scale what the generators take in to these images [N,3,S,S] of each look; once, before training.

        Each generator meets both looks, so both scale by both.
        """
        both = torch.cat([sim, real])
        for generator in (self.G_sim2real, self.G_real2sim):
            fit_input(generator, both)

    def generator_parameters(self) -> Iterator[nn.Parameter]:
        """Of both generators."""
        yield from self.G_sim2real.parameters()
        yield from self.G_real2sim.parameters()

    def discriminator_parameters(self) -> Iterator[nn.Parameter]:
        """Of both discriminators."""
        yield from self.D_real.parameters()
        yield from self.D_sim.parameters()

    def generator_losses(self, batch: Batch, witness: nn.Module | None = None) -> tuple[Losses, Fakes]:
        """The terms of L_G by name, ``loss/G/total`` among them, and the translations.

        witness: a frozen task network, needed where w_witness > 0. The discriminators' parameters should not
        require gradients meanwhile.
        """
        s = self.settings
        fake_real, same_real = self._map(self.G_sim2real, batch.sim, self._own("real", batch))
        fake_sim, same_sim = self._map(self.G_real2sim, batch.real, self._own("sim", batch))
        cycled_sim, cycled_real = self.G_real2sim(fake_real), self.G_sim2real(fake_sim)
        terms: Losses = {
            **self._judge(batch, Fakes(fake_real, fake_sim)),
            "loss/cycle/sim": losses.cycle_loss(batch.sim, cycled_sim),
            "loss/cycle/real": losses.cycle_loss(batch.real, cycled_real),
        }
        if same_real is not None and same_sim is not None:
            terms["loss/identity/real"] = self._identity_loss("real", batch, same_real)
            terms["loss/identity/sim"] = self._identity_loss("sim", batch, same_sim)
        if s.w_background:
            terms["loss/background"] = losses.background_loss(batch.sim, fake_real, batch.layers["mask"])
        if s.w_mask_edge:
            terms["loss/mask_edge"] = losses.mask_edge_loss(batch.sim, fake_real, batch.layers["mask"])
        if s.w_witness:
            assert witness is not None
            with torch.no_grad():
                before = witness(batch.sim)
            terms["loss/witness"] = losses.witness_loss(before, witness(fake_real), batch.layers["mask"])
        terms["loss/G/total"] = self._weighted_sum(terms)
        return terms, Fakes(fake_real.detach(), fake_sim.detach())

    def discriminator_losses(self, batch: Batch, fakes: Fakes, rng: torch.Generator) -> Losses:
        """The terms of L_D by name, ``loss/D/total`` among them.

        fakes: from the pools. rng: on the device.
        """
        s = self.settings
        terms: Losses = {}
        for look, D, real, fake in (
            ("real", self.D_real, batch.real, fakes.real),
            ("sim", self.D_sim, batch.sim, fakes.sim),
        ):
            scores_real, scores_fake = self._compare(D, real, fake)
            terms[f"loss/D/adv/{look}"] = adversarial.discriminator_loss(
                s.adversarial, scores_real, scores_fake
            )
            terms |= self._penalties(look, D, real, fake, rng)
        terms["loss/D/total"] = self._weighted_sum(terms)
        return terms

    def _make_discriminator(self, rng: torch.Generator) -> nn.Module:
        return make_discriminator(self.settings.discriminator, rng=rng)

    def _judge(self, batch: Batch, fakes: Fakes) -> Losses:
        """What the discriminators say of translations whose graphs are whole."""
        kind = self.settings.adversarial
        return {
            "loss/G/adv/sim2real": adversarial.generator_loss(kind, self.D_real(fakes.real)),
            "loss/G/adv/real2sim": adversarial.generator_loss(kind, self.D_sim(fakes.sim)),
        }

    def _own(self, look: Look, batch: Batch) -> Tensor:
        """Images of one look that its generator should leave alone."""
        own: Tensor = getattr(batch, look)
        return own

    def _identity_loss(self, look: Look, batch: Batch, mapped: Tensor) -> Tensor:
        return losses.identity_loss(self._own(look, batch), mapped)

    def _penalties(
        self, look: str, D: adversarial.Discriminate, real: Tensor, fake: Tensor, rng: torch.Generator
    ) -> Losses:
        s, terms = self.settings, Losses()
        with torch.autocast(real.device.type, enabled=False):  # Second derivatives are taken in float32.
            if s.w_r1:
                terms[f"loss/D/r1/{look}"] = adversarial.r1_penalty(D, real)
            if s.adversarial == "wasserstein" and s.w_gradient_penalty:
                terms[f"loss/D/gradient_penalty/{look}"] = adversarial.gradient_penalty(D, real, fake, rng)
        return terms

    def _compute_generator_phase(self, step: Step) -> Losses:
        terms, fakes = self.generator_losses(step.batch, step.witness)
        step.made.update(real=fakes.real, sim=fakes.sim)
        return terms

    def _compute_discriminator_phase(self, step: Step) -> Losses:
        return self.discriminator_losses(step.batch, self._show(step), step.rng_device)

    def _show(self, step: Step) -> Fakes:
        """Translations of this step and of earlier ones, from the pools."""
        return Fakes(
            real=self._pools["real"].query(step.made["real"], step.rng_cpu),
            sim=self._pools["sim"].query(step.made["sim"], step.rng_cpu),
        )

    def _map(self, generator: nn.Module, source: Tensor, own: Tensor) -> tuple[Tensor, Tensor | None]:
        """A generator's translations of ``source`` and what it makes of images that have its look already."""
        if not self.settings.w_identity:
            return generator(source), None
        if self.settings.generator.kind == "batch":  # Its norm would mix the two looks.
            return generator(source), generator(own)
        translated, same = generator(torch.cat([source, own])).split([len(source), len(own)])
        return translated, same

    def _compare(self, D: nn.Module, real: Tensor, fake: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        pairs = [scores.split([len(real), len(fake)]) for scores in D(torch.cat([real, fake]))]
        return [a for a, _ in pairs], [b for _, b in pairs]

    def _weighted_sum(self, terms: Losses) -> Tensor:
        return torch.stack([self._weight(name) * term for name, term in terms.items()]).sum()

    def _weight(self, name: str) -> float | Tensor:
        s = self.settings
        return {
            "cycle": s.w_cycle,
            "identity": s.w_identity,
            "background": s.w_background,
            "mask_edge": s.w_mask_edge,
            "witness": s.w_witness,
            "D/r1": s.w_r1,
            "D/gradient_penalty": s.w_gradient_penalty,
        }.get(name.removeprefix("loss/").removesuffix("/real").removesuffix("/sim"), 1.0)
