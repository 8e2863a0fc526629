"""What a task tells the report: what it measures and how that is called, its tables, diagrams and strips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from synth.metrics.comparison import Draws

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Unit = Literal["images", "crops"]


@dataclass(frozen=True)
class Metric:
    """A figure of a task.

    unit: how it is written: ``°``, ``%`` or, for a bare share from 0 to 1, nothing. ``×``: it is a natural
    logarithm, and a difference is told as the ratio that it stands for.
    """

    name: str
    title: str
    unit: Literal["°", "%", "", "×"]
    lower_is_better: bool


class Said(Protocol):
    """What one network says of test images, and what is true; one entry an image, as the task gives both."""

    @property
    def predicted(self) -> list[Any]: ...
    @property
    def true(self) -> list[Any]: ...


@dataclass(frozen=True)
class Curves:
    """Figures throughout training, for the report. panels: title and key of each.

    A key that begins with ``train_`` is a loss of training (``train_train_loss`` their sum), any other one
    of what the learner's checks say.
    """

    name: str
    panels: tuple[tuple[str, str], ...]
    caption: str


@dataclass(frozen=True)
class Diagram:
    """A diagram of what networks say, for the report.

    draw: gets empty axes, what the networks of each mix say, seed by seed, and a colour by mix.
    """

    name: str
    caption: str
    draw: "Callable[[Axes, Mapping[str, Sequence[Said]], Callable[[str], str]], None]"


@dataclass(frozen=True)
class Strip:
    """Test samples drawn with truth and prediction, for the report.

    n: of each mix. a_row: tiles a row. early: what was said at the first check is shown before the rest.
    """

    name: str
    caption: str
    n: int = 6
    a_row: int = 6
    early: bool = False


@dataclass(frozen=True)
class PaperTable:
    """A published table to set figures beside: a row each for metrics and losses, a column a network.

    metrics, losses: title and name of each. note: said under it, of so many test images. captions: the
    published table's own name, by mix.
    """

    metrics: tuple[tuple[str, str], ...]
    losses: tuple[tuple[str, str], ...]
    note: Callable[[int], str]
    captions: Mapping[str, str]


@dataclass(frozen=True)
class Breakdown:
    """A table of figures part by part, such as class by class: its words.

    name: in keys. title: over the names of parts. columns: metrics. few: truths below which a part's figures
    are an indication. note: said under it. of_truth: names of columns that are of the test images alone, the
    same whatever was trained on.
    """

    name: str
    title: str
    columns: tuple[Metric, ...]
    few: int = 0
    note: str = ""
    of_truth: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One line of a breakdown. n_true: of what is true of this part; None where it is no share of that.

    draws: every metric by name.
    """

    name: str
    n_true: int | None
    draws: Mapping[str, Draws]


@dataclass(frozen=True)
class Words:
    """What a task is called in sentences. title: itself. what: is measured. unit: is counted."""

    title: str
    what: str
    unit: Unit


@dataclass(frozen=True)
class Report:
    """What the report shows of a task beside its table.

    columns: metrics of the table, in order; note: said under it. breakdowns: what ``Task.break_down`` may
    give. strip: of the first test samples; worst: of those with the highest badness. colours: what they mean
    in both, a sentence.
    """

    columns: tuple[Metric, ...]
    note: str = ""
    breakdowns: tuple[Breakdown, ...] = ()
    pictures: tuple[Curves | Diagram, ...] = ()
    strip: Strip = Strip("first", "The same test samples in every row.")
    worst: Strip = Strip("worst", "")
    colours: str = "Green: truth; magenta: prediction."
    paper: PaperTable | None = None
