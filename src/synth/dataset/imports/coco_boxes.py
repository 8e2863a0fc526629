"""Whether the boxes of a JSON are x, y, width and height in pixels, as COCO has them.

Other programs write corners, centres or fractions by the same name. Such a box often lies in its picture all
the same, only elsewhere, so a file that can be read better otherwise is refused as a whole: which reading is
right is for whoever made it to say.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from synth.dataset.imports.coco_records import CocoFile
from synth.dataset.imports.coco_shapes import extent, read_segmentation
from synth.dataset.imports.intake import ROUNDING_PX, Misfit
from synth.errors import InputError
from synth.geometry.se3 import Array

_SAME_BOX_PX, _SAME_AREA, _FAR_PX = 2.0, 0.01, 1e9
_AS_COCO = "x, y, width, height in pixels, as COCO has them"
_CORNERS = "the corners x0, y0, x1, y1"


def _corners_of_coco(box: Array) -> Array:
    return np.concatenate([box[..., :2], box[..., :2] + box[..., 2:]], axis=-1)


def _corners_of_centre(box: Array) -> Array:
    return np.concatenate([box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2], axis=-1)


_READINGS: dict[str, Callable[[Array], Array]] = {
    _CORNERS: lambda box: box,
    "the centre, width and height": _corners_of_centre,
}


def refuse_other_boxes(file: CocoFile) -> None:
    """Raise InputError, with both readings, for a file whose boxes are likely to mean something else."""
    listed = [
        (entry, box, image.size_wh or (np.inf, np.inf))
        for image in file.images
        for _, entry in file.annotations[image.id]
        if (box := _four_numbers(entry)) is not None
    ]
    if not listed:
        return
    boxes = np.array([box for _, box, _ in listed])
    if ((boxes >= 0) & (boxes <= 1)).all():
        raise InputError(
            f"{file.where}: no box leaves the first pixel of its picture if they are {_AS_COCO}; likely "
            "they are fractions of its width and height: multiply them by these"
        )
    for name, to_corners in _READINGS.items():
        read = to_corners(boxes)
        if evidence := _contradiction(listed, boxes, read, is_corners=name == _CORNERS):
            raise InputError(
                f"{file.where}: {evidence} if they are {_AS_COCO}, and would not if they were {name}. Likely "
                "they are these, but that is a guess: write them as COCO has them"
                + (", or cut at its edge each that leaves its picture" if "leave" in evidence else "")
            )


def _contradiction(listed: list[tuple[Any, Array, Any]], boxes: Array, read: Array, is_corners: bool) -> str:
    """What speaks against COCO's reading and for the other one, as half a sentence; empty for nothing."""
    as_coco = _corners_of_coco(boxes)
    edges = np.array([size for _, _, size in listed]) + ROUNDING_PX
    if (
        (read[:, 2:] <= read[:, :2]).any()
        or (read[:, :2] < -ROUNDING_PX).any()
        or (read[:, 2:] > edges).any()
    ):
        return ""
    n_out = int((as_coco[:, 2:] > edges).any(axis=1).sum())
    if is_corners and n_out:
        return f"{n_out} of {len(boxes)} boxes leave their pictures"
    outlines = (
        (i, outline) for i, (entry, _, _) in enumerate(listed) if (outline := _outline(entry)) is not None
    )
    if _all(_differ(outline, as_coco[i]) and not _differ(outline, read[i]) for i, outline in outlines):
        return "the boxes contradict their polygons"
    areas = ((i, area) for i, (entry, _, _) in enumerate(listed) if (area := _area(entry)) is not None)
    if is_corners and _all(not _is_area(area, as_coco[i]) and _is_area(area, read[i]) for i, area in areas):
        return "the boxes contradict their areas"
    return ""


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
