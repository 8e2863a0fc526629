"""Components: the pieces in which a class stands in a map; instances, where these are known."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.balance.label_map import LabelMap

LEAST_PX = 50
"""Smaller components are slips of a brush: none is laid, none is counted."""


@dataclass(frozen=True)
class Cut:
    """Where a component was taken from: rows and columns of the map of a place among the training maps."""

    donor: int
    rows: slice
    columns: slice
    is_mirrored: bool


@dataclass(frozen=True, eq=False)
class Piece:
    """One component. mask: [h,w], within its box, whose corner is at row ``top`` and column ``left``.

    is_whole: it touches no border of its map. instance: its number in the map, 0 where none is known. cut: of
    one that was laid.
    """

    class_id: int
    top: int
    left: int
    mask: NDArray[np.bool_]
    is_whole: bool
    instance: int = 0
    cut: Cut | None = None

    @property
    def bottom(self) -> int:
        """The row below its lowest pixel: the lower it stands, the nearer."""
        return self.top + len(self.mask)

    @property
    def window(self) -> tuple[slice, slice]:
        """Where its box is in its map."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def find_pieces(of: LabelMap, classes: Collection[int], least_px: int = LEAST_PX) -> Iterator[Piece]:
    """The components of some classes, 8 neighbours, of ``least_px`` or more.

    Of a class of which instances are known, each instance is one, in however many parts it is seen; pixels
    that no instance has are components besides.
    """
    free = of.ids
    if of.instance is not None:
        free = of.ids.copy()
        for number, class_id in of.classes.items():
            if class_id in classes:
                own = (of.instance == number) & (of.ids == class_id)
                free[own] = _NOBODY
                if own.sum() >= least_px:
                    x, y, width, height = cv2.boundingRect(own.astype(np.uint8))
                    yield _cut(class_id, own, (x, y, width, height), number)
    for class_id in classes:
        region = free == class_id
        if not region.any():
            continue
        n, labels, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
        for i in range(1, n):
            x, y, width, height, area = (int(v) for v in stats[i])
            if area >= least_px:
                box = labels[y : y + height, x : x + width] == i
                is_whole = _is_off_border(x, y, width, height, of.shape_hw)
                yield Piece(class_id, y, x, box, is_whole)


_NOBODY = 65535


def _cut(class_id: int, own: NDArray[np.bool_], box: tuple[int, int, int, int], number: int) -> Piece:
    x, y, width, height = box
    is_whole = _is_off_border(x, y, width, height, own.shape)
    return Piece(class_id, y, x, own[y : y + height, x : x + width], is_whole, number)


def _is_off_border(x: int, y: int, width: int, height: int, shape_hw: tuple[int, ...]) -> bool:
    return x > 0 and y > 0 and x + width < shape_hw[1] and y + height < shape_hw[0]
