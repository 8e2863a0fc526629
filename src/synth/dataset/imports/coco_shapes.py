"""What a picture's annotations mean: boxes and masks, and what can stand in a JSON for them.

A segmentation is a list of polygons, each x and y of three points or more, or run lengths, plain or packed.
Written otherwise it is read where it can mean one thing alone; where it cannot, it costs the mask and not the
box. What contradicts its box or its picture costs the picture.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field

from synth.dataset.imports.coco_records import (
    CocoAnnotation,
    CocoFile,
    CocoImage,
    parse,
    say_ids,
)
from synth.dataset.imports.intake import Intake, Misfit
from synth.dataset.imports.labelled import Shape
from synth.dataset.imports.pictures import Picture
from synth.dataset.rle import decode_rle
from synth.errors import DatasetError
from synth.geometry.boxes import Mask, tight_box
from synth.geometry.polygon import fill_polygon

_FAR_PX, _MIN_NUMBERS, _MAX_DEPTH = 1e6, 6, 4
_BYTES = re.compile(r"""b'([^']*)'|b"([^"]*)\"""")

Polygon = list[float]


class RunLengths(BaseModel):
    """A mask; size: height and width."""

    size: Annotated[
        tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]],
        Field(description="the height and width of its mask in pixels"),
    ]
    counts: Annotated[list[int] | str, Field(description="run lengths, a list of them or packed in a text")]


def read_shapes(file: CocoFile, image: CocoImage, picture: Picture, intake: Intake) -> list[Shape]:
    """Every object of a picture, crowds left out; raises Misfit."""
    if image.size_wh not in (None, picture.size_wh):
        raise Misfit(
            image.file_name,
            "wrong size",
            f"has {picture.size_wh[0]}×{picture.size_wh[1]} pixels, {image.width}×{image.height} in "
            f"{file.where}{f' ({picture.note})' if picture.note else ''}",
        )
    shapes = []
    for where, entry in file.annotations[image.id]:
        annotation = parse(CocoAnnotation, entry, where)
        category = file.category_of(entry)
        if category is None:
            number = annotation.category_id
            reason, what = (
                ("malformed", "no category_id")
                if number is None
                else ("unknown class", f"category_id {number!r:.40}, which no category has")
            )
            raise Misfit(where, reason, f"has {what}: give it that of one, {say_ids(file.categories)}")
        place = f"{image.file_name}, {where}"
        if annotation.iscrowd:
            intake.note(place, "a crowd is left out, and what it shows counts as background")
            continue
        outline, remark = read_segmentation(annotation.segmentation, where)
        if remark:
            intake.note(place, remark)
        draw = _drawing(outline, picture.size_wh, where)
        box = _box_of(annotation, outline, draw, where)
        if annotation.bbox is None:
            intake.note(place, "without a bbox: its box is that of its segmentation")
        shapes.append(Shape(where, file.categories[category], box, draw))
    return shapes


def read_segmentation(value: Any, where: str) -> tuple[list[Polygon] | RunLengths | None, str]:
    """What a segmentation draws, None for nothing, and a remark where it is not written as COCO has it.

    Raises Misfit for numbers that cannot be coordinates.
    """
    if not value:
        return None, ""
    if isinstance(value, dict):
        return _read_runs(value, where)
    try:
        polygons = list(_polygons(value))
    except ValueError:
        return None, "its segmentation is neither polygons nor run lengths: it has no mask"
    if any(len(numbers) < _MIN_NUMBERS for numbers in polygons):
        return None, "its segmentation has a polygon of fewer than three points: it has no mask"
    for numbers in polygons:
        if len(numbers) % 2 or not all(abs(v) < _FAR_PX for v in numbers):
            raise Misfit(
                where, "malformed", f"a polygon has x and y of three points or more, each under {_FAR_PX:g}"
            )
    if polygons == value:
        return polygons, ""
    if len(polygons) > 1:
        return None, "its segmentation has lists within lists, which may be parts or holes: it has no mask"
    return polygons, "its segmentation is read as one polygon, though it is not written as a list of polygons"


def _polygons(value: Any, depth: int = 0) -> Iterator[Polygon]:
    """Every polygon in lists of them: a list of numbers, or of three points or more, each a list of two."""
    if not isinstance(value, list) or depth == _MAX_DEPTH:
        raise ValueError
    if all(map(_is_number, value)):
        yield value
    elif len(value) > 2 and all(
        isinstance(p, list) and len(p) == 2 and all(map(_is_number, p)) for p in value
    ):
        yield [number for point in value for number in point]
    else:
        for part in value:
            yield from _polygons(part, depth + 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_runs(value: dict[str, Any], where: str) -> tuple[RunLengths, str]:
    runs = parse(RunLengths, value, where)
    if isinstance(runs.counts, str) and (quoted := _BYTES.fullmatch(runs.counts)):
        text = (quoted[1] or quoted[2] or "").replace("\\\\", "\\")
        return RunLengths(size=runs.size, counts=text), "its run lengths are written as Python shows bytes"
    return runs, ""


def _box_of(
    annotation: CocoAnnotation,
    outline: list[Polygon] | RunLengths | None,
    draw: Callable[[], Mask] | None,
    where: str,
) -> tuple[float, ...]:
    """The tight box, xyxy in pixels: that which is given, else that of the segmentation."""
    if annotation.bbox is not None:
        x, y, width, height = annotation.bbox
        return x, y, x + width, y + height
    if isinstance(outline, list):
        return extent(outline)
    if draw is None or (seen := tight_box(draw())) is None:
        raise Misfit(where, "malformed", "has no bbox, and no segmentation that would make one")
    return tuple(seen.tolist())


def extent(polygons: list[Polygon]) -> tuple[float, ...]:
    """The box around polygons, xyxy in pixels."""
    xy = np.reshape([number for numbers in polygons for number in numbers], (-1, 2))
    return *xy.min(axis=0).tolist(), *xy.max(axis=0).tolist()


def _drawing(
    outline: list[Polygon] | RunLengths | None, size_wh: tuple[int, int], where: str
) -> Callable[[], Mask] | None:
    """What draws a segmentation; nothing for none."""
    if outline is None:
        return None
    if isinstance(outline, RunLengths):
        return partial(_draw_runs, outline, size_wh, where)
    return partial(_draw_polygons, outline, size_wh)


def _draw_polygons(polygons: list[Polygon], size_wh: tuple[int, int]) -> Mask:
    parts = [fill_polygon(np.reshape(numbers, (-1, 2)), size_wh) for numbers in polygons]
    return np.asarray(np.logical_or.reduce(parts))


def _draw_runs(runs: RunLengths, size_wh: tuple[int, int], where: str) -> Mask:
    height, width = runs.size
    if (width, height) != size_wh:
        raise Misfit(
            where,
            "wrong size",
            f"its mask has {width}×{height} pixels, its picture {size_wh[0]}×{size_wh[1]}",
        )
    try:
        return decode_rle(runs.counts, runs.size)
    except DatasetError as error:
        raise Misfit(where, "malformed", str(error)) from error
