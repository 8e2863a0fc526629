"""What the classification task says of itself to the report: its metrics, tables and pictures."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synth.metrics.by_class import FEW_TRUTHS
from synth.train.tasks.classification.scores import count_confusions
from synth.train.tasks.report import Breakdown, Curves, Diagram, Metric, Report, Said, Strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADLINE = Metric("accuracy", "accuracy", "", lower_is_better=False)
MACRO = Metric("macro_accuracy", "accuracy, mean over classes", "", lower_is_better=False)

_CENTRED: dict[str, Any] = {"ha": "center", "va": "center"}
_MOST_WRITTEN = 12
"""Classes up to which the cells of a table of confusions have numbers."""


def _draw_confusions(ax: "Axes", said: Mapping[str, Sequence[Said]], _colour: Callable[[str], str]) -> None:
    """What each true class, a row, is taken for, in % of its crops; a square a mix."""
    ax.set_axis_off()
    width = 1 / len(said)
    for i, (mix, own) in enumerate(said.items()):
        names, shares = count_confusions(own)
        panel = ax.inset_axes((i * width + 0.12 * width, 0.12, 0.86 * width, 0.78))
        panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        size = max(3, min(8, 160 // (len(names) * len(said))))
        panel.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
        panel.set_yticks(range(len(names)), names, fontsize=size)
        panel.set_title(mix, fontsize=9)
        panel.set_xlabel("taken for", fontsize=8)
        if i == 0:
            panel.set_ylabel("is", fontsize=8)
        if len(names) <= _MOST_WRITTEN:
            for row, column in zip(*shares.nonzero(), strict=True):
                share = shares[row, column]
                colour = "white" if share > 0.5 else "black"
                panel.text(column, row, f"{100 * share:.0f}", color=colour, fontsize=size, **_CENTRED)


REPORT = Report(
    columns=(HEADLINE, MACRO),
    note="A crop is a square about an instance's box, or a whole picture where the box is that.",
    breakdowns=(
        Breakdown(
            "by_class",
            "class",
            (
                Metric("accuracy", "accuracy", "", lower_is_better=False),
                Metric("precision", "precision", "", lower_is_better=False),
            ),
            FEW_TRUTHS,
            "Accuracy: the share of a class's crops that are read rightly. Precision: the share of what is "
            "taken for a class that is of it. A class that was never learnt is never read.",
        ),
    ),
    pictures=(
        Diagram(
            "confusions",
            "What each class, a row, is taken for, a column, in % of its test crops; all seeds together.",
            _draw_confusions,
        ),
        Curves(
            "training",
            (
                ("train loss", "train_class_loss"),
                ("val loss, own images", "val_loss"),
                ("test loss", "test_loss"),
                ("val accuracy, own images", "val_accuracy"),
                ("test accuracy", "test_accuracy"),
            ),
            "Losses and accuracy throughout training. Val curves are of each mix's own images and cannot be "
            "compared with each other; test curves choose nothing.",
        ),
    ),
    worst=Strip("worst", "the surest wrong answers"),
)
