"""Boxes in the image: ``xyxy`` pixels with edges 0..W, pixel i covering [i, i + 1]."""

import numpy as np
from numpy.typing import NDArray

from synth.geometry.se3 import Array

Mask = NDArray[np.bool_]


def tight_box(mask: Mask) -> Array | None:
    """The box (x0, y0, x1, y1) of a mask's pixels, edges 0..W; None for an empty mask."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if len(columns) == 0:
        return None
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=float)


def square_box(box_xyxy_px: Array) -> Array:
    """The paper's 1:1 box (section 3.3): the shorter side grows around the centre."""
    centre = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2
    half = (box_xyxy_px[2:] - box_xyxy_px[:2]).max() / 2
    return np.concatenate([centre - half, centre + half])


def square_inside(box_xyxy_px: Array, size_wh: tuple[int, int]) -> Array | None:
    """The 1:1 box of a box in an image, moved to where it lies in the image too; None for a longer one."""
    square, size = square_box(box_xyxy_px), np.asarray(size_wh, dtype=float)
    square += np.tile(np.maximum(-square[:2], 0) - np.maximum(square[2:] - size, 0), 2)
    if not inside_image(np.round(square, 9), size_wh):
        return None
    return np.asarray(np.clip(square, 0, np.tile(size, 2)))


def inside_image(box_xyxy_px: Array, size_wh: tuple[int, int]) -> bool:
    """Whether a box lies within an image's edges."""
    return bool((box_xyxy_px[:2] >= 0).all() and (box_xyxy_px[2:] <= np.asarray(size_wh)).all())


def touches_border(mask: Mask) -> bool:
    """Whether a mask [H,W] has pixels in the image's outermost rows or columns."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def box_iou(a_xyxy: Array, b_xyxy: Array) -> float:
    """Intersection over union of two boxes."""
    overlap = np.prod(
        np.clip(np.minimum(a_xyxy[2:], b_xyxy[2:]) - np.maximum(a_xyxy[:2], b_xyxy[:2]), 0, None)
    )
    areas = np.prod(a_xyxy[2:] - a_xyxy[:2]) + np.prod(b_xyxy[2:] - b_xyxy[:2])
    return float(overlap / (areas - overlap))
