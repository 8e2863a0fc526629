"""Where and how large parts of a class are in train images: context by statistics alone.

A place is drawn from the smoothed histogram of train boxes' centres, with the size of a box that was near:
what is far from the camera is small where it is seen.
"""

from dataclasses import replace

import numpy as np

from synth.geometry.se3 import Array
from synth.sim.placing.placement import PARAMETERS, Bounds, Placement

_SMOOTH = 0.04
"""Spread of the histogram: of the picture's sides, and of the logarithm of sizes."""


def draw_in_context(
    boxes_xyxy_px: Array,
    unit: Array,
    bounds: Bounds,
    extent_wh: tuple[float, float],
    size_wh: tuple[int, int],
    rng: np.random.Generator,
) -> Placement:
    """Unit coordinates [9] placed, but for place and scale, which are those of some train box [n,4].

    Both stay within the bounds, so that what train boxes show beyond them is cut off.
    """
    x0, y0, x1, y1 = boxes_xyxy_px[int(rng.integers(len(boxes_xyxy_px)))]
    centre = np.array([x0 + x1, y0 + y1]) / 2 + rng.normal(0, _SMOOTH, 2) * size_wh
    size = np.log((x1 - x0) * (y1 - y0)) / 2 + rng.normal(0, _SMOOTH)
    asked = unit.copy()
    low, high = bounds.log_scale
    wanted = size - np.log(extent_wh[0] * extent_wh[1]) / 2
    side = high if wanted >= 0 else -low
    asked[[PARAMETERS.index("scale_x"), PARAMETERS.index("scale_y")]] = (
        np.clip(wanted / side, -1, 1) if side else 0.0
    )
    corners = []
    for shift in (-1.0, 1.0):
        asked[[PARAMETERS.index("shift_x"), PARAMETERS.index("shift_y")]] = shift
        corners.append(bounds.place(asked, extent_wh, size_wh))
    x, y = np.clip(centre, corners[0].centre_xy_px, corners[1].centre_xy_px).tolist()
    return replace(corners[0], centre_xy_px=(x, y))
