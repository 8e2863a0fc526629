"""Boxes as results and people have them: lists, which name the class wherever there are several.

========================================  ==================================================
``[x0, y0, x1, y1, confidence]``          what a network of one class without a name says
``[x0, y0, x1, y1, confidence, "bolt"]``  what any other says
``[x0, y0, x1, y1]``                      what is true, where there is one class without a name
``[x0, y0, x1, y1, "bolt"]``              what is true elsewhere
========================================  ==================================================
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.metrics.by_class import ClassMatches, match_classes
from synth.metrics.detection import Matches, Protocol, match

Box = list[Any]
Floats = NDArray[np.float64]


def to_lists(boxes: Floats, classes: Sequence[int], class_names: Sequence[str]) -> list[Box]:
    """Rows of boxes [M,4] or [D,5] with the names of their classes, where classes have names."""
    rows: list[Box] = boxes.tolist()
    return [[*row, class_names[c]] for row, c in zip(rows, classes, strict=True)] if class_names else rows


def class_of(box: Sequence[Any]) -> str | None:
    """The class's name; None where there is one class without a name."""
    return box[-1] if isinstance(box[-1], str) else None


def list_names(*many: Iterable[Iterable[Box]]) -> list[str]:
    """The names of all classes in some images' boxes, sorted; empty for one class without a name."""
    names = {class_of(box) for images in many for boxes in images for box in boxes}
    return sorted(name for name in names if name is not None)


def to_arrays(images: Sequence[Sequence[Box]], names: Sequence[str], n_figures: int) -> list[Floats]:
    """An array an image: ``n_figures`` numbers a box and, where there are names, the class's place there."""
    if not names:
        return [np.array(boxes, dtype=np.float64).reshape(-1, n_figures) for boxes in images]
    places = {name: i for i, name in enumerate(names)}
    return [
        np.array([[*box[:-1], places[box[-1]]] for box in boxes], dtype=np.float64).reshape(-1, n_figures + 1)
        for boxes in images
    ]


def match_lists(
    predicted: Sequence[Sequence[Box]], true: Sequence[Sequence[Box]], protocol: Protocol
) -> Matches | ClassMatches:
    """What is said beside what is true, class by class where classes have names."""
    names = list_names(predicted, true)
    found, truth = to_arrays(predicted, names, 5), to_arrays(true, names, 4)
    return match_classes(found, truth, names, protocol) if names else match(found, truth, protocol)


def least_overlap(said: Sequence[Box], true: Sequence[Box]) -> float:
    """Over true boxes, the least overlap (IoU) with the best box of its class that is said."""
    names = list_names([said], [true])
    (found,), (wanted,) = to_arrays([said], names, 5), to_arrays([true], names, 4)
    low = np.maximum(wanted[:, None, :2], found[None, :, :2])
    high = np.minimum(wanted[:, None, 2:4], found[None, :, 2:4])
    both = (high - low).clip(0).prod(axis=2)
    areas = [(b[:, 2:4] - b[:, :2]).prod(axis=1) for b in (wanted, found)]
    overlap = both / (areas[0][:, None] + areas[1][None] - both)
    same = (wanted[:, None, 4:] == found[None, :, 5:]).all(axis=2)
    return float(np.where(same, overlap, 0.0).max(axis=1).min())
