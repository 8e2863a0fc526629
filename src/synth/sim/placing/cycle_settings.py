"""How cycles go, and what is told of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from synth.dataset.record import Split
from synth.errors import InputError


class NothingHard(InputError):
    """The target is right enough about every train candidate: there is nothing to learn from."""


@dataclass(frozen=True)
class CycleSettings:
    """How cycles go; InputError for numbers out of range.

    quotas: pictures to keep in all cycles together, by split; the target learns from train ones. a_kind:
    whether quotas are of each of ``kinds``. n_learn: batches from which a proposer learns in a cycle, at
    most. keep_learnt: whether those are candidates too; then it learns until enough are kept. n_harvest:
    batches of candidates of a split in a cycle, at most. hard_at: hardness from which a picture is kept.
    hard_to: and up to which.
    n_discern: how often a discriminator sees everything kept in a cycle.
    """

    quotas: Mapping[Split, int]
    kinds: tuple[str, ...] = ()
    n_cycles: int = 5
    n_learn: int = 0
    keep_learnt: bool = False
    n_harvest: int = 100
    batch_size: int = 16
    hard_at: float = 0.5
    hard_to: float = 1.0
    n_discern: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_cycles", "n_harvest", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if not 0 < self.hard_at < 1:
            raise InputError(f"a picture is hard from above 0 to below 1, got {self.hard_at:g}")
        if not self.hard_at < self.hard_to <= 1:
            raise InputError(
                f"pictures are kept up to a hardness above {self.hard_at:g} and 1 at most, "
                f"got {self.hard_to:g}"
            )

    def quota(self, split: Split, cycle: int) -> int:
        """How many of a split are kept by the end of a cycle; of each kind, where there are kinds."""
        return ceil(self.quotas.get(split, 0) * cycle / self.n_cycles)


@dataclass
class CycleFigures:
    """What a cycle took and gave.

    n_tried: candidates. n_shown: pictures besides, from which a proposer learnt. seconds: by phase. proposer:
    means over its steps, by name. target: figures of its training, by name.
    """

    cycle: int
    n_tried: int = 0
    n_shown: int = 0
    n_unfair: int = 0
    n_kept: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    proposer: dict[str, float] = field(default_factory=dict)
    n_steps: dict[str, int] = field(default_factory=dict)
    target: dict[str, float] = field(default_factory=dict)
