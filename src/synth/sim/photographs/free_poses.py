"""Poses of parts that may lie anywhere in a photograph: large enough to be seen, whole, apart."""

import cv2
import numpy as np
from scipy.optimize import brentq

from synth.geometry import se3
from synth.geometry.boxes import inside_image, square_box
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

NEAREST_M = 0.05
_MIN_SIDE_PX, _MIN_AREA_PX = 12.0, 48.0
_DOUBLINGS = 24
_TOLERANCE = 1e-3


def fits(points_m: Array, T_cam_part: Array, camera: Pinhole, nearest_m: float = NEAREST_M) -> bool:
    """Whether the whole 1:1 box of placed points [N,3] lies in the image."""
    points = se3.transform(T_cam_part, points_m)
    if points[:, 2].min() <= nearest_m:
        return False
    pixels = camera.project(points) + 0.5
    square = square_box(np.concatenate([pixels.min(axis=0) - 1, pixels.max(axis=0) + 1]))
    return inside_image(square, camera.size_wh)


def are_apart(a_m: Array, T_a: Array, b_m: Array, T_b: Array) -> bool:
    """Whether the balls around two sets of placed points [N,3] do not meet."""
    centres, radii = [], []
    for points_m, T in ((a_m, T_a), (b_m, T_b)):
        points = se3.transform(T, points_m)
        centres.append((points.min(axis=0) + points.max(axis=0)) / 2)
        radii.append(np.linalg.norm(points - centres[-1], axis=1).max())
    return bool(np.linalg.norm(centres[0] - centres[1]) > sum(radii))


def can_be_seen(points_m: Array, T_cam_part: Array, camera: Pinhole) -> bool:
    """Whether placed points [N,3] fill enough pixels to be labelled."""
    pixels = camera.project(se3.transform(T_cam_part, points_m))
    if np.ptp(pixels, axis=0).max() < _MIN_SIDE_PX:
        return False
    return cv2.contourArea(cv2.convexHull(pixels.astype(np.float32))) >= _MIN_AREA_PX


def find_distance_m(
    turned_m: Array, ray: Array, camera: Pinhole, side_px: float, nearest_m: float = NEAREST_M
) -> float | None:
    """How far along a ray (x, y, 1) points [N,3] around its end have a box whose longer side is so long.

    None where they come too near before.
    """

    def excess_px(distance_m: float) -> float:
        return float(np.ptp(camera.project(turned_m + ray * distance_m), axis=0).max()) - side_px

    near_m = nearest_m - float(turned_m[:, 2].min()) + 1e-6
    far_m = near_m + float(np.ptp(turned_m, axis=0).max())
    if excess_px(near_m) < 0:
        return None
    for _ in range(_DOUBLINGS):
        if excess_px(far_m) < 0:
            return float(brentq(excess_px, near_m, far_m, rtol=_TOLERANCE))
        far_m *= 2
    return None
