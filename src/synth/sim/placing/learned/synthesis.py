"""The proposer that learns: a synthesizer, and perhaps a discriminator, with the optimisers of both."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.errors import TrainingDiverged
from synth.networks.adversarial import discriminator_loss
from synth.networks.architecture import DiscriminatorShape, SynthesizerShape
from synth.networks.discriminators import make_discriminator
from synth.networks.synthesizer import make_synthesizer
from synth.sim.placing.learned.objective import Aim, compute_losses, saturated_share, spread
from synth.sim.placing.learned.paste import Pasted, frame
from synth.sim.placing.material import Batch, Material, Tried, lay, measure_sides
from synth.sim.placing.placement import PARAMETERS
from synth.sim.placing.players import Proposer
from synth.train.tasks.task import Target

N_NOISES = 2
"""Of each pair of cut-outs and background: their distance is what the spread is measured by."""


@dataclass(frozen=True)
class SynthesisSettings:
    """How a synthesizer learns. discriminator_rate: None for no discriminator."""

    shape: SynthesizerShape
    aim: Aim
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    discriminator: DiscriminatorShape | None = None
    discriminator_rate: float = 1e-4


class Synthesis(Proposer):
    """Learns where cut-outs are hard for a target."""

    learns = True

    def __init__(self, settings: SynthesisSettings, *, seed: int, device: torch.device) -> None:
        self._settings, self._n_learnt = settings, 0
        self._net = make_synthesizer(settings.shape, seed).to(device)
        others = [p for name, p in self._net.named_parameters() if name != "noise_weight"]
        decayed = {"params": others, "weight_decay": settings.weight_decay}
        # Decay would narrow what is proposed: it pulls the weight of the noise to 0.
        free = {"params": [self._net.noise_weight], "weight_decay": 0.0}
        self._optimiser = torch.optim.Adam([decayed, free], lr=settings.learning_rate)
        self.discerns = settings.discriminator is not None
        self._judge: nn.Module | None = None
        if settings.discriminator is not None:
            rng = torch.Generator().manual_seed(seed)
            self._judge = make_discriminator(settings.discriminator, rng=rng).to(device)
            self._judge_optimiser = torch.optim.Adam(self._judge.parameters(), lr=settings.discriminator_rate)

    def learn(
        self, batch: Batch, material: Material, target: Target, seed: int
    ) -> tuple[Tried, dict[str, float]]:
        """One step of Adam; what was tried is of the first noise. Figures: losses, spread, saturation."""
        several = _repeat(batch, N_NOISES)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # Of what rests.
            self._net.train()
            unit = self._ask(several, seed)
        pasted, truth = lay(material, several, unit)
        judged = target.judge(pasted.images, truth)
        sides_px = measure_sides(material, several, unit)
        by_noise = unit.reshape(N_NOISES, len(batch), *unit.shape[1:])
        losses = compute_losses(
            self._settings.aim,
            by_noise,
            judged,
            pasted.visible.where(several.there, 1.0),
            sides_px.where(several.there, self._settings.aim.min_side_px),
            None if self._judge is None else self._judge(2 * pasted.images - 1),
        )
        total = torch.stack([*losses.values()]).sum()
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._n_learnt += 1
        values = {f"loss/{name}": float(loss.detach()) for name, loss in losses.items()}
        if not all(map(isfinite, values.values())):
            raise TrainingDiverged(self._n_learnt, values)
        unit = unit.detach()
        figures = {
            "spread": float(spread(by_noise.detach()).mean()),
            "saturated": float(saturated_share(unit).mean()),
            "hardness": float(judged[1].mean()),
        }
        n = len(batch)
        first = Pasted(
            pasted.images[:n].detach(),
            pasted.alphas[:n].detach(),
            pasted.boxes_xyxy_px[:n],
            pasted.visible[:n].detach(),
        )
        return Tried(unit[:n], first, judged[1][:n]), values | figures

    @torch.no_grad()
    def propose(self, batch: Batch, seed: int) -> Tensor:
        """Of fresh noise."""
        self._net.eval()
        return self._ask(batch, seed)

    def discern(self, real: Tensor, made: Tensor) -> dict[str, float]:
        """One step of the discriminator."""
        assert self._judge is not None
        scores = [self._judge(2 * images.detach() - 1) for images in (real, made)]
        loss = discriminator_loss(self._settings.aim.adversarial, *scores)
        self._judge_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._judge_optimiser.step()
        return {"loss/discriminator": float(loss.detach())}

    def state_dict(self) -> dict[str, Any]:
        """Networks and optimisers."""
        state = {"net": self._net.state_dict(), "optimiser": self._optimiser.state_dict()}
        if self._judge is not None:
            state |= {
                "judge": self._judge.state_dict(),
                "judge_optimiser": self._judge_optimiser.state_dict(),
            }
        return state | {"n_learnt": self._n_learnt}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Networks and optimisers."""
        self._net.load_state_dict(state["net"])
        self._optimiser.load_state_dict(state["optimiser"])
        if self._judge is not None:
            self._judge.load_state_dict(state["judge"])
            self._judge_optimiser.load_state_dict(state["judge_optimiser"])
        self._n_learnt = state["n_learnt"]

    def _ask(self, batch: Batch, seed: int) -> Tensor:
        """Unit coordinates [N,K,9] of noise that the seed draws."""
        side = self._settings.shape.side_px
        rng = torch.Generator().manual_seed(seed)
        noise = 2 * torch.rand((*batch.there.shape, len(PARAMETERS)), generator=rng) - 1
        seen = frame(batch.cutouts, batch.extents_wh, side)
        scene = functional.interpolate(batch.backgrounds, (side, side), mode="area")
        unit: Tensor = self._net(seen, scene, noise.to(scene.device))
        return unit


def _repeat(batch: Batch, n: int) -> Batch:
    """The whole batch so many times, one after the other."""
    cutouts, extents, there, backgrounds = (
        x.repeat(n, *[1] * (x.dim() - 1))
        for x in (batch.cutouts, batch.extents_wh, batch.there, batch.backgrounds)
    )
    return replace(
        batch,
        keys=batch.keys * n,
        cutouts=cutouts,
        extents_wh=extents,
        there=there,
        backgrounds=backgrounds,
    )
