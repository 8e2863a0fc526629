"""What a way of making label maps offers."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from synth.balance.canvas import Canvas
from synth.balance.goal import Goal
from synth.balance.label_map import LabelMap
from synth.balance.place import Refusal
from synth.balance.study import Study
from synth.balance.tally import Tally


@dataclass(frozen=True, eq=False)
class Material:
    """What maps are made of. read: a training map by its place. cameras: which camera each map is
    of. classes: that are added. each: of each of them in a map, at most. goal: shares, of
    which those of ``classes`` are added to until they hold. mirrored: classes that look the same in a mirror.
    """

    study: Study
    read: Callable[[int], LabelMap]
    cameras: Sequence[int]
    classes: tuple[int, ...]
    each: int
    goal: Goal
    mirrored: frozenset[int]

    @property
    def standing(self) -> tuple[int, ...]:
        """Classes whose components stand one before another: things, and what is added."""
        return tuple(dict.fromkeys((*self.study.things, *self.classes)))


@dataclass(frozen=True, eq=False)
class Made:
    """A map that was made, of the training map of a place, and what was refused on the way, by class.

    n_unseen: mixes of maps that had neighbours which no training map has, and were left.
    """

    base: int
    canvas: Canvas
    refused: Counter[tuple[int, Refusal]]
    n_unseen: int = 0


class Way(Protocol):
    """One way of making label maps from training maps."""

    name: str
    summary: str
    keeps_map: bool
    """Whether the training map stays as it is but for what is added."""

    def choose_classes(self, asked: Sequence[int], goal: Goal, names: Sequence[str]) -> tuple[int, ...]:
        """The classes that are added, of those asked for; raises InputError where these are not its kind."""
        ...

    def make(self, base: int, material: Material, before: Tally, rng: np.random.Generator) -> Made:
        """A map after the training map of a place. before: of all maps so far; the goal is of these too."""
        ...
