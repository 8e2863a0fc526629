"""What the segmentation task says of itself to the report: its metrics, tables and pictures."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from synth.metrics.by_class import FEW_TRUTHS
from synth.metrics.segmentation import BOUNDARY_TOLERANCE_PX, METRICS
from synth.train.tasks.report import Breakdown, Curves, Diagram, Metric, Report, Said, Strip
from synth.train.tasks.segmentation.scores import count_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADLINE = Metric("miou", "mIoU", "", lower_is_better=False)
_OTHERS = (
    Metric("mf1", "mean F1", "", lower_is_better=False),
    Metric("pixel_accuracy", "pixel accuracy", "", lower_is_better=False),
    Metric("boundary_f1", "boundary F1", "", lower_is_better=False),
)
_MOST_BARS = 40
"""Classes that have bars; of more, those with most pixels."""


def _draw_bars(ax: "Axes", said: Mapping[str, Sequence[Said]], colour: Callable[[str], str]) -> None:
    """IoU of each class, a bar a mix, the class with most true pixels above."""
    counts = {mix: [count_pixels(one) for one in own] for mix, own in said.items()}
    first, (_, one) = next(iter(counts.values()))[0], (0, next(iter(said.values()))[0].true[0])
    shares = first.pixel_shares
    order = [i for i in np.argsort(-shares, kind="stable") if shares[i] > 0][:_MOST_BARS]
    height = 0.8 / len(counts)
    for k, (mix, own) in enumerate(counts.items()):
        ious = np.mean([each.iou_by_class(np.ones((1, len(each.n_true))))[0] for each in own], axis=0)
        places = np.arange(len(order)) + (k - (len(counts) - 1) / 2) * height
        ax.barh(places, ious[order], height * 0.92, color=colour(mix), label=mix)
    ax.set_yticks(range(len(order)), [f"{first.names[i]}  {100 * shares[i]:.1f} %" for i in order])
    ax.tick_params(axis="y", length=0, pad=14)
    swatches = [tuple(v / 255 for v in one["colours"][i]) for i in order]
    ax.scatter(
        [-0.014] * len(order),
        range(len(order)),
        marker="s",
        s=60,
        c=swatches,
        edgecolors="black",
        linewidths=0.4,
        clip_on=False,
        transform=ax.get_yaxis_transform(),
    )
    ax.set(xlim=(0, 1), ylim=(len(order) - 0.5, -0.5), xlabel="IoU")
    ax.grid(visible=False, axis="y")
    ax.set_axisbelow(True)
    ax.legend(title="trained on", fontsize=8)
    figure: Figure = ax.get_figure()  # type: ignore[assignment]
    figure.set_figheight(max(3.0, 1.0 + 0.3 * len(order)))


def _say_absent() -> str:
    """Of each score, what becomes of classes that no test picture shows."""
    titles = {metric.name: metric.title for metric in (HEADLINE, *_OTHERS)}
    said: dict[str, list[str]] = {}
    for name, metric in METRICS.items():
        said.setdefault(metric.absent, []).append(titles[name])
    return " ".join(f"{', '.join(names)}: {absent}." for absent, names in said.items())


REPORT = Report(
    columns=(HEADLINE, *_OTHERS),
    note="Pixels of all test pictures are counted together before anything is divided; void counts nowhere. "
    f"Classes that no true pixel is of: {_say_absent()} A boundary may be {BOUNDARY_TOLERANCE_PX:g} px off.",
    breakdowns=(
        Breakdown(
            "by_class",
            "class",
            (
                Metric("share", "share of pixels", "", lower_is_better=False),
                Metric("iou", "IoU", "", lower_is_better=False),
                Metric("f1", "F1", "", lower_is_better=False),
                Metric("boundary_f1", "boundary F1", "", lower_is_better=False),
            ),
            FEW_TRUTHS,
            "Truths: the test pictures that show a class. Share of pixels: of the true ones, void left out. "
            "A class that no test picture shows has no row.",
            of_truth=("share",),
        ),
    ),
    pictures=(
        Diagram(
            "classes",
            "IoU of each class, mean over seeds; beside its name its share of the true pixels.",
            _draw_bars,
        ),
        Curves(
            "training",
            (
                ("train loss", "train_class_loss"),
                ("val cross-entropy, own images", "val_cross_entropy"),
                ("test cross-entropy", "test_cross_entropy"),
                ("val mIoU, own images", "val_miou"),
                ("test mIoU", "test_miou"),
            ),
            "Throughout training. The train loss is weighted as the settings say, the others are not. Val "
            "curves are of each mix's own images and cannot be compared with each other; test curves are of "
            "up to 50 test pictures and choose nothing.",
        ),
    ),
    strip=Strip("first", "The same test samples in every row: picture, truth, prediction.", n=4, a_row=2),
    worst=Strip("worst", "least mIoU: picture, truth, prediction", n=4, a_row=2),
    colours="Black: void.",
)
