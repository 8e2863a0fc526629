"""What maps are to be made, as it is asked for."""

from dataclasses import dataclass, field
from pathlib import Path

from synth.balance.choices import Measure
from synth.balance.goal import Goal, find_class, parse_goal
from synth.balance.label_map import list_maps
from synth.balance.ways import WAYS
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError

MOST_EACH = 6
"""Of each class in a map, where shares are asked for."""


@dataclass(frozen=True, eq=False)
class BalanceSettings:
    """InputError for data without train maps, classes and shares that cannot be, numbers out of range.

    data: whose train maps are balanced. way: by name. classes: that are added. exact, at_least: shares, as
    they are typed. things: classes that stand one before another; None where the data is to say. count: maps;
    None for as many as are needed, one a train map at most. each: of each class added to a map, at most; None
    for one, or with shares `MOST_EACH`. paste: pictures too, of train pictures into which things are pasted.
    """

    data: DatasetReader
    out: Path
    way: str
    classes: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    at_least: tuple[str, ...] = ()
    measure: Measure = "pixels"
    things: tuple[str, ...] | None = None
    count: int | None = None
    each: int | None = None
    seed: int = 0
    paste: bool = False
    maps: tuple[Sample, ...] = field(init=False)
    goal: Goal = field(init=False)
    added: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        root, maps = self.data.root, list_maps(self.data)
        if self.data.info.semantic is None or not any("semantic" in s.layers for s in self.data):
            raise InputError(
                f"{root} has no label maps to balance: synth import semantic reads some, synth render "
                "--maps-only makes some"
            )
        if not maps:
            raise InputError(
                f"{root} has no train label maps, and balanced ones are made of those alone: synth dataset "
                f"split {root} deals splits anew"
            )
        for option, value in (("--count", self.count), ("--each", self.each)):
            if value is not None and value < 1:
                raise InputError(f"{option} must be 1 or more, got {value}")
        if self.paste:
            self._refuse_unpasted(maps)
        goal = parse_goal(self.measure, self.exact, self.at_least, self.names)
        asked = [find_class(name, self.names) for name in self.classes]
        if self.things is not None and not self.things:
            raise InputError("--things names no class: leave it out, and the data says which are things")
        for name in self.things or ():
            find_class(name, self.names)
        set_field = object.__setattr__
        set_field(self, "maps", tuple(maps))
        set_field(self, "goal", goal)
        set_field(self, "added", WAYS[self.way].choose_classes(asked, goal, self.names))

    def _refuse_unpasted(self, maps: list[Sample]) -> None:
        if not WAYS[self.way].keeps_map:
            fit = " or ".join(name for name, way in WAYS.items() if way.keeps_map)
            raise InputError(f"{self.way} leaves no train picture as it is to paste into: choose {fit}")
        if bare := [sample.name for sample in maps if "image" not in sample.layers]:
            raise InputError(
                f"--paste needs the pictures of train maps, and {self.data.root} has none of {bare[0]}: "
                "leave it out, and synth paint makes pictures of the maps"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The classes of pixels."""
        assert self.data.info.semantic is not None
        return self.data.info.semantic.names

    @property
    def most(self) -> int:
        """How many maps are made at most."""
        return len(self.maps) if self.count is None else self.count

    @property
    def most_each(self) -> int:
        """How many things of each class are added to a map at most."""
        return self.each or (MOST_EACH if self.goal.shares else 1)
