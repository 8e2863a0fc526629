"""How far a translation changes the colour of a ring round a part beyond what it does near by: a halo.

Outside each part's mask source and translation are smoothed by 1.5 px, so that no part's colour runs out
into its ring. What the translation does (counts, each channel) 12 to 48 px away from every mask is fitted as
an affine function of source brightness and place, a colour map under light that varies. Where a ring of 2 to
6 px differs from that fit, it is a halo. Pixels whose colour is not that of the lit surroundings, shadows and
the arm among them, are left out of both.

A real camera's edges are softer than a rendering's, and a translation that has learnt so takes a part's
colour across its edge as the camera does: no halo. So a ring is compared with the source as it is and with
the source as soft as the real edges, and the nearer one counts.
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
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def measure_ring(source: Rgb, translated: Rgb, mask: Mask, blur_px: float) -> float | None:
    """The 95th percentile over the ring, counts; None where too little of it is lit.

    source, translated: [H,W,3]. mask: [H,W], any part. blur_px: sigma that makes a rendering's edges as soft
    as the real ones.
    """
    ring, near = (grow(mask, outer) & ~grow(mask, inner) for inner, outer in (_RING_PX, _NEAR_PX))
    away = ~grow(mask, _RING_PX[0])
    as_soft = cv2.GaussianBlur(source, (0, 0), blur_px) if blur_px > 0 else source
    made = _smooth(translated, away)
    found = [_compare(_smooth(each, away), made, ring, near) for each in (source, as_soft)]
    return min((each for each in found if each is not None), default=None)


def _compare(before: Floats, after: Floats, ring: Mask, near: Mask) -> float | None:
    if not near.any():
        return None
    lit = np.abs(before - np.median(before[near], axis=0)).max(axis=2) < _LIT_COUNTS
    ring, near = ring & lit, near & lit
    if ring.sum() < _LEAST_RING or near.sum() < _LEAST_NEAR:
        return None
    y, x = np.indices(near.shape)

    def list_rows(where: Mask) -> NDArray[np.float64]:
        place = [(axis[where] - axis[near].mean()) / 100 for axis in (x, y)]
        return np.column_stack([np.ones(where.sum()), before[where].mean(axis=1) / 255 - 0.5, *place])

    change = after - before
    fit = np.linalg.lstsq(list_rows(near), change[near], rcond=None)[0]
    off = np.abs(change[ring] - list_rows(ring) @ fit).max(axis=1)
    return float(np.quantile(off, 0.95))


def _smooth(image: Rgb, where: Mask) -> Floats:
    """By a Gaussian over the pixels of ``where`` alone."""
    weight = where.astype(np.float32)
    spread = cv2.GaussianBlur(weight, (0, 0), _SMOOTH_PX)
    smoothed = cv2.GaussianBlur(image.astype(np.float32) * weight[..., None], (0, 0), _SMOOTH_PX)
    return np.asarray(smoothed / np.maximum(spread, 1e-3)[..., None])


def plant_halo(source: Rgb, mask: Mask, counts: float) -> Rgb:
    """A cyan ring of 5 px: the positive control."""
    ring = cv2.GaussianBlur((grow(mask, 5) & ~mask).astype(np.float32), (0, 0), 1.0)
    cyan = ring[..., None] * np.array([0, counts, counts], np.float32)
    return np.asarray(np.clip(source + cyan, 0, 255).astype(np.uint8))


def grow(mask: Mask, by_px: int) -> Mask:
    """A mask [H,W] and all within so many pixels of it."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by_px + 1, 2 * by_px + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0)
