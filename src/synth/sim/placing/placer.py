"""What a placer is: it looks at the cutting table, and deals a recipe for every composite.

To add one, write a file beside this one with an object that has what `Placer` asks for, and name it in
`PLACERS` (`__init__.py`); the command line's help and tests/contracts/test_placing.py find it there. A run
asks it so::

    deal = placer.open(table, out, progress)   # once a run: a placer that learns learns here
    recipe = deal(compositor, i)               # in any process, in any order
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from synth.compute.progress import Progress
from synth.sim.composite import Compositor
from synth.sim.cutting_table import CuttingTable
from synth.sim.placing.recipe import Recipe


@dataclass(frozen=True)
class Deal:
    """The recipe of composite ``i`` of a run, of split ``table.splits[i]``; it travels to child processes.

    Equal tables and numbers give equal recipes. Parts and plate are those that the table has of the split,
    each placement lies within ``table.bounds``, and `Compositor.label` finds no fault. Raises InputError
    where none can be made. missing: composites that have none, as too few were found; told of when opened.
    """

    recipe_of: Callable[[Compositor, int], Recipe]
    missing: frozenset[int] = frozenset()

    def __call__(self, compositor: Compositor, i: int) -> Recipe:
        """Of a composite that is not missing."""
        return self.recipe_of(compositor, i)


class Placer(Protocol):
    """Says how cut-outs are laid; an object that holds nothing.

    about: what help says of it. draws: whether it draws places by chance, so that ``--where`` concerns it.
    within_bounds: whether it places within `Bounds` also where no range was asked for; without, parts keep
    their size and turn by quarters. goes_by_target: whether it takes `HardOptions`.
    """

    about: ClassVar[str]
    draws: ClassVar[bool]
    within_bounds: ClassVar[bool]
    goes_by_target: ClassVar[bool]

    def open(self, table: CuttingTable, out: Path, progress: Progress) -> Deal:
        """What deals the recipes of a run. out: the dataset's folder, which may hold some samples already.

        Raises InputError for what cannot be placed.
        """
        ...
