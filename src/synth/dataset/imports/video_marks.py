"""What stays in a film while its scene moves: marks laid over it, such as a logo or a date, and the own
bonnet.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.imports.video_looks import Grey

MIN_FRAMES = 60
"""Fewer frames in which the scene has moved do not tell what stays."""
MIN_BITS_MOVED, MARKS_EVERY_S = 4, 0.5
"""A frame counts whose hash differs by so many bits from the last one that did, so many seconds later: on a
straight road the horizon stays for some seconds too.
"""

_EDGE, _CONSTANT = 40.0, 0.8
_CLOSE_PX, _GROW_PX, _MIN_SIDE_PX = 11, 3, 6
_MOST_BELOW = 0.4
_SHOWN = 0.5

Mask = NDArray[np.bool_]
Edges = NDArray[np.uint8]
"""Of each pixel [H,W]: 0 where no edge stays, else 1 + its direction from x towards y in 1/255 turns."""


class Constancy:
    """How constant each pixel's edge is over a film: the mean of its unit gradient, where it has an edge.

    It is 1 in length where an edge of one direction is in every frame, and near 0 where scenes pass by.
    """

    def __init__(self) -> None:
        self.n = 0
        self._sum: NDArray[np.float32] | None = None

    def add(self, grey_u8: Grey) -> None:
        """One more frame [H,W], in which the scene has moved."""
        unit = np.stack(_unit_gradient(grey_u8))
        self._sum = unit if self._sum is None else self._sum + unit
        self.n += 1

    def find_edges(self) -> Edges | None:
        """The edges that stay; None of fewer frames than can tell."""
        if self._sum is None or self.n < MIN_FRAMES:
            return None
        turns = np.arctan2(self._sum[1], self._sum[0]) / (2 * np.pi) % 1
        directions = 1 + (255 * turns).astype(np.uint8) % 255
        return np.where(np.hypot(*self._sum) >= _CONSTANT * self.n, directions, 0).astype(np.uint8)


def _unit_gradient(grey_u8: Grey) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """0 where there is no edge."""
    gx, gy = cv2.Sobel(grey_u8, cv2.CV_32F, 1, 0), cv2.Sobel(grey_u8, cv2.CV_32F, 0, 1)
    length = cv2.magnitude(gx, gy)
    scale = np.where(length >= _EDGE, 1 / np.maximum(length, 1), 0).astype(np.float32)
    return gx * scale, gy * scale


def cover(edges: Edges) -> Mask:
    """The areas [H,W] that edges which stay belong to: letters joined to words, outlines filled.

    An outline that runs from one side of the picture to the other, low in it, is the own bonnet's: all below
    it is covered.
    """
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_CLOSE_PX, _CLOSE_PX))
    joined = cv2.morphologyEx(np.pad(edges > 0, _CLOSE_PX).astype(np.uint8), cv2.MORPH_CLOSE, ellipse)
    joined = joined[_CLOSE_PX:-_CLOSE_PX, _CLOSE_PX:-_CLOSE_PX]
    n, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    for i in range(1, n):
        if max(stats[i, cv2.CC_STAT_WIDTH], stats[i, cv2.CC_STAT_HEIGHT]) < _MIN_SIDE_PX:
            joined[labels == i] = 0
    mask = _fill(joined > 0, walls=False)
    below = _fill(mask, walls=True)
    if below.mean() - mask.mean() <= _MOST_BELOW and not (below & ~mask)[: len(mask) // 2].any():
        mask = below
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((2 * _GROW_PX + 1,) * 2, np.uint8))
    return np.asarray((grown > 0) & (bool(mask.any())))


def _fill(mask: Mask, *, walls: bool) -> Mask:
    """A mask with its holes; walls: whether the picture's sides and its lower border close one."""
    ring = np.pad(mask.astype(np.uint8), 2)
    if walls:
        ring[2:, 1] = ring[2:, -2] = ring[-2, 1:-1] = 1
    outside = ring.copy()
    cv2.floodFill(outside, None, (0, 0), 2)
    return np.asarray((outside != 2)[2:-2, 2:-2])


@dataclass(frozen=True, eq=False)
class Marks:
    """What stays in a film: the edges [h,w] where it was looked for, and all of it [H,W] in its pictures."""

    edges: Edges
    mask: Mask

    @classmethod
    def of(cls, edges: Edges, size_wh: tuple[int, int]) -> Self | None:
        """None where nothing stays. size_wh: of the pictures."""
        covered = cover(edges)
        if not covered.any():
            return None
        mask = cv2.resize(covered.astype(np.uint8), size_wh, interpolation=cv2.INTER_NEAREST_EXACT)
        return cls(edges, mask > 0)

    def show_in(self, rgb_u8: NDArray[np.uint8]) -> bool:
        """Whether a picture [H,W,3] shows them."""
        size_wh = self.edges.shape[1], self.edges.shape[0]
        grey = cv2.resize(cv2.cvtColor(rgb_u8, cv2.COLOR_RGB2GRAY), size_wh, interpolation=cv2.INTER_AREA)
        gx, gy = _unit_gradient(np.asarray(grey, np.uint8))
        stays = self.edges > 0
        angle = 2 * np.pi * (self.edges[stays] - 0.5) / 255
        return bool((gx[stays] * np.cos(angle) + gy[stays] * np.sin(angle)).mean() >= _SHOWN)


def find_clear(mask: Mask) -> tuple[int, int, int, int] | None:
    """The largest rectangle x0, y0, x1, y1 of a picture's aspect that holds nothing of a mask [H,W] of it;
    None where there is none of a quarter of the picture.
    """
    height, width = mask.shape
    aspect = width / height
    total = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    for h in range(min(height, int(width / aspect)), 0, -1):
        w = round(h * aspect)
        if 4 * w * h < width * height:
            return None
        inside = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
        ys, xs = np.nonzero(inside == 0)
        if len(ys):
            middle = np.hypot(xs - (width - w) / 2, ys - (height - h) / 2).argmin()
            x, y = int(xs[middle]), int(ys[middle])
            return x, y, x + w, y + h
    return None
