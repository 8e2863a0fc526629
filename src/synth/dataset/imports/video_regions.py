"""Places of a film that somebody wants unrecognisable, such as faces and plates, from a table of theirs."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.imports.video_film import Rect
from synth.errors import InputError

COLUMNS = ("film", "from_s", "to_s", "x0", "y0", "x1", "y1")
_CELLS = 4


@dataclass(frozen=True)
class Region:
    """One rectangle, in pixels of the film's upright frames, and when it is there."""

    film: str
    from_s: float
    to_s: float
    xyxy_px: tuple[float, float, float, float]


def read_regions(path: Path, films: Iterable[str]) -> list[Region]:
    """The rows of a CSV whose header is `COLUMNS`; a film is named by its path or its file's name.

    Raises InputError for another header, a film that there is not, and a row that is no rectangle.
    """
    known = {name: film for film in films for name in (PurePosixPath(film).name, film)}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a CSV: {error}") from error
    header = tuple(word.strip() for word in rows[0]) if rows else ()
    if header != COLUMNS:
        raise InputError(
            f"{path} begins with {','.join(header)!r:.80}: its header must be {','.join(COLUMNS)}"
        )
    regions = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if row[0].strip() not in known:
            raise InputError(
                f"{path} line {line}: there is no film {row[0]!r:.80}: the films are "
                f"{', '.join(dict.fromkeys(known.values()))}"
            )
        try:
            from_s, to_s, x0, y0, x1, y1 = (float(word) for word in row[1:])
        except ValueError:
            from_s = to_s = x0 = y0 = x1 = y1 = float("nan")
        if not (all(map(isfinite, (to_s, x1, y1))) and 0 <= from_s <= to_s and 0 <= x0 < x1 and 0 <= y0 < y1):
            raise InputError(
                f"{path} line {line}: {','.join(row[1:])!r:.80} must be six numbers, from_s up to to_s, x0 "
                "below x1, y0 below y1"
            )
        regions.append(Region(known[row[0].strip()], from_s, to_s, (x0, y0, x1, y1)))
    return regions


def blur(rgb_u8: NDArray[np.uint8], regions: Sequence[Region], rect: Rect) -> NDArray[np.uint8]:
    """A picture [H,W,3] of a film's ``rect`` with each region turned into 4×4 mean colours."""
    height, width = rgb_u8.shape[:2]
    scale = width / (rect[2] - rect[0]), height / (rect[3] - rect[1])
    blurred = rgb_u8.copy()
    for region in regions:
        x0, y0, x1, y1 = region.xyxy_px
        left, top = max(0, int((x0 - rect[0]) * scale[0])), max(0, int((y0 - rect[1]) * scale[1]))
        right = min(width, int(np.ceil((x1 - rect[0]) * scale[0])))
        bottom = min(height, int(np.ceil((y1 - rect[1]) * scale[1])))
        if left < right and top < bottom:
            inside = blurred[top:bottom, left:right]
            cells = cv2.resize(inside, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
            size = inside.shape[1], inside.shape[0]
            inside[:] = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return blurred
