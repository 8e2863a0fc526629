"""Who plays in a cycle: a proposer says where cut-outs go, a pupil is the target that learns from them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from synth.sim.placing.cache import Candidate
from synth.sim.placing.material import Batch, Material, Tried, try_out
from synth.sim.placing.placement import PARAMETERS
from synth.train.loop import OnStep
from synth.train.tasks.task import Target

OnSample = Callable[[int], None]


class Proposer(Protocol):
    """Says where cut-outs go; subclass it. learns, discerns: whether these phases concern it.

    Equal states and seeds give equal answers.
    """

    learns: bool
    discerns: bool

    def learn(
        self, batch: Batch, material: Material, target: Target, seed: int
    ) -> tuple[Tried, dict[str, float]]:
        """Learn from one batch: what was tried with it, and figures by name. Raises TrainingDiverged."""
        return try_out(material, target, batch, self.propose(batch, seed)), {}

    def propose(self, batch: Batch, seed: int) -> Tensor:
        """Unit coordinates [N,K,9], without gradient."""
        ...

    def discern(self, real: Tensor, made: Tensor) -> dict[str, float]:
        """Learn to tell real pictures [N,3,H,W] from made ones; figures by name."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, as `save_state` takes it."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        ...


class Pupil(Protocol):
    """The target network, as cycles train it. target: the network as it stands, to be asked."""

    target: Target

    def compose(self, kept: Sequence[Candidate], on_sample: OnSample) -> None:
        """Make everything kept at full size, if that is what it learns from; told how many there are."""
        return

    def count_steps(self, n_kept: int) -> int:
        """About how many steps `learn` takes."""
        ...

    def learn(self, kept: Sequence[Candidate], cycle: int, on_step: OnStep) -> dict[str, float]:
        """Train on from where the network stands; figures by name. What was begun is gone on with.

        on_step: told of every step, counted from 1.
        """
        ...

    def save(self, cycle: int) -> None:
        """Keep the network as it stands after a cycle's training; what `learn` goes on from may go."""
        ...

    def load(self, cycle: int) -> None:
        """Go back to the network of a cycle; 0 is the one that all began with."""
        ...


class Chance(Proposer):
    """Draws evenly within the bounds: random-hard's proposer."""

    learns = discerns = False

    def propose(self, batch: Batch, seed: int) -> Tensor:
        """Unit coordinates [N,K,9]."""
        rng = torch.Generator().manual_seed(seed)
        shape = (*batch.cutouts.shape[:2], len(PARAMETERS))
        return (2 * torch.rand(shape, generator=rng) - 1).to(batch.cutouts.device)

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing."""
