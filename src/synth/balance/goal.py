"""What shares are asked for, and how far maps are from them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synth.balance.choices import Measure
from synth.balance.tally import Tally
from synth.errors import InputError

TOLERANCE = 0.1
"""A share is hit within so much of it."""

CLOSE = 0.02
"""Maps are made until every share is this close, of itself; then no more are needed."""


@dataclass(frozen=True)
class Goal:
    """Shares that the training maps and the made ones together shall have, by classes [0, C).

    exact: as much. at_least: as much or more.
    """

    measure: Measure = "pixels"
    exact: Mapping[int, float] = field(default_factory=dict)
    at_least: Mapping[int, float] = field(default_factory=dict)

    @property
    def shares(self) -> dict[int, float]:
        """Of every class that one is asked of."""
        return {**self.exact, **self.at_least}

    def is_short(self, class_id: int, tally: Tally) -> bool:
        """Whether more of a class is wanted."""
        return float(tally.shares(self.measure)[class_id]) < self.shares[class_id]

    def miss(self, class_id: int, tally: Tally) -> float:
        """By how much of it a share is missed; what is more than ``at_least`` is not missed."""
        wanted = self.shares[class_id]
        off = float(tally.shares(self.measure)[class_id]) / wanted - 1
        return max(0.0, -off) if class_id in self.at_least else abs(off)

    def badness(self, tally: Tally) -> float:
        """The sum of squared misses."""
        return sum(self.miss(class_id, tally) ** 2 for class_id in self.shares)

    def is_reached(self, tally: Tally) -> bool:
        """Whether every share is close."""
        return all(self.miss(class_id, tally) <= CLOSE for class_id in self.shares)


def parse_goal(measure: Measure, exact: Sequence[str], at_least: Sequence[str], names: Sequence[str]) -> Goal:
    """Of what is typed: ``CLASS=2%`` or ``CLASS=0.02``, several after commas. Raises InputError."""
    told = {"--target": _parse("--target", exact, names), "--at-least": _parse("--at-least", at_least, names)}
    if both := told["--target"].keys() & told["--at-least"].keys():
        raise InputError(f"{names[min(both)]} has a --target and an --at-least: leave one of them out")
    total = sum(share for shares in told.values() for share in shares.values())
    if measure != "images" and total > 1:
        raise InputError(
            f"the shares asked for add up to {total:.4g}, which is more than all {measure}: lower some"
        )
    return Goal(measure, told["--target"], told["--at-least"])


def _parse(option: str, typed: Sequence[str], names: Sequence[str]) -> dict[int, float]:
    shares: dict[int, float] = {}
    for one in (part for text in typed for part in text.split(",")):
        name, equals, number = one.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(r"\d*\.?\d+ *%?", number.strip()):
            raise InputError(
                f"{option} takes CLASS=SHARE, such as {names[-1]}=2% or {names[-1]}=0.02, got {one!r}"
            )
        class_id = find_class(name, names)
        text = number.strip()
        share = float(text.rstrip("% ")) / (100 if text.endswith("%") else 1)
        if not 0 < share < 1:
            raise InputError(f"{option} {one.strip()}: a share is above 0 and below 1 (100 %), got {share:g}")
        if class_id in shares:
            raise InputError(f"{option} names {name} twice")
        shares[class_id] = share
    return shares


def find_class(name: str, names: Sequence[str]) -> int:
    """The id of a class; raises InputError that lists all."""
    if name not in names:
        raise InputError(f"there is no class {name!r} in the label maps: choose among {', '.join(names)}")
    return names.index(name)
