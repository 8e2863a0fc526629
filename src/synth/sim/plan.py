"""What a run renders: how many scenes of each scenario, under which names, of which samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.cell.model import Cell
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.sim.meshes import Meshes
from synth.sim.scenarios.fresh import make_fresh
from synth.sim.scenarios.twin import make_twin
from synth.sim.scene import Scenario, Scene, SceneCamera

FIRST_FRESH, FIRST_BIN = 100_000, 200_000
"""Names begin here, so that a twin keeps its parent's name and nothing collides with it."""

MAX_NEW = FIRST_BIN - FIRST_FRESH
"""Fresh poses at most, and bins."""

BIN_SHARE = 0.25
"""Of what twins leave over."""


@dataclass(frozen=True)
class Shares:
    """How many scenes of each scenario."""

    twins: int
    fresh: int
    bins: int

    @property
    def count(self) -> int:
        """All scenes."""
        return self.twins + self.fresh + self.bins

    def __str__(self) -> str:
        counts = {"twin": self.twins, "fresh pose": self.fresh, "bin": self.bins}
        return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if n)


@dataclass(frozen=True)
class Order:
    """One scene to be rendered; a bin has no scene before physics has run. number: of the bin."""

    name: str
    scenario: Scenario
    scene: Scene | None = None
    number: int = 0


def choose_shares(
    count: int | None, twins: int | None, fresh: int | None, bins: int | None, n_to_twin: int
) -> Shares:
    """Shares that add up to ``count``: those asked for, then twins, then fresh poses and a quarter of bins.

    Without a count, what is not asked for is none. Raises InputError for numbers that do not fit together.
    """
    asked = {"--twins": twins, "--fresh": fresh, "--bins": bins}
    for option, n in asked.items():
        if n is not None and n < 0:
            raise InputError(f"{option} must be 0 or more, got {n}")
    if count is not None and count < 1:
        raise InputError(f"--count must be 1 or more, got {count}")
    given = sum(n for n in asked.values() if n is not None)
    rest = 0 if count is None else count - given
    if rest < 0 or (count is not None and rest and None not in asked.values()):
        raise InputError(f"--twins, --fresh and --bins add up to {given}, --count says {count}")
    if twins is None:
        twins = min(rest, n_to_twin)
        rest -= twins
    if bins is None:
        bins = int(rest * BIN_SHARE) if fresh is None else rest
        rest -= bins
    if fresh is None:
        fresh = rest
        rest = 0
    if rest:
        raise InputError(
            f"--count {count} cannot be reached with --fresh {fresh} and --bins {bins}: "
            f"there are {n_to_twin} samples to twin"
        )
    if twins > n_to_twin:
        raise InputError(f"--twins {twins} is more than the {n_to_twin} samples that can have a twin")
    if twins + fresh + bins == 0:
        raise InputError("nothing is to be rendered: raise --count, --twins, --fresh or --bins")
    if max(fresh, bins) > MAX_NEW:
        raise InputError(
            f"{max(fresh, bins)} new scenes of one kind are more than the {MAX_NEW} that have names: render "
            "several datasets, each with its own --out and --seed"
        )
    return Shares(twins, fresh, bins)


def list_twinnable(real: DatasetReader, *, with_test: bool) -> tuple[Sample, ...]:
    """The samples of a dataset that say where arm and camera stood, without test ones unless asked for."""
    return tuple(
        s
        for s in real.samples
        if s.robot is not None
        and s.K is not None
        and s.T_base_cam is not None
        and (with_test or s.split != "test")
    )


def list_orders(
    shares: Shares,
    twinnable: Sequence[Sample],
    cell: Cell,
    meshes: Meshes,
    camera: SceneCamera,
    *,
    seed: int,
) -> list[Order]:
    """Every scene of a run in its order: twins by name, fresh poses, bins."""
    twins = spread(twinnable, shares.twins)
    if twins and int(twins[-1].name) >= FIRST_FRESH:
        raise InputError(f"Sample {twins[-1].name} has no twin: names from {FIRST_FRESH} up are fresh poses'")
    scenes: list[Scene] = [make_twin(s, cell, seed=seed, for_analysis=True) for s in twins]
    scenes += make_fresh(shares.fresh, cell, meshes, camera, seed=seed, first_number=FIRST_FRESH)
    return [
        *(Order(name=scene.name, scenario=scene.scenario, scene=scene) for scene in scenes),
        *(Order(f"{FIRST_BIN + i:06d}", "bin", number=i) for i in range(shares.bins)),
    ]


def spread(items: Sequence[Any], n: int) -> list[Any]:
    """``n`` of the items, evenly spread over them, in their order."""
    return [items[i] for i in np.linspace(0, len(items) - 1, n).round().astype(int)] if n else []
