"""How far the depth sensor is off, against the board's plane."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.capture.calibrate.solve import Solution
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

_BIN_M = 0.1
_MIN_PIXELS = 200


@dataclass(frozen=True)
class DepthBias:
    """Between near_m and far_m: median error of the board's depth over views, in mm, too far above 0, and its
    spread (standard deviation) within a view.
    """

    near_m: float
    far_m: float
    bias_mm: float
    spread_mm: float
    n_views: int


def measure_depth_bias(solution: Solution, depth_m: Mapping[str, NDArray[np.float32]]) -> list[DepthBias]:
    """The bias per distance. depth_m: [H,W] registered to the colour image, 0 = missing, by view's name.

    The plane is that of the calibration, not of the picture: an error of T_base_cam along the line of sight
    is in the bias.
    """
    rows: list[tuple[float, float, float]] = []
    guess, board = solution.guess, solution.board
    chain = solution.fit.chain
    for view, M in zip(solution.views, chain.M, strict=True):
        measured = depth_m.get(view.name)
        if measured is None:
            continue
        T_cam_board = se3.inverse(guess.X) @ M @ guess.Y
        inside = _inner_pixels(T_cam_board, board.corners_m, guess.camera, measured.shape)
        inside &= measured > 0
        if inside.sum() < _MIN_PIXELS:
            continue
        rays = guess.camera.rays[inside]
        normal, point = T_cam_board[:3, 2], T_cam_board[:3, 3]
        true_m = (normal @ point) / (rays @ normal)
        error_mm = 1000 * (measured[inside] - true_m)
        rows.append((float(true_m.mean()), float(np.median(error_mm)), float(error_mm.std())))
    table = np.array(rows).reshape(-1, 3)
    bins = np.floor(table[:, 0] / _BIN_M).astype(int)
    return [
        DepthBias(
            near_m=round(float(b * _BIN_M), 3),
            far_m=round(float((b + 1) * _BIN_M), 3),
            bias_mm=float(np.median(table[bins == b, 1])),
            spread_mm=float(np.median(table[bins == b, 2])),
            n_views=int((bins == b).sum()),
        )
        for b in np.unique(bins)
    ]


def _inner_pixels(
    T_cam_board: Array, corners_m: Array, camera: Pinhole, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """[H,W] pixels well within the outermost corners."""
    low, high = corners_m.min(axis=0), corners_m.max(axis=0)
    x, y = (low[0], high[0]), (low[1], high[1])
    ring = np.array([[x[0], y[0], 0], [x[1], y[0], 0], [x[1], y[1], 0], [x[0], y[1], 0]])
    outline = camera.project(se3.transform(T_cam_board, ring))
    mask = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, np.round(outline).astype(np.int32), 1)
    return np.asarray(cv2.erode(mask, np.ones((5, 5), np.uint8)) > 0)
