"""Squares round instances, cut out of a frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import Mask

Rgb = NDArray[np.uint8]

CONTEXT = 1.5
"""Side of a crop, in longer sides of the instance's tight box."""

_MIN_SIDE_PX = 8


@dataclass(frozen=True)
class Square:
    """Pixels x0 … x0 + side_px − 1 and y0 … y0 + side_px − 1 of a frame; they may lie outside."""

    x0: int
    y0: int
    side_px: int

    def box_in(self, box_xyxy_px: Sequence[float]) -> tuple[float, float, float, float]:
        """A box of the frame as xyxy in fractions of this square's side, its part outside cut off."""
        x0, y0, x1, y1 = box_xyxy_px
        edges = (x0 - self.x0, y0 - self.y0, x1 - self.x0, y1 - self.y0)
        left, top, right, bottom = (min(max(edge / self.side_px, 0.0), 1.0) for edge in edges)
        return left, top, right, bottom


def square_round(box_xyxy_px: Sequence[float], context: float = CONTEXT) -> Square:
    """The square about the middle of a tight box, ``context`` times as large as its longer side."""
    x0, y0, x1, y1 = box_xyxy_px
    side = max(round(context * max(x1 - x0, y1 - y0)), _MIN_SIDE_PX)
    return Square(round((x0 + x1 - side) / 2), round((y0 + y1 - side) / 2), side)


def jittered(square: Square, shift: float, scale: float, rng: np.random.Generator) -> Square:
    """A square moved by up to ``shift`` of its side each way, and up to ``scale`` times larger or smaller."""
    side = max(round(square.side_px * scale ** rng.uniform(-1, 1)), _MIN_SIDE_PX)
    dx, dy = rng.uniform(-shift, shift, 2) * side
    middle = (square.side_px - side) / 2
    return Square(round(square.x0 + middle + dx), round(square.y0 + middle + dy), side)


def window_of(picture: NDArray[np.generic], square: Square) -> NDArray[np.generic]:
    """A square of a picture [H,W,…] at its own resolution [s,s,…]; outside it repeats the border."""
    ys, xs = (
        np.clip(np.arange(first, first + square.side_px), 0, length - 1)
        for first, length in zip((square.y0, square.x0), picture.shape[:2], strict=True)
    )
    return picture[np.ix_(ys, xs)]


def cut(frame: Rgb, square: Square, side_px: int) -> Rgb:
    """A square of a frame [H,W,3] as a crop [side,side,3]."""
    return resample(np.asarray(window_of(frame, square), dtype=np.uint8), side_px)


def resample(window: Rgb, side_px: int) -> Rgb:
    """A square picture [s,s] or [s,s,3] at another side: pixels are averaged or interpolated."""
    way = cv2.INTER_AREA if len(window) > side_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(window, (side_px, side_px), interpolation=way), dtype=np.uint8)


def within(square: Square, shape_hw: tuple[int, ...]) -> Mask:
    """[s,s]: which pixels of a square lie in the frame."""
    y, x = (
        (first + np.arange(square.side_px) >= 0) & (first + np.arange(square.side_px) < length)
        for first, length in zip((square.y0, square.x0), shape_hw, strict=True)
    )
    return np.asarray(y[:, None] & x[None])
