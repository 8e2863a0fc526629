"""What a comparison found, as typed rows; the verdict, the advice and the report are made from these
alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from synth.compare.plan import Contest
from synth.compare.questions import Question
from synth.metrics.comparison import Effect
from synth.metrics.data_size import Worth
from synth.metrics.intervals import Estimate
from synth.metrics.operating_point import OperatingPoint


@dataclass(frozen=True)
class TestImages:
    """Whether the test images are the simulated cell's."""

    __test__ = False  # No test class, whatever its name begins with.

    is_simulated: bool


@dataclass(frozen=True)
class UsedData:
    """How much data a mix used: train, val, and captured images whose labels were read.

    n_train, n_val: one number, or one a seed where each seed had a dataset of its own size.
    """

    contest: Contest
    mix: str
    n_train: tuple[int, ...]
    n_val: tuple[int, ...]
    n_real_labels: int
    choose: str


@dataclass(frozen=True)
class TestLoss:
    """A loss on test images at the check that was kept: mean over seeds, and of each."""

    __test__ = False

    contest: Contest
    mix: str
    name: str
    value: float
    by_seed: tuple[float, ...]
    n_images: int


@dataclass(frozen=True)
class Measured:
    """A metric of a mix."""

    contest: Contest
    mix: str
    metric: str
    effect: Effect


@dataclass(frozen=True)
class MeasuredPart:
    """A metric of a mix on one part of what is true, such as one class.

    breakdown: the task's, by name. n_true: how much of it there is; None where it is no share of that.
    """

    contest: Contest
    mix: str
    breakdown: str
    part: str
    n_true: int | None
    metric: str
    effect: Effect


@dataclass(frozen=True)
class Difference:
    """The headline metric of one mix less that of another. p_holm: p after Holm's correction."""

    contest: Contest
    question: Question
    metric: str
    effect: Effect
    p_holm: float


@dataclass(frozen=True)
class GapClosed:
    """The share of the way from one mix to another that a third has come."""

    contest: Contest
    mix: str
    effect: Effect


@dataclass(frozen=True)
class MixWorth:
    """How many real images a mix without any is worth."""

    contest: Contest
    mix: str
    worth: Worth


@dataclass(frozen=True)
class InUse:
    """What is found at one confidence. name: of a mix or a baseline."""

    contest: Contest
    name: str
    point: OperatingPoint


@dataclass(frozen=True)
class Attention:
    """Where networks of the first seed look, by a kind of map.

    share, per_area: by region, None where unknown. like_median, like_quartiles: rank correlation with the
    real-trained network's maps.
    """

    contest: Contest
    mix: str
    kind: str
    n_images: int
    seed: int
    share: Mapping[str, float | None]
    per_area: Mapping[str, float | None]
    like_median: float
    like_quartiles: tuple[float, float]


@dataclass(frozen=True)
class ColourDistance:
    """How far a dataset's colours are from the captured ones.

    above_floor: beyond what two halves of those have.
    """

    dataset: str
    distance: Estimate
    above_floor: Estimate


@dataclass(frozen=True)
class ColourFloor:
    """How far the colours of two halves of the captured images are from one another."""

    distance: Estimate


Row = (
    TestImages
    | UsedData
    | TestLoss
    | Measured
    | MeasuredPart
    | Difference
    | GapClosed
    | MixWorth
    | InUse
    | Attention
    | ColourDistance
    | ColourFloor
)
R = TypeVar(
    "R",
    TestImages,
    UsedData,
    TestLoss,
    Measured,
    MeasuredPart,
    Difference,
    GapClosed,
    MixWorth,
    InUse,
    Attention,
    ColourDistance,
    ColourFloor,
)


class Figures:
    """Rows in the order in which they were found."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows = tuple(rows)

    def __add__(self, more: Iterable[Row]) -> "Figures":
        return Figures((*self.rows, *more))

    @property
    def contests(self) -> tuple[Contest, ...]:
        """Every contest with a figure, in order."""
        return tuple(dict.fromkeys(row.contest for row in self.rows if isinstance(row, Measured)))

    def of(self, kind: type[R], /, **wanted: object) -> list[R]:
        """Rows of a kind whose fields are as wanted."""
        return [
            row
            for row in self.rows
            if isinstance(row, kind) and all(getattr(row, name) == value for name, value in wanted.items())
        ]

    def first(self, kind: type[R], /, **wanted: object) -> R | None:
        """The first such row, or None."""
        return next(iter(self.of(kind, **wanted)), None)

    def the(self, kind: type[R], /, **wanted: object) -> R:
        """The row that must be there."""
        row = self.first(kind, **wanted)
        assert row is not None, f"no {kind.__name__} with {wanted}"
        return row
