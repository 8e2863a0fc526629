"""All that changes while a translator is trained: what one step does to it, and its state to the last bit."""

import copy
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from synth.compute.seeding import step_seed
from synth.compute.versions import list_versions
from synth.dataset.origin import READINGS, Reading, encode_readings
from synth.errors import InputError, TrainingDiverged
from synth.gan.checkpoint import SIMULATED
from synth.gan.fabric import Fabric
from synth.gan.methods.method import Batch, Labels, LearnedMethod, Losses, Phase, Step

EMA_RAMP_UP = 0.05
"""The averages' half-life is at most this share of the images seen (StyleGAN2-ADA), so that the first
random weights are soon forgotten."""

_PACKAGES = ("synth-robotics", "torch", "lightning-fabric")


class Training:
    """Networks, averages, optimisers, memories and progress of one run, by any method that learns.

    step: batches learnt from. n_images_seen: images of each look in them, over all processes.
    n_images_before: in earlier runs that this one began with. ema: the generators with averaged weights, in
    eval mode. n_images_total: when the learning rate has come down to 0.
    readings: what trains and chooses it, is_simulated: whether devices were, for its checkpoints.
    """

    def __init__(
        self,
        method: LearnedMethod,
        settings: Any,
        fabric: Fabric,
        *,
        seed: int,
        n_images_total: int,
        ema_half_life_images: float,
        readings: Sequence[Reading] = (),
        is_simulated: bool = False,
    ) -> None:
        self.method, self.settings, self.seed, self._fabric = method, settings, seed, fabric
        self.n_images_total, self._ema_half_life = n_images_total, ema_half_life_images
        self.readings, self.is_simulated = tuple(readings), is_simulated
        self.step = self.n_images_seen = self.n_images_before = 0
        self.networks = method.make_networks(settings, torch.Generator().manual_seed(step_seed(seed, 0, 0)))
        self.networks.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = {
            direction: copy.deepcopy(generator).eval().requires_grad_(False)
            for direction, generator in self.networks.generators.items()
        }
        self.phases = tuple(self.networks.phases())
        self._optimisers = {phase.name: self._adam(phase) for phase in self.phases}
        if fabric.device.type == "cuda":
            self.networks.compile_networks()

    def fit_inputs(self, sim: Tensor, real: Tensor) -> None:
        """Networks.fit_inputs, before the first step of a fresh run."""
        self.networks.fit_inputs(sim.to(self._fabric.device), real.to(self._fabric.device))
        for direction, generator in self.networks.generators.items():
            self.ema[direction].load_state_dict(generator.state_dict())

    def settle(self, sim: Tensor) -> None:
        """Networks.settle, of the averages, before a checkpoint."""
        self.networks.settle(self.ema, sim.to(self._fabric.device))

    def learn(self, batch: Batch, witness: nn.Module | None = None) -> dict[str, float]:
        """Learn from one batch; returns every loss by name, averaged over processes.

        Raises TrainingDiverged when one is not finite; the networks are then as that step left them.
        """
        steps = [self._begin(part, witness) for part in batch.split(self.settings.schedule.accumulate)]
        self._set_learning_rate()

        losses: Losses = {}
        for phase in self.phases:
            self._let_learn(phase)
            losses |= self._descend(phase, steps)

        figures = self._to_figures(losses)
        n_images = len(batch.sim) * self._fabric.world_size
        self.step += 1
        self.n_images_seen += n_images
        self._update_ema(n_images)
        return figures

    def save_checkpoint(self, path: Path) -> None:
        """The averaged generators, as the method writes them, with the run's progress, readings, versions."""
        words = {"step": str(self.step), "n_images_seen": str(self.n_images_seen)}
        words |= {READINGS: encode_readings(self.readings), SIMULATED: str(self.is_simulated).lower()}
        words |= {f"version_{name}": version for name, version in list_versions(_PACKAGES).items()}
        self.method.save_generators(path, self.ema, self.settings, words)

    def any_process(self, wants: bool) -> bool:
        """Whether any process wants something; to be asked by all."""
        if self._fabric.world_size == 1:
            return wants
        return bool(self._mean_over_processes(torch.tensor(float(wants), device=self._fabric.device)) > 0)

    @property
    def learning_rate(self) -> float:
        """Of the next step's first phase: constant for half of the run, then linearly down to 0."""
        return self._rate_of(self.phases[0])

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, as save_state takes it; to be called by every process."""
        return {
            "step": self.step,
            "n_images_seen": self.n_images_seen,
            "n_images_before": self.n_images_before,
            "networks": self.networks.state_dict(),
            "ema": {direction: net.state_dict() for direction, net in self.ema.items()},
            "optimisers": {name: o.state_dict() for name, o in self._optimisers.items()},
            "memories": self._gather({n: m.state_dict() for n, m in self.networks.memories.items()}),
        }

    def load_state(self, state: Mapping[str, Any], where: str) -> None:
        """Go on from what `state` gave; raises InputError that names ``where`` when it is of another run."""
        self.step, self.n_images_seen, self.n_images_before = self._take(state, where)

    def begin_with(self, state: Mapping[str, Any], where: str) -> None:
        """Begin anew, at step 0, with the networks, averages, optimisers and memories of another run; raises
        InputError that names ``where`` for another architecture.
        """
        _, n_images_seen, n_images_before = self._take(state, where)
        self.n_images_before = n_images_before + n_images_seen

    def _take(self, state: Mapping[str, Any], where: str) -> tuple[int, int, int]:
        """All that learns; returns the step, and the images that were seen in that run and before it."""
        try:
            self.networks.load_state_dict(state["networks"])
            for direction, net in self.ema.items():
                net.load_state_dict(state["ema"][direction])
            for name, optimiser in self._optimisers.items():
                optimiser.load_state_dict(state["optimisers"][name])
            for name, memory in self.networks.memories.items():
                memory.load_state_dict(state["memories"][self._fabric.global_rank][name])
            return int(state["step"]), int(state["n_images_seen"]), int(state.get("n_images_before", 0))
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{where} is not the state of this run (another architecture or version): choose another "
                "folder"
            ) from error

    def _adam(self, phase: Phase) -> torch.optim.Adam:
        return torch.optim.Adam(
            list(phase.parameters),
            lr=phase.learning_rate,
            betas=phase.betas,
            fused=self._fabric.device.type != "mps",
        )

    def _rate_of(self, phase: Phase) -> float:
        left = 1 - self.n_images_seen / self.n_images_total
        return phase.learning_rate * min(1.0, max(0.0, 2 * left))

    def _let_learn(self, phase: Phase) -> None:
        """No parameter of another phase takes part in the backward pass."""
        for other in self.phases:
            for parameter in other.parameters:
                parameter.requires_grad_(False)
        for parameter in phase.parameters:
            parameter.requires_grad_(True)

    def _begin(self, part: Batch, witness: nn.Module | None) -> Step:
        """What is learnt from at once, and the chance that is its own."""
        device = self._fabric.device
        brought = Batch(
            self._bring(part.sim),
            self._bring(part.real),
            {name: self._bring(layer) for name, layer in part.layers.items()},
            {look: Labels(of.classes.to(device), of.boxes.to(device)) for look, of in part.labels.items()},
            part.first,
        )
        seed = step_seed(self.seed, self._fabric.global_rank, self.n_images_seen + part.first)
        return Step(
            brought,
            witness,
            rng_cpu=torch.Generator().manual_seed(seed),
            rng_device=torch.Generator(device).manual_seed(seed),
        )

    def _descend(self, phase: Phase, steps: Sequence[Step]) -> Losses:
        """Go down the mean of a phase's loss over the parts of a batch; returns the mean of each loss."""
        optimiser = self._optimisers[phase.name]
        optimiser.zero_grad(set_to_none=True)
        told: list[Losses] = []
        for step in steps:
            with self._fabric.autocast():
                losses = phase.compute_losses(step)
            self._fabric.backward(losses[phase.total] / len(steps))
            told.append({name: loss.detach().float() for name, loss in losses.items()})
        if self._fabric.world_size > 1:
            self._average_gradients(optimiser)
        optimiser.step()
        return {name: torch.stack([losses[name] for losses in told]).mean() for name in told[0]}

    def _average_gradients(self, optimiser: torch.optim.Adam) -> None:
        gradients = [
            p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None
        ]
        flat = self._mean_over_processes(torch.cat([g.flatten() for g in gradients]))
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _set_learning_rate(self) -> None:
        for phase in self.phases:
            for group in self._optimisers[phase.name].param_groups:
                group["lr"] = self._rate_of(phase)

    def _to_figures(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        # The one place of a step where the CPU waits for the device.
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        figures = dict(zip(losses, self._mean_over_processes(values).tolist(), strict=True))
        if not all(map(math.isfinite, figures.values())):
            raise TrainingDiverged(self.step, figures)
        return figures

    @torch.no_grad()
    def _update_ema(self, n_images: int) -> None:
        n_seen = self.n_images_before + self.n_images_seen
        half_life = min(self._ema_half_life, EMA_RAMP_UP * n_seen)
        keep = 0.5 ** (n_images / half_life)
        for direction, average in self.ema.items():
            generator = self.networks.generators[direction]
            for mean, parameter in zip(average.parameters(), generator.parameters(), strict=True):
                mean.lerp_(parameter, 1 - keep)
            for kept, buffer in zip(average.buffers(), generator.buffers(), strict=True):
                kept.copy_(buffer)

    def _mean_over_processes(self, values: Tensor) -> Tensor:
        mean = self._fabric.all_reduce(values, reduce_op="mean")
        assert isinstance(mean, Tensor)
        return mean

    def _gather(self, own: dict[str, Any]) -> list[dict[str, Any]]:
        """Every process's, by rank."""
        if self._fabric.world_size == 1:
            return [own]
        every: list[dict[str, Any]] = [{}] * self._fabric.world_size
        torch.distributed.all_gather_object(every, own)
        return every

    def _bring(self, images: Tensor) -> Tensor:
        """To the device, as its convolutions want them."""
        return images.to(self._fabric.device).contiguous(memory_format=torch.channels_last)
