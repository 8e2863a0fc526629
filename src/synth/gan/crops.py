"""A square cut round an instance, and its translation laid back into the frame: one undoes the other.

What is laid back is a change: translated less source crop, both at the crop's own resolution. Resampled to
the frame's, it is added to the frame's pixels, so that nothing is blurred on the way there and back, and an
identity leaves the frame as it was, bit for bit. A generator shifts the colour of a whole crop, so that a
plain paste shows its square. Of the change is therefore taken away what varies slowly on the crop's border
ring, and the rest fades out around the instance; how much of it there still is where it fades is the seam.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import Mask

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float32]

CONTEXT = 1.5
"""Side of a crop, in longer sides of the instance's tight box."""

GROWN, FADED = 0.02, 0.05
"""How far around an instance a change is laid back whole, and over what width beyond that it fades to
nothing; in sides of the crop. With a context of 1.5 it ends a tenth of the side before the crop does."""

SEAM_LIMIT_COUNTS = 12.0
"""The largest seam of an instance, of 255, before its frame is refused. Nine of 90 pasted signs were
looked at, all over the range: below 5 nothing shows, from 8 on a plain wall has a halo, at 12 any wall."""

_RING = 0.08
"""Width of a crop's border ring, in sides."""

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


@dataclass(frozen=True, eq=False)
class Change:
    """What a translation did to one crop, ready to be laid back.

    square: of the frame. change: float32 [s,s,3] in counts, the frame's resolution, offset taken away.
    weight: float32 [s,s], 1 on the instance, 0 before the crop's border. seam_counts: mean size of what
    fades between the two, in counts; None where nothing fades, as of an instance that fills its frame.
    """

    square: Square
    change: Floats
    weight: Floats
    seam_counts: float | None


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


def find_change(square: Square, source: Floats, translated: Floats, region: Mask, others: Mask) -> Change:
    """What a translation did to a crop.

    source, translated: [S,S,3] in counts, at the crop's resolution. region, others: [H,W] of the frame, the
    instance and all others, which are left alone.
    """
    own, foreign = (np.asarray(window_of(mask, square), dtype=bool) for mask in (region, others))
    inside = within(square, region.shape)
    weight = fade(own) * (inside & ~foreign)
    change = np.asarray(
        cv2.resize(translated - source, (square.side_px,) * 2, interpolation=_way(len(source), square)),
        dtype=np.float32,
    )
    change = change - _border_offset(change, (weight == 0) & inside & ~foreign)
    fading = (weight > 0) & (weight < 1)
    seam = float(np.abs(change[fading]).mean()) if fading.any() else None
    return Change(square, change, weight, seam)


def fade(region: Mask) -> Floats:
    """[s,s]: 1 on an instance and a little around it, falling smoothly to 0 before the border of the crop."""
    side = len(region)
    grown_px, faded_px = max(GROWN * side, 1.0), max(FADED * side, 2.0)
    away_px = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(1 - (away_px - grown_px) / faded_px, 0, 1) if region.any() else np.zeros(region.shape)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def lay_back(frame: Rgb, changes: Sequence[Change]) -> tuple[Rgb, NDArray[np.uint8]]:
    """A frame [H,W,3] with translated crops in it, and how much of each pixel they made, 255 = all of it.

    Where the last is 0 the frame is as it was, bit for bit. Where changes overlap they share the pixel.
    """
    height, width = frame.shape[:2]
    total, weights = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    for change in changes:
        s = change.square
        y0, x0, y1, x1 = (
            max(s.y0, 0),
            max(s.x0, 0),
            min(s.y0 + s.side_px, height),
            min(s.x0 + s.side_px, width),
        )
        there, here = np.s_[y0:y1, x0:x1], np.s_[y0 - s.y0 : y1 - s.y0, x0 - s.x0 : x1 - s.x0]
        total[there] += change.weight[here][..., None] * change.change[here]
        weights[there] += change.weight[here]
    total /= np.maximum(weights, 1)[..., None]
    laid = np.clip(np.rint(frame + total), 0, 255).astype(np.uint8)
    return laid, np.ceil(255 * np.minimum(weights, 1)).astype(np.uint8)


def _border_offset(change: Floats, where: Mask) -> Floats:
    """[s,s,3]: the plane a + b x + c y of each channel nearest to a change on the crop's border ring."""
    side = len(change)
    ring = np.ones((side, side), bool)
    width = max(round(_RING * side), 1)
    ring[width:-width, width:-width] = False
    y, x = np.mgrid[:side, :side].astype(np.float32) / side - 0.5
    terms = np.stack([np.ones_like(x), x, y], axis=-1)
    ring &= where
    if ring.sum() < 4 * terms.shape[-1]:
        return np.zeros_like(change)
    plane, *_ = np.linalg.lstsq(terms[ring], change[ring], rcond=None)
    return np.asarray(terms @ plane, dtype=np.float32)


def _way(side_px: int, square: Square) -> int:
    return cv2.INTER_AREA if side_px > square.side_px else cv2.INTER_LINEAR


def within(square: Square, shape_hw: tuple[int, ...]) -> Mask:
    """[s,s]: which pixels of a square lie in the frame."""
    y, x = (
        (first + np.arange(square.side_px) >= 0) & (first + np.arange(square.side_px) < length)
        for first, length in zip((square.y0, square.x0), shape_hw, strict=True)
    )
    return np.asarray(y[:, None] & x[None])
