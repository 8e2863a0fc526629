"""How one frame of a film looks: how sharp it is, whether it is black or a card, and what it is alike."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

BLACK_LEVEL = 40
"""A frame of which all but 1 % of the pixels are darker is black."""
CARD_SHARE, CARD_LEVELS = 0.6, 3
"""A frame of which so much is of one grey, give or take so many levels, is a card, in a film that has others.
CamVid's street scenes have 0.34 at most.
"""
MIN_TO_JUDGE = 10
"""Fewer frames than that do not tell how sharp a film is."""
BLURRED_Z = -3.0
SAME_BITS = 2
"""Frames whose hashes differ in so few of 64 bits show the same. CamVid's drives at one frame a second differ
in 12 or more (medians); a motorway after 1.5 s in 2 to 8.
"""

_PARTS, _COARSE_SIGMA_PX, _NOISE_FLOOR = 4, 2.0, 0.05


@dataclass(frozen=True)
class Look:
    """Figures of one frame.

    sharpness: `measure_sharpness`. is_black. card_share: of its commonest grey. hash: dHash, 64 bits.
    """

    sharpness: float
    is_black: bool
    card_share: float
    hash: int


def look_at(grey_u8: Grey) -> Look:
    """The figures of a frame [H,W]."""
    counts = np.bincount(grey_u8.ravel(), minlength=256)
    near = np.convolve(counts, np.ones(2 * CARD_LEVELS + 1), "same")
    dark = counts[:BLACK_LEVEL].sum() >= 0.99 * grey_u8.size
    return Look(
        measure_sharpness(grey_u8), bool(dark), float(near.max() / grey_u8.size), difference_hash(grey_u8)
    )


def measure_sharpness(grey_u8: Grey) -> float:
    """How much of a frame's [H,W] fine detail there is beside its coarse one, in the direction that has least
    of it, as a logarithm: the median over 4×4 parts of the frame, since marks laid over it stay sharp.

    The gradient's energy along each direction is a quadratic form, the structure tensor; what is told of a
    part is the smallest ratio of that of the frame to that of the same frame smoothed by 2 pixels, so the
    smallest generalised eigenvalue. Motion takes the fine detail along one direction away, and what a scene
    shows hardly counts.
    """
    smooth = np.asarray(cv2.GaussianBlur(grey_u8, (0, 0), _COARSE_SIGMA_PX), np.uint8)
    coarse = _structure(smooth) + _NOISE_FLOOR * np.eye(2)
    ratios = np.linalg.eigvals(np.linalg.solve(coarse, _structure(grey_u8))).real.min(axis=1)
    return float(np.median(np.log(np.maximum(ratios, 1e-6))))


def _structure(grey_u8: Grey) -> NDArray[np.float64]:
    """The mean structure tensor of each part [16,2,2]."""
    gx, gy = (cv2.Sobel(grey_u8, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    xx, xy, yy = (
        cv2.resize(product, (_PARTS, _PARTS), interpolation=cv2.INTER_AREA).ravel()
        for product in (gx * gx, gx * gy, gy * gy)
    )
    return np.stack([xx, xy, xy, yy], axis=-1).astype(float).reshape(-1, 2, 2)


def find_blurred(sharpness: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which [N] of a film's frames are blurred, beside the others: more than three robust deviations (median
    absolute deviation) below the median. None where there are too few to say.
    """
    if len(sharpness) < MIN_TO_JUDGE:
        return np.zeros(len(sharpness), bool)
    away = sharpness - np.median(sharpness)
    spread = 1.4826 * np.median(np.abs(away))
    return np.asarray(away < BLURRED_Z * max(spread, 1e-3))


def difference_hash(grey_u8: Grey) -> int:
    """dHash of a frame [H,W]: of 8 rows, whether each of 9 mean greys is brighter than the one left of it
    (Krawetz 2013).
    """
    small = cv2.resize(grey_u8, (9, 8), interpolation=cv2.INTER_AREA).astype(int)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")


def count_bits_apart(a: int, b: int) -> int:
    """In how many bits two hashes differ."""
    return (a ^ b).bit_count()
