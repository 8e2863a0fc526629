"""Whether the boxes of a JSON are x, y, width and height in pixels, as COCO has them.

Other programs write corners, centres or fractions by the same name. Such a box often lies in its picture all
the same, only elsewhere, so a file that can be read better otherwise is refused as a whole: which reading is
right is for whoever made it to say.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.dataset.imports.coco_records import CocoFile, Id
from synth.dataset.imports.coco_shapes import extent, read_segmentation
from synth.dataset.imports.intake import ROUNDING_PX, Misfit
from synth.errors import InputError
from synth.geometry.se3 import Array

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
    if ((boxes >= 0) & (boxes <= 1)).all():
        raise InputError(
            f"{file.where}: no box leaves the first pixel of its picture if they are {_COCO.name}. Likely they "
            "are fractions of its width and height: multiply them by these"
        )
    edges = np.array([size for _, _, size in listed]) + ROUNDING_PX
    for reading in _OTHERS:
        evidence, remedy = _contradict([entry for entry, _, _ in listed], boxes, edges, reading)
        if evidence:
            raise InputError(
                f"{file.where}: {evidence} if they are {_COCO.name}, and would not if they were "
                f"{reading.name}. Likely they are, which is a guess: if so, {reading.remedy}; if not, {remedy}"
            )


def _contradict(entries: list[Any], boxes: Array, edges: Array, reading: Reading) -> tuple[str, str]:
    """What speaks against COCO's reading and for another, and what to do if it is COCO's; else nothing."""
    as_coco, other = _COCO.to_corners(boxes), reading.to_corners(boxes)
    fits = (other[:, 2:] >= other[:, :2]) & (other[:, :2] >= -ROUNDING_PX) & (other[:, 2:] <= edges)
    if not fits.all():
        return "", ""
    n_out = int((as_coco[:, 2:] > edges).any(axis=1).sum())
    if reading.by_numbers and n_out:
        return (
            f"{n_out} of {len(boxes)} boxes leave their pictures",
            "cut the boxes at the edges of the pictures",
        )
    outlines = ((i, outline) for i, entry in enumerate(entries) if (outline := _outline(entry)) is not None)
    if _all(_differ(outline, as_coco[i]) and not _differ(outline, other[i]) for i, outline in outlines):
        return "the boxes contradict their polygons", "mend the polygons or leave them out"
    areas = ((i, area) for i, entry in enumerate(entries) if (area := _area(entry)) is not None)
    if reading.by_numbers and _all(
        not _is_area(area, as_coco[i]) and _is_area(area, other[i]) for i, area in areas
    ):
        return "the boxes contradict their areas", "leave the areas out"
    return "", ""


def _all(answers: Iterator[bool]) -> bool:
    """Whether there are answers, and every one is yes."""
    return next(answers, False) and all(answers)


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


def _differ(a: Array, b: Array) -> bool:
    return bool(np.abs(a - b).max() > _SAME_BOX_PX)


def _is_area(area: float, box: Array) -> bool:
    return bool(abs(np.prod(box[2:] - box[:2]) - area) <= _SAME_AREA * area)
