"""Where a picture lies in another: mirrored, shifted, turned or cropped by a few percent."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.leak.look import Cells, Mask, shrink

FLIPS: tuple[tuple[int, ...], ...] = ((), (1,), (0,), (0, 1))
"""Axes of an image: as it is, mirrored left to right, upside down, both."""

MAX_MOVED = 0.12
"""The fraction of its side by which a corner of a picture may have moved."""

_SIDE, _COARSE_SIDE = 80, 40
_SMOOTHING_PX = 5
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
_REACH = 1 / 16
_NOISE_COUNTS = 8.0
_DETAIL = 1 / 8


@dataclass(frozen=True, eq=False)
class Warp:
    """Affine. matrix: [2,3] takes cell centres of the picture that is laid upon to those of the one that is
    laid, in cells of ``side`` a side.
    """

    matrix: NDArray[np.float32]
    side: int

    def at(self, side: int) -> "Warp":
        """The same in cells of another side."""
        half = self.matrix[:, :2].sum(axis=1) / 2 - 0.5  # Cell centres lie at integers.
        matrix = self.matrix.copy()
        matrix[:, 2] = side / self.side * (matrix[:, 2] - half) + half
        return Warp(matrix, side)

    @property
    def moved(self) -> float:
        """How far the corner that moves most moves, as a fraction of the side."""
        corners = (self.side - 1) * np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
        moved = corners @ self.matrix[:, :2].T + self.matrix[:, 2] - corners
        return float(np.abs(moved).max()) / self.side

    def lay(self, cells: Cells) -> tuple[Cells, Mask]:
        """Cells [S,S,3] laid upon the other picture's, and where [S,S] they have anything to show."""
        side = len(cells)
        if self is NO_WARP:
            return cells, np.ones((side, side), bool)
        matrix = self.at(side).matrix
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        laid = cv2.warpAffine(cells, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        xy = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1) @ matrix[:, :2].T + matrix[:, 2]
        inside = ((xy >= -0.5) & (xy <= side - 0.5)).all(axis=2)
        return np.asarray(laid, dtype=np.float32), np.asarray(inside)


NO_WARP = Warp(np.eye(2, 3, dtype=np.float32), _SIDE)


def flip(cells: Cells, axes: tuple[int, ...]) -> Cells:
    """Cells mirrored along some axes."""
    return np.ascontiguousarray(np.flip(cells, axes)) if axes else cells


def align(cells: Cells, onto: Cells, start: Warp = NO_WARP) -> Warp | None:
    """The warp near another by which cells [S,S,3] fit others [S,S,3] best; None where there is none."""
    side = min(_SIDE, len(cells))
    return _correlate(_luminance(shrink(cells, side)), _luminance(shrink(onto, side)), None, start)


def align_with_background(cells: Cells, background: Cells) -> Warp | None:
    """As `align`, by what of a picture may be background a little elsewhere, and by its details alone."""
    warp: Warp | None = NO_WARP
    for side in (_COARSE_SIDE, _SIDE):
        if side > len(cells) or warp is None:
            break
        one, other = _luminance(shrink(cells, side)), _luminance(shrink(background, side))
        around = np.ones((2 * round(side * _REACH) + 1,) * 2, np.uint8)
        standing = (one <= cv2.dilate(other, around) + _NOISE_COUNTS) & (
            one >= cv2.erode(other, around) - _NOISE_COUNTS
        )
        details = [x - cv2.GaussianBlur(x, (0, 0), side * _DETAIL) for x in (one, other)]
        warp = _correlate(details[0], details[1], standing, warp)
    return warp


def _correlate(one: Cells, other: Cells, where: Mask | None, start: Warp) -> Warp | None:
    """Maximises the enhanced correlation coefficient (Evangelidis and Psarakis, PAMI 2008)."""
    side = len(one)
    begin = start.at(side).matrix
    mask = np.ones((side, side), np.uint8) if where is None else where.astype(np.uint8)
    try:
        _, matrix = cv2.findTransformECC(other, one, begin, cv2.MOTION_AFFINE, _STOP, mask, _SMOOTHING_PX)
    except cv2.error:  # It does not converge, or a picture is of one colour.
        return None
    warp = Warp(np.asarray(matrix, dtype=np.float32), side)
    return warp if warp.moved <= MAX_MOVED else None


def _luminance(cells: Cells) -> Cells:
    return np.asarray(cv2.cvtColor(cells, cv2.COLOR_RGB2GRAY), dtype=np.float32)
