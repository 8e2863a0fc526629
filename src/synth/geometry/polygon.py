"""Polygons in the image, in pixels with edges 0..W, pixel i covering [i, i + 1]."""

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.boxes import Mask


def fill_polygon(polygon_xy_px: ArrayLike, size_wh: tuple[int, int]) -> Mask:
    """The pixels [H,W] whose centres lie inside a polygon [N,2] (even–odd rule); it may leave the image."""
    width, height = size_wh
    xy = np.asarray(polygon_xy_px, dtype=float)
    mask = np.zeros((height, width), dtype=bool)
    if not len(xy):
        return mask
    # Beyond the polygon's own box nothing is inside.
    (left, top), (right, bottom) = np.clip(
        np.ceil([xy.min(axis=0) - 0.5, xy.max(axis=0) - 0.5]), 0, size_wh
    ).astype(int)
    crossings = np.zeros((bottom - top, right - left + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(xy, np.roll(xy, -1, axis=0), strict=True):
        first, last = np.clip(np.ceil(np.sort([y0, y1]) - 0.5), 0, height).astype(int)
        rows = np.arange(first, last)
        if len(rows):
            x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            crossings[rows - top, np.clip(np.ceil(x - 0.5), left, right).astype(int) - left] += 1
    mask[top:bottom, left:right] = crossings[:, :-1].cumsum(axis=1) % 2 == 1
    return mask
