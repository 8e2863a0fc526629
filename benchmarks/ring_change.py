"""How far a translation changes the colour of a ring round a part beyond what it does near by: a halo.

Around each part's mask, of source and translation smoothed by 1.5 px: what the translation does (counts, each
channel) 12 to 48 px away from every mask is fitted as an affine function of source colour and place, a colour
map under light that varies. Where a ring of 2 to 6 px differs from that fit, it is a halo. Pixels whose
colour is not that of the lit surroundings, shadows and the arm among them, are left out of both.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

LIMIT_COUNTS = 6.0
_SMOOTH_PX = 1.5
_RING_PX = (1, 6)
_NEAR_PX = (12, 48)
_LIT_COUNTS = 40
_LEAST_RING, _LEAST_NEAR = 50, 500

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def measure_ring(source: Rgb, translated: Rgb, mask: Mask) -> float | None:
    """The 95th percentile over the ring, counts; None where too little of it is lit.

    source, translated: [H,W,3]. mask: [H,W], any part.
    """
    before = cv2.GaussianBlur(source, (0, 0), _SMOOTH_PX).astype(np.float32)
    change = cv2.GaussianBlur(translated, (0, 0), _SMOOTH_PX).astype(np.float32) - before
    ring, near = (grow(mask, outer) & ~grow(mask, inner) for inner, outer in (_RING_PX, _NEAR_PX))
    if not near.any():
        return None
    lit = np.abs(before - np.median(before[near], axis=0)).max(axis=2) < _LIT_COUNTS
    ring, near = ring & lit, near & lit
    if ring.sum() < _LEAST_RING or near.sum() < _LEAST_NEAR:
        return None
    y, x = np.indices(mask.shape)

    def list_rows(where: Mask) -> NDArray[np.float64]:
        place = [(axis[where] - axis[near].mean()) / 100 for axis in (x, y)]
        return np.column_stack([np.ones(where.sum()), before[where] / 255 - 0.5, *place])

    fit = np.linalg.lstsq(list_rows(near), change[near], rcond=None)[0]
    off = np.abs(change[ring] - list_rows(ring) @ fit).max(axis=1)
    return float(np.quantile(off, 0.95))


def plant_halo(source: Rgb, mask: Mask, counts: float) -> Rgb:
    """A cyan ring of 5 px: the positive control."""
    ring = cv2.GaussianBlur((grow(mask, 5) & ~mask).astype(np.float32), (0, 0), 1.0)
    cyan = ring[..., None] * np.array([0, counts, counts], np.float32)
    return np.asarray(np.clip(source + cyan, 0, 255).astype(np.uint8))


def grow(mask: Mask, by_px: int) -> Mask:
    """A mask [H,W] and all within so many pixels of it."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by_px + 1, 2 * by_px + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)
