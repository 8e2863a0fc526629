"""How many train instances of each class, small, medium and large, of one dataset or of several side by side.

COCO's sizes, by the area of the tight box: small below 32² pixels, large from 96² on. Table 1 of the paper,
SYN-MTGAN, and its figures of counts and sizes by class are made of these.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.table import Table

from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.storage.atomic import write_bytes
from synth.storage.figure import encode_figure

Size = Literal["small", "medium", "large"]
SIZES: tuple[Size, ...] = get_args(Size)
EDGES_PX2 = (32**2, 96**2)
SIZES_IN_WORDS = "small: a box below 32² pixels, large: from 96² on"

BySize = Mapping[Size, int]

_BLUE = ("#9ecae1", "#4292c6", "#084594")
_SUFFIXES = (".png", ".svg", ".pdf")


def count_sizes(dataset: DatasetReader) -> dict[str, BySize]:
    """The train instances of every class that there is, by size."""
    counts = {name: dict.fromkeys(SIZES, 0) for name in dataset.info.classes}
    for sample in dataset.of_split("train"):
        for instance in sample.instances:
            x0, y0, x1, y1 = instance.box_xyxy_px
            size = SIZES[int(np.searchsorted(EDGES_PX2, (x1 - x0) * (y1 - y0), side="right"))]
            counts[instance.class_name][size] += 1
    return dict(counts)


def make_size_table(datasets: Sequence[DatasetReader]) -> Table:
    """A row a class; of each dataset how many, and small / medium / large."""
    table = Table(box=None, padding=(0, 2))
    table.add_column("class")
    for dataset in datasets:
        table.add_column(dataset.name, justify="right")
        table.add_column("s / m / l", justify="right")
    counted = [count_sizes(dataset) for dataset in datasets]
    for name in _all_classes(counted):
        cells = [by_class.get(name, dict.fromkeys(SIZES, 0)) for by_class in counted]
        row = [text for by_size in cells for text in (str(sum(by_size.values())), _say(by_size))]
        table.add_row(name, *row)
    return table


def draw_sizes(datasets: Sequence[DatasetReader], path: Path) -> None:
    """A bar a class, of small, medium and large ones, a panel a dataset; the ending of ``path`` says the
    format.

    Raises InputError for another ending.
    """
    if path.suffix not in _SUFFIXES:
        raise InputError(f"a figure is one of {', '.join(_SUFFIXES)}, got {path}")
    counted = [count_sizes(dataset) for dataset in datasets]
    names = _all_classes(counted)
    figure = Figure(figsize=(2 + 4 * len(datasets), 1.2 + 0.28 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    for panel, dataset, by_class in zip(panels, datasets, counted, strict=True):
        left = np.zeros(len(names))
        for size, colour in zip(SIZES, _BLUE, strict=True):
            counts = np.array([by_class.get(name, {}).get(size, 0) for name in names])
            panel.barh(names, counts, left=left, color=colour, label=size)
            left += counts
        panel.set_title(f"{dataset.name}: {int(left.sum())} train instances", fontsize=9)
        panel.set_xlabel("instances")
        panel.tick_params(labelsize=8)
        panel.set_xlim(0, 1.06 * max(left.max(), 1))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        title=SIZES_IN_WORDS,
        title_fontsize=8,
        loc="outside lower center",
        ncols=len(SIZES),
        fontsize=8,
    )
    write_bytes(path, encode_figure(figure, path.suffix[1:], dpi=150))


def _all_classes(counted: Sequence[Mapping[str, BySize]]) -> list[str]:
    return list(dict.fromkeys(name for by_class in counted for name in by_class))


def _say(by_size: BySize) -> str:
    return " / ".join(str(by_size[size]) for size in SIZES)
