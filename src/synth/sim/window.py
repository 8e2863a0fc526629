"""Where bodies are in a picture, found without rendering."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Raycaster, camera_rays
from synth.geometry.se3 import Array
from synth.geometry.visible import SUBPIXELS
from synth.sim.blender import Window
from synth.sim.labels import placed
from synth.sim.meshes import Meshes
from synth.sim.scene import Scene

_TILE_PX = 8
_NEAR_M = 0.02
_MARGIN_PX = 12  # What the denoiser draws around each window,
_WINDOW_PX = 4000  # and what else a window costs, both in pixels that it draws.

Tiles = NDArray[np.uint8]


def body_windows(
    scene: Scene, meshes: Meshes, ideal: Pinhole, also: NDArray[np.bool_] | None = None
) -> list[Window]:
    """Windows of an ideal image that together hold every body, as few and as tight as draws fastest.

    They do not overlap. Bodies are taken as convex. One window is all there is where a body comes too near.
    also: [H,W] pixels to be held besides.
    """
    T_cam_base = se3.inverse(np.asarray(scene.camera.T_base_cam))
    width, height = ideal.size_wh
    touched: Tiles = np.zeros((-(-height // _TILE_PX), -(-width // _TILE_PX)), np.uint8)
    for body in scene.bodies:
        T_cam_body = T_cam_base @ np.asarray(body.T_base_body)
        points_cam = se3.transform(T_cam_body, hull_of(meshes[body.mesh]))
        if (points_cam[:, 2] < _NEAR_M).any():
            return [(0, 0, width, height)]
        tiles = np.clip((ideal.project(points_cam) - (_TILE_PX - 1) / 2) / _TILE_PX, -20_000, 20_000)
        outline = cv2.convexHull(tiles.astype(np.float32))
        cv2.fillConvexPoly(touched, np.round(outline).astype(np.int32), 1)
    touched = np.asarray(cv2.dilate(touched, np.ones((3, 3), np.uint8)), np.uint8)
    if also is not None:
        rows, columns = np.nonzero(also)
        touched[rows // _TILE_PX, columns // _TILE_PX] = 1
    return [
        (x0 * _TILE_PX, y0 * _TILE_PX, min(x1 * _TILE_PX, width), min(y1 * _TILE_PX, height))
        for x0, y0, x1, y1 in _split(touched, (0, 0, touched.shape[1], touched.shape[0]))
    ]


def _split(touched: Tiles, window: Window) -> list[Window]:
    """Windows of tiles around those that are touched, cut in two wherever that is cheaper."""
    whole = _tight(touched, window)
    if whole is None:
        return []
    x0, y0, x1, y1 = whole
    cuts = [((x0, y0, x, y1), (x, y0, x1, y1)) for x in range(x0 + 1, x1)]
    cuts += [((x0, y0, x1, y), (x0, y, x1, y1)) for y in range(y0 + 1, y1)]
    halves = min(cuts, key=lambda pair: sum(_cost(_tight(touched, half)) for half in pair), default=())
    if not halves or sum(_cost(_tight(touched, half)) for half in halves) >= _cost(whole):
        return [whole]
    return [part for half in halves for part in _split(touched, half)]


def _cost(window: Window | None) -> int:
    if window is None:
        return 0
    x0, y0, x1, y1 = window
    return _WINDOW_PX + ((x1 - x0) * _TILE_PX + 2 * _MARGIN_PX) * ((y1 - y0) * _TILE_PX + 2 * _MARGIN_PX)


def _tight(touched: Tiles, window: Window) -> Window | None:
    """The smallest window of tiles with all that are touched in a window; None where none are."""
    x0, y0, x1, y1 = window
    part = touched[y0:y1, x0:x1]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if len(rows) == 0:
        return None
    return x0 + int(columns[0]), y0 + int(rows[0]), x0 + int(columns[-1]) + 1, y0 + int(rows[-1]) + 1


def compute_coverage(scene: Scene, meshes: Meshes, camera: Pinhole) -> NDArray[np.float32]:
    """[H,W] share of each pixel of the distorted image that bodies fill, 0–1.

    camera: with the lens of ``scene.camera``. Pixels on outlines get SUBPIXELS² rays, the others one.
    """
    T_base_cam = np.asarray(scene.camera.T_base_cam)
    caster = Raycaster([placed(body, meshes) for body in scene.bodies])
    origin_m, directions = camera_rays(camera, T_base_cam)
    filled = caster.cast(origin_m, directions).valid.astype(np.uint8)
    share = filled.astype(np.float32)
    box = np.ones((3, 3), np.uint8)
    rows, columns = np.nonzero(cv2.dilate(filled, box) != cv2.erode(filled, box))
    if len(rows):
        steps = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        rays = camera.unproject((np.column_stack([columns, rows])[:, None] + offsets).reshape(-1, 2))
        hits = caster.cast(origin_m, rays @ T_base_cam[:3, :3].T)
        share[rows, columns] = hits.valid.reshape(len(rows), -1).mean(axis=1)
    return share


def find_covered(scene: Scene, meshes: Meshes, ideal: Pinhole) -> NDArray[np.bool_]:
    """[H,W] whether a body is seen through each pixel's centre."""
    caster = Raycaster([placed(body, meshes) for body in scene.bodies])
    return caster.cast(*camera_rays(ideal, np.asarray(scene.camera.T_base_cam))).valid


@lru_cache(maxsize=256)
def hull_of(mesh: Mesh) -> Array:
    """The corners [N,3] of a mesh's convex hull; all that it has where it is flat."""
    points = mesh.vertices_m
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:
        return points
