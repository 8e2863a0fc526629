"""The translation of a square round an instance, laid back into the frame: it undoes `geometry.squares.cut`.

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
from synth.geometry.squares import Square, window_of, within

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float32]

GROWN, FADED = 0.02, 0.05
"""How far around an instance a change is laid back whole, and over what width beyond that it fades to
nothing; in sides of the crop. With a context of 1.5 it ends a tenth of the side before the crop does."""

SEAM_LIMIT_COUNTS = 12.0
"""The largest seam of an instance, of 255, before its frame is refused. Nine of 90 pasted signs were
looked at, all over the range: below 5 nothing shows, from 8 on a plain wall has a halo, at 12 any wall."""

_RING = 0.08
"""Width of a crop's border ring, in sides."""


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
