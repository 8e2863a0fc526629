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

MAX_P = 0.05


@dataclass(frozen=True)
class TestImages:
    """Whether the test images are the simulated cell's."""

    __test__ = False  # No test class, whatever its name begins with.

    is_simulated: bool


@dataclass(frozen=True)
class Drawn:
    """What intervals are drawn over. n: how many units. films: whose figures stand one by one, being few."""

    contest: Contest
    n: int
    what: str
    films: tuple[str, ...] = ()


@dataclass(frozen=True)
class RealRead:
    """How many real images were read for a mix, and of how many the labels, by kind; counted once each."""

    images: int
    labels: int
    masks: int
    poses: int

    def __str__(self) -> str:
        told = {"boxes and normals": self.labels, "masks": self.masks, "poses": self.poses}
        if not self.masks and not self.poses:
            return str(self.labels)
        return ", ".join(f"{what} of {n}" for what, n in told.items() if n)


@dataclass(frozen=True)
class UsedData:
    """How much data a mix used, and what of real images stands behind it.

    n_train, n_val: one number, or one a seed where each seed had a dataset of its own size. n_captured:
    images of ``real`` that training or choosing was given. real: None where a dataset does not tell.
    n_translators: of the mix's translated images; 0 where it has none.
    """

    contest: Contest
    mix: str
    n_train: tuple[int, ...]
    n_val: tuple[int, ...]
    n_captured: int
    real: RealRead | None
    choose: str
    n_translators: int = 0


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
class Unlearned:
    """A mix of which networks learned nothing. seeds: theirs."""

    contest: Contest
    mix: str
    seeds: tuple[int, ...]


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
    """A metric of one mix less that of another.

    p_holm: p after Holm's correction; None where nothing is asked of it: of single trainings, and of the
    headline where another metric tells mixes apart. films_agree: whether every film has its sign; None where
    films are none or many.
    """

    contest: Contest
    question: Question
    metric: str
    effect: Effect
    p_holm: float | None
    films_agree: bool | None = None

    @property
    def is_clear(self) -> bool:
        """Whether one of the two is better, beyond chance and in every film."""
        return (
            self.p_holm is not None
            and self.p_holm <= MAX_P
            and self.effect.excludes_zero
            and self.films_agree is not False
        )


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
class BaselineScore:
    """One metric of a baseline, of a task that finds nothing in use. name: the baseline's."""

    contest: Contest
    name: str
    metric: str
    effect: Effect


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
    | Drawn
    | UsedData
    | TestLoss
    | Measured
    | Unlearned
    | MeasuredPart
    | Difference
    | GapClosed
    | MixWorth
    | InUse
    | BaselineScore
    | Attention
    | ColourDistance
    | ColourFloor
)
R = TypeVar(
    "R",
    TestImages,
    Drawn,
    UsedData,
    TestLoss,
    Measured,
    Unlearned,
    MeasuredPart,
    Difference,
    GapClosed,
    MixWorth,
    InUse,
    BaselineScore,
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
