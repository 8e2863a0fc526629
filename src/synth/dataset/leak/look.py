"""What pictures are compared by: colours averaged over cells of 2×2 pixels or more."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb

Cells = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDES = (160, 80, 40, 20)
"""Cells on a side; each is half of the one before, so that cells of a larger picture join to those of a
smaller one."""

SMALL = SIDES[-1]
"""The side at which many pictures are looked through."""

NOISE_COUNTS, EDGE_SHARE = 8.0, 0.2
"""Two cells agree up to NOISE_COUNTS and this share of the range that the 3×3 cells around them span, since
compression, resizing and a warp change edges most."""

WHITE_COUNTS = 255.0

_MIN_CELL_PX = 2
_SIGMAS = (0.0, 0.7, 1.4)
_MARGIN = 6
_DARK_COUNTS = 8.0
_MIN_LIT = 0.1


@dataclass(frozen=True, eq=False)
class Look:
    """Colours of a picture, whatever its size.

    cells: [S,S,3] 8-bit counts, S being the first of SIDES whose cells have 2×2 pixels or more.
    """

    cells: Rgb

    @classmethod
    def of(cls, rgb_u8: Rgb) -> "Look":
        """The look of an image [H,W,3]."""
        fitting = [side for side in SIDES if side * _MIN_CELL_PX <= min(rgb_u8.shape[:2])]
        side = fitting[0] if fitting else SMALL
        return cls(np.asarray(cv2.resize(rgb_u8, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8))

    @property
    def side(self) -> int:
        """Cells on a side."""
        return len(self.cells)

    def at(self, side: int) -> Cells:
        """Colours [side,side,3] in counts, no finer than the look's own."""
        return shrink(self.cells.astype(np.float32), side)

    @cached_property
    def small(self) -> Cells:
        """Colours [20,20,3]."""
        return self.at(SMALL)


def describe(small: Cells) -> NDArray[np.float32]:
    """A unit vector [1200] of cells [20,20,3] that gain and colour cast leave as it is."""
    centred = small - small.mean(axis=(0, 1))
    spread = centred / (centred.std(axis=(0, 1)) + 2)
    return np.asarray(spread.ravel() / max(float(np.linalg.norm(spread)), 1e-6), dtype=np.float32)


def shrink(cells: Cells, side: int) -> Cells:
    """Cells [S,S,C] brought to [side,side,C], side being S or less."""
    if len(cells) == side:
        return cells
    return np.asarray(cv2.resize(cells, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)


def measure_gain(cells: Cells, onto: Cells, where: Mask | None = None) -> NDArray[np.float32]:
    """What brings each channel [3] of cells [S,S,3] to the exposure of others: a median of ratios."""
    lit = -peak(-np.minimum(cells, onto)) > _DARK_COUNTS
    if where is not None:
        lit &= where
    if lit.mean() < _MIN_LIT:
        return np.ones(3, np.float32)
    return np.asarray(np.median(onto[lit] / cells[lit], axis=0), dtype=np.float32)


def peak(counts: Cells) -> Cells:
    """The largest [...] of three channels [...,3]; several times faster than a maximum along an axis."""
    return np.maximum(np.maximum(counts[..., 0], counts[..., 1]), counts[..., 2])


def span_around(cells: Cells) -> Cells:
    """The range [S,S] of the 3×3 cells around each, in the channel where it is largest."""
    around = np.ones((3, 3), np.uint8)
    return peak(np.asarray(cv2.dilate(cells, around) - cv2.erode(cells, around), dtype=np.float32))


def find_agreement(cells: Cells, test: Cells, where: Mask) -> float:
    """Share of the cells ``where`` that agree with a test image's, the latter blurred as fits best."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    window = (
        slice(max(int(rows[0]) - _MARGIN, 0), int(rows[-1]) + _MARGIN + 1),
        slice(max(int(columns[0]) - _MARGIN, 0), int(columns[-1]) + _MARGIN + 1),
    )
    cells, test, where = cells[window], test[window], where[window]
    tolerance = (NOISE_COUNTS + EDGE_SHARE * span_around(test))[where]
    best = 0.0
    for sigma in _SIGMAS:
        blurred = cv2.GaussianBlur(test, (0, 0), sigma) if sigma else test
        best = max(best, float((peak(np.abs(cells - blurred))[where] <= tolerance).mean()))
        if best == 1:
            break
    return best
