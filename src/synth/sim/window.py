"""Where a scene differs from its empty bench: bodies and their shadows, found without rendering."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Raycaster, camera_rays
from synth.geometry.se3 import Array
from synth.sim.labels import SUBPIXELS, placed
from synth.sim.meshes import Meshes
from synth.sim.optics import Window
from synth.sim.scene import Scene, SceneLamp

_COARSE_PX = 8
_PAD_PX = 16
_NEAR_M = 0.02


def changed_window(scene: Scene, meshes: Meshes, ideal: Pinhole) -> Window:
    """The smallest window of an ideal image with every body that is not static, and its shadow on the table.

    Shadows reach to the end of their penumbra. Bodies and shadows are taken as convex.
    """
    T_cam_base = se3.inverse(np.asarray(scene.camera.T_base_cam))
    width, height = ideal.size_wh
    touched = np.zeros((-(-height // _COARSE_PX), -(-width // _COARSE_PX)), np.uint8)
    for body in scene.bodies:
        if body.is_static:
            continue
        corners = _hull(placed(body, meshes).vertices_m)
        for points in (corners, *(_shadow(corners, lamp, scene) for lamp in scene.lamps)):
            if points is None:
                return 0, 0, width, height
            points_cam = se3.transform(T_cam_base, points)
            if (points_cam[:, 2] < _NEAR_M).any():
                return 0, 0, width, height
            pixels = ideal.project(points_cam)
            outline = cv2.convexHull(np.clip(pixels / _COARSE_PX, -20_000, 20_000).astype(np.float32))
            cv2.fillConvexPoly(touched, np.round(outline).astype(np.int32), 1)
    rows, columns = np.flatnonzero(touched.any(axis=1)), np.flatnonzero(touched.any(axis=0))
    if len(rows) == 0:
        return 0, 0, min(_COARSE_PX, width), min(_COARSE_PX, height)
    return (
        max(int(columns[0]) * _COARSE_PX - _PAD_PX, 0),
        max(int(rows[0]) * _COARSE_PX - _PAD_PX, 0),
        min((int(columns[-1]) + 1) * _COARSE_PX + _PAD_PX, width),
        min((int(rows[-1]) + 1) * _COARSE_PX + _PAD_PX, height),
    )


def compute_coverage(scene: Scene, meshes: Meshes, camera: Pinhole) -> NDArray[np.float32]:
    """[H,W] share of each pixel of the distorted image that bodies which are not static fill, 0–1.

    camera: with the lens of ``scene.camera``. Pixels on outlines get SUBPIXELS² rays, the others one.
    """
    T_base_cam = np.asarray(scene.camera.T_base_cam)
    caster = Raycaster([placed(body, meshes) for body in scene.bodies])
    moves = np.array([*(not body.is_static for body in scene.bodies), False])
    origin_m, directions = camera_rays(camera, T_base_cam)
    filled = moves[caster.cast(origin_m, directions).body].astype(np.uint8)
    share = filled.astype(np.float32)
    box = np.ones((3, 3), np.uint8)
    rows, columns = np.nonzero(cv2.dilate(filled, box) != cv2.erode(filled, box))
    if len(rows):
        steps = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        rays = camera.unproject((np.column_stack([columns, rows])[:, None] + offsets).reshape(-1, 2))
        hits = caster.cast(origin_m, rays @ T_base_cam[:3, :3].T)
        share[rows, columns] = moves[hits.body].reshape(len(rows), -1).mean(axis=1)
    return share


def _hull(points: Array) -> Array:
    """The corners of the convex hull of points [N,3]; all of them where they are flat."""
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:
        return points


def _shadow(points: Array, lamp: SceneLamp, scene: Scene) -> Array | None:
    """Where rays from the lamp's corners past points [N,3] meet the table; None where some never do."""
    up = np.asarray(scene.table_normal, dtype=float)
    up = up / np.linalg.norm(up)
    height_m = (points - np.asarray(scene.table_point_m)) @ up
    shadows = []
    for source in _lamp_corners(lamp):
        descent = float((source - np.asarray(scene.table_point_m)) @ up) - height_m
        if (descent <= _NEAR_M).any():
            return None
        reach = np.maximum(height_m, 0) / descent
        shadows.append(points + (points - source) * reach[:, None])
    return np.concatenate(shadows)


def _lamp_corners(lamp: SceneLamp) -> list[Array]:
    """The four corners [3] of the panel, its roll unknown: those of the square around it."""
    centre = np.asarray(lamp.position_m, dtype=float)
    axis = np.asarray(lamp.target_m, dtype=float) - centre
    axis /= np.linalg.norm(axis)
    side = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    side /= np.linalg.norm(side)
    half_m = lamp.side_m / np.sqrt(2)
    return [
        centre + half_m * (a * side + b * np.cross(axis, side)) for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ] + [
        centre + half_m / np.sqrt(2) * (a * side + b * np.cross(axis, side)) for a in (-1, 1) for b in (-1, 1)
    ]
