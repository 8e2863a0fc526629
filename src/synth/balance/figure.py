"""Shares of classes before and after, as a figure: a panel a measure, marks where one was asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from synth.balance.verdict import MEASURES, Row
from synth.storage.atomic import write_bytes
from synth.storage.figure import encode_figure

_TITLES = {
    "pixels": "share of the labelled pixels",
    "images": "share of the maps that show it",
    "components": "share of the components",
}


def draw_shares(rows: Sequence[Row], n_train: int, n_made: int, stem: Path) -> None:
    """Write STEM.png and STEM.svg."""
    names = list(dict.fromkeys(row.class_name for row in rows))
    figure = Figure(figsize=(13, 1.8 + 0.36 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(MEASURES), sharey=True)
    places = np.arange(len(names))
    for ax, measure in zip(axes, MEASURES, strict=True):
        own = [row for row in rows if row.measure == measure]
        ax.barh(places - 0.2, [100 * r.before for r in own], 0.38, color="#9aa5b1", label="before")
        ax.barh(places + 0.2, [100 * r.after for r in own], 0.38, color="#2f6fde", label="after")
        asked = [
            (place, 100 * r.target) for place, r in zip(places, own, strict=True) if r.target is not None
        ]
        if asked:
            ys, xs = zip(*asked, strict=True)
            ax.scatter(xs, ys, marker="|", s=420, color="#d1242f", linewidths=2, label="asked for", zorder=3)
        ax.set_title(measure)
        ax.set_xlabel(f"{_TITLES[measure]}, %")
        if measure != "images":
            ax.set_xscale("symlog", linthresh=1)
            ax.xaxis.set_major_formatter("{x:g}")
        ax.legend(loc="lower right", fontsize=8)
        ax.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(places, names)
    axes[0].invert_yaxis()
    figure.suptitle(f"{n_train} train maps before; the same and {n_made} made maps after")
    write_bytes(stem.with_suffix(".png"), encode_figure(figure, dpi=100))
    write_bytes(stem.with_suffix(".svg"), encode_figure(figure, "svg", metadata={"Date": None}))
