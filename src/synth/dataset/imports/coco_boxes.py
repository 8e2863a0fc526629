"""Whether the boxes of a JSON are x, y, width and height in pixels, as COCO has them.

Other programs write corners, centres or fractions by the same name. Such a box often lies in its picture all
the same, only elsewhere, so a file that can be read better otherwise is refused as a whole: which reading is
right is for whoever made it to say.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from synth.dataset.imports.coco_records import CocoFile, Id
from synth.dataset.imports.coco_shapes import extent, read_segmentation
from synth.dataset.imports.intake import ROUNDING_PX, Misfit
from synth.errors import InputError
from synth.geometry.se3 import Array

F = TypeVar("F")

_SAME_BOX_PX, _SAME_AREA, _FAR_PX = 2.0, 0.01, 1e9


@dataclass(frozen=True)
class Reading:
    """What four numbers may mean. remedy: how COCO's come of them. to_corners: boxes [...,4], xyxy in pixels.

    by_numbers: whether sizes and areas alone can speak for it; else only polygons do.
    """

    name: str
    remedy: str
    to_corners: Callable[[Array], Array]
    by_numbers: bool = False


_COCO = Reading(
    "x, y, width and height in pixels, as COCO has them",
    "",
    lambda box: np.concatenate([box[..., :2], box[..., :2] + box[..., 2:]], axis=-1),
)
_OTHERS = (
    Reading(
        "the corners x0, y0, x1, y1",
        "write x1 - x0 and y1 - y0 for the last two",
        lambda box: box,
        by_numbers=True,
    ),
    Reading(
        "the centre, width and height",
        "subtract half the width and height from the first two",
        lambda box: np.concatenate(
            [box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2], axis=-1
        ),
    ),
)


def refuse_other_boxes(file: CocoFile, sizes: Mapping[Id, tuple[int, int]]) -> None:
    """Raise InputError, with both readings, for a file whose boxes are likely to mean something else.

    sizes: width and height in pixels of pictures, by their ids, as far as they are known.
    """
    listed = [
        (entry, box, sizes.get(image.id, (np.inf, np.inf)))
        for image in file.images
        for _, entry in file.annotations[image.id]
        if (box := _four_numbers(entry)) is not None
    ]
    if not listed:
        return
    boxes = np.array([box for _, box, _ in listed])
    if ((boxes >= 0) & (boxes <= 1)).all() and (boxes[:, 2:] > 0).any():
        raise InputError(
            f"{file.where}: no box leaves the first pixel of its picture if they are {_COCO.name}. Likely "
            "they are fractions of its width and height: multiply them by these"
        )
    edges = np.array([size for _, _, size in listed]) + ROUNDING_PX
    for reading in _OTHERS:
        evidence, remedy = _contradict([entry for entry, _, _ in listed], boxes, edges, reading)
        if evidence:
            raise InputError(
                f"{file.where}: {evidence} if they are {_COCO.name}, and would not if they "
                f"were {reading.name}. Likely they are, which is a guess: if so, {reading.remedy}; "
                f"if not, {remedy}"
            )


def _contradict(entries: list[Any], boxes: Array, edges: Array, reading: Reading) -> tuple[str, str]:
    """What speaks against COCO's reading and for another, and what to do if it is COCO's; else nothing."""
    as_coco, other = _COCO.to_corners(boxes), reading.to_corners(boxes)
    fits = (other[:, 2:] >= other[:, :2]) & (other[:, :2] >= -ROUNDING_PX) & (other[:, 2:] <= edges)
    if not fits.all():
        return "", ""
    for_coco, for_other = _agree(map(_outline, entries), as_coco, other, _is_box)
    if for_coco:
        return "", ""
    n_out = int((as_coco[:, 2:] > edges).any(axis=1).sum())
    if reading.by_numbers and n_out:
        return f"{n_out} of {len(boxes)} boxes leave their pictures", "cut them at the edges"
    if for_other:
        return "the boxes contradict their polygons", "mend the polygons or leave them out"
    for_coco, for_other = _agree(map(_area, entries), as_coco, other, _is_area)
    if reading.by_numbers and for_other and not for_coco:
        return "the boxes contradict their areas", "leave the areas out"
    return "", ""


def _agree(
    figures: Iterable[F | None], as_coco: Array, other: Array, is_of: Callable[[F, Array], bool]
) -> tuple[bool, bool]:
    """Of figures that boxes have beside them: whether one agrees with COCO's reading alone, and whether all
    do with the other one alone.
    """
    agreed = [
        (is_of(figure, as_coco[i]), is_of(figure, other[i]))
        for i, figure in enumerate(figures)
        if figure is not None
    ]
    return (True, False) in agreed, bool(agreed) and set(agreed) == {(False, True)}


def _four_numbers(entry: Any) -> Array | None:
    bbox = entry.get("bbox") if isinstance(entry, dict) else None
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(type(v) in (int, float) for v in bbox):
        return None
    return np.array(bbox, dtype=float) if all(abs(v) < _FAR_PX for v in bbox) else None


def _outline(entry: Any) -> Array | None:
    try:
        outline, _ = read_segmentation(entry.get("segmentation"), "")
    except Misfit:
        return None
    return np.array(extent(outline)) if isinstance(outline, list) else None


def _area(entry: Any) -> float | None:
    area = entry.get("area")
    return area if type(area) in (int, float) and 1 < area < _FAR_PX**2 else None


def _is_box(outline: Array, box: Array) -> bool:
    return bool(np.abs(outline - box).max() <= _SAME_BOX_PX)


def _is_area(area: float, box: Array) -> bool:
    return bool(abs(np.prod(box[2:] - box[:2]) - area) <= _SAME_AREA * area)
