"""What the rows of YOLO labels say: one by one, and whether all of a folder are what they are read as.

A row is ``class xc yc w h``, fractions of the picture, or ``class x1 y1 x2 y2 x3 y3 …``, a polygon, which
becomes a box and a mask. Rows of other kinds look like these one by one: corners ``x0 y0 x1 y1`` like boxes,
key points ``xc yc w h x y …``, and rows with a confidence and a track's number behind, like polygons. Over a
whole folder they differ.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import hypot, isfinite
from pathlib import Path
from typing import Literal

import numpy as np

from synth.dataset.imports.intake import Misfit, Note
from synth.dataset.imports.labelled import MOST_NAMED, Shape
from synth.dataset.imports.pictures import inside_folder
from synth.errors import DatasetError, InputError
from synth.geometry.polygon import fill_polygon

_N_BOX = 5
_ROUNDING = 0.01
"""How far a box may reach over the edge, of the picture's side, before its row counts as another kind."""
_PIXELS = 2.0
"""A number above it can be no fraction of a picture."""
_MANY = 0.25
"""The share of boxes outside from which on they are no slips."""

Row = tuple[float, ...]


@dataclass(frozen=True)
class Survey:
    """numbers: of the classes in each label."""

    numbers: Mapping[str, Collection[int]]
    notes: Sequence[Note]

    def say_numbers(self) -> str:
        """Which classes there must be names for."""
        used = sorted(set().union(*self.numbers.values()))
        if not used:
            return "Its labels have no rows"
        if used == [0]:
            return "Its labels have class number 0 alone"
        named = ", ".join(map(str, used[:MOST_NAMED])) + (f" … {used[-1]}" if len(used) > MOST_NAMED else "")
        return f"Its labels have class numbers {named} ({len(used)} of them), so 0 to {used[-1]} need names"


def survey(root: Path, labels: Sequence[str]) -> Survey:
    """Look through all labels; what cannot be read is passed over.

    Raises InputError where the rows are, or may be, of another kind than they would be read as.
    """
    numbers: dict[str, set[int]] = {}
    boxes: list[tuple[str, Row]] = []
    longer: list[tuple[str, Row]] = []
    lengths: set[int] = set()
    tracked: list[str] = []
    n_longer = 0
    for label in labels:
        numbers[label] = set()
        for number, *row in _read_rows(root, label):
            if number.is_integer() and number >= 0:
                numbers[label].add(int(number))
            if len(row) == _N_BOX - 1:
                boxes.append((label, tuple(row)))
            elif len(row) >= _N_BOX:
                n_longer += 1
                lengths.add(len(row))
                longer.append((label, tuple(row)))
                if len(tracked) == n_longer - 1 and _may_be_tracked(row):
                    tracked.append(label)
            if len(lengths) > 1:  # No key points then; those of a large set would fill the memory.
                longer.clear()
    _refuse_key_points(root, longer)
    if len(tracked) == n_longer > 1:
        raise InputError(
            f"the rows in {root}, such as those of {tracked[0]}, look like what Ultralytics' track saves: a "
            "confidence and a track's number stand behind each. Take these two away. If they are polygons "
            "rather, whose last point lies on the lower edge, repeat that of one"
        )
    return Survey(numbers, _refuse_other_boxes(root, boxes))


def _read_rows(root: Path, label: str) -> Iterator[Row]:
    try:
        lines = read_label(root, label)
    except (DatasetError, OSError, ValueError):
        return
    for line in lines:
        try:
            row = _numbers(line)
        except ValueError:
            continue
        if row and all(map(isfinite, row)):
            yield row


def read_label(root: Path, label: str) -> list[str]:
    """The lines of a label; raises DatasetError, OSError or ValueError."""
    return inside_folder(root, label).read_text(encoding="utf-8-sig").splitlines()


def _numbers(line: str) -> Row:
    return tuple(float(word.strip("\"'")) for word in line.split())


def _refuse_other_boxes(root: Path, rows: Sequence[tuple[str, Row]]) -> list[Note]:
    """Whether boxes may be corners, or begin at their left upper corner, which is noted where none is
    certain.
    """
    rows = [(label, row) for label, row in rows if max(map(abs, row)) <= _PIXELS]
    if not rows:
        return []
    x, y, a, b = np.array([row for _, row in rows]).T
    edges = np.array([x - a / 2, y - b / 2, 1 - x - a / 2, 1 - y - b / 2])
    outside = (edges < -_ROUNDING).any(axis=0)
    readings = {
        "x0 y0 x1 y1, two corners": outside.any() and _inside(x, y, a, b),
        "x0 y0 w h, from the left upper corner": outside.mean() > _MANY and _inside(x, y, x + a, y + b),
    }
    if fitting := [reading for reading, fits in readings.items() if fits]:
        raise InputError(
            f"{int(outside.sum())} of {len(rows)} boxes in {root} leave their picture when they are read as "
            f"xc yc w h, first in {rows[int(outside.argmax())][0]}; all lie in it when read as "
            f"{', or '.join(fitting)}. Neither is certain: write them as class xc yc w h, fractions of the "
            "picture"
        )
    if _inside(x, y, a, b):
        return [
            Note(str(root), "its boxes, read as xc yc w h, could be corners x0 y0 x1 y1 too: look at a sheet")
        ]
    return []


def _inside(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> bool:
    low, high = np.minimum(x0, y0), np.maximum(x1, y1)
    return bool(
        (x0 < x1).all() and (y0 < y1).all() and (low > -_ROUNDING).all() and (high < 1 + _ROUNDING).all()
    )


def _refuse_key_points(root: Path, rows: Sequence[tuple[str, Row]]) -> None:
    """Refuse rows that all have as many numbers, the first four a box that holds the rest; a few outlines do
    too, but then look like it.
    """
    n = len(rows[0][1]) if rows else 0
    for step in (step for step in (2, 3) if n and (n - 4) % step == 0):
        readings = [_read_key_points(row, step) for _, row in rows]
        if "neither" not in readings and 2 * readings.count("outline") <= len(readings):
            raise InputError(
                f"the rows in {root}, such as those of {rows[0][0]}, look like key points: class xc yc w h, "
                "then points that lie in it. Key points are not taken over: leave only class xc yc w h. If "
                "they are polygons rather, repeat the last point of one: key points are as many in each row"
            )


def _may_be_tracked(row: Sequence[float]) -> bool:
    """Whether a row ends in a fraction and a whole number, and no other point touches the lower edge."""
    *others, share, number = row
    return number >= 1 and number.is_integer() and 0 <= share <= 1 and max(others[1::2]) < 1


def _read_key_points(row: Row, step: int) -> Literal["neither", "outline", "key points"]:
    """What a row may be besides a polygon. Of an outline the second corner is near the others, which are far
    from filling a box as large as that corner's place is from the picture's.

    step: 2 for x y, 3 for x y visibility.
    """
    centre, size = np.reshape(row[:4], (2, 2))
    points = np.reshape(row[4:], (-1, step))
    shown = points[:, :2][points[:, :2].any(axis=1)]
    reach = np.abs(centre - 0.5) + size / 2 - 0.5
    if (
        (step == 3 and not np.isin(points[:, 2], (0, 1, 2)).all())
        or size.min() <= 0
        or reach.max() > _ROUNDING
        or (np.abs(shown - centre) > size / 2 + _ROUNDING).any()
    ):
        return "neither"
    others = np.vstack([shown, centre])
    low, high = others.min(axis=0), others.max(axis=0)
    gap = np.maximum(np.maximum(low - size, size - high), 0)
    is_outline = step == 2 and hypot(*gap) < hypot(*(high - low)) and ((high - low) < size / 2).all()
    return "outline" if is_outline else "key points"


def parse_line(line: str, classes: Sequence[str], size_wh: tuple[int, int], where: str) -> Shape:
    """One object of a label. Raises Misfit that names what is wrong with it."""
    try:
        index, *fractions = _numbers(line)
    except ValueError:
        raise Misfit(where, "malformed", f"has words that are no numbers: {line:.60}") from None
    if not all(isfinite(v) for v in (index, *fractions)):
        raise Misfit(where, "box not finite", f"has numbers that are not finite: {line:.60}")
    n_numbers = len(fractions) + 1
    if n_numbers != _N_BOX and (n_numbers < _N_BOX + 2 or n_numbers % 2 == 0):
        raise Misfit(
            where,
            "malformed",
            f"has {n_numbers} numbers: a box has class xc yc w h, a polygon a class and three points or more",
        )
    if not (index.is_integer() and 0 <= index < len(classes)):
        raise Misfit(
            where,
            "unknown class",
            f"has class {index:g}, but there are {len(classes)}, from 0 on: {', '.join(classes):.80}",
        )
    if (largest := max(fractions, key=abs)) and abs(largest) > _PIXELS:
        raise Misfit(
            where,
            "box outside",
            f"has the number {largest:g}: a label has fractions of the picture, from 0 to 1, and no pixels",
        )
    class_name = classes[int(index)]
    if n_numbers == _N_BOX:
        centre, size = np.reshape(fractions, (2, 2)) * size_wh
        return Shape(where, class_name, [*(centre - size / 2), *(centre + size / 2)])
    polygon = np.reshape(fractions, (-1, 2)) * size_wh
    box = [*polygon.min(axis=0), *polygon.max(axis=0)]
    return Shape(where, class_name, box, partial(fill_polygon, polygon, size_wh))
