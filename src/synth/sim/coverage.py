"""Which part of each pixel a moving body covers: where the picture is not the empty bench."""

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Raycaster, camera_rays
from synth.sim.labels import placed
from synth.sim.meshes import Meshes
from synth.sim.scene import Scene

_SUBPIXELS = 4


def compute_coverage(scene: Scene, meshes: Meshes, camera: Pinhole) -> NDArray[np.float32]:
    """[H,W] share of each pixel of the distorted image that bodies which are not static cover, 0–1.

    camera: with the lens of ``scene.camera``. Pixels on outlines get 4×4 rays, the others one.
    """
    width, height = camera.size_wh
    moving = [placed(body, meshes) for body in scene.bodies if not body.is_static]
    if not moving:
        return np.zeros((height, width), dtype=np.float32)
    T_base_cam = np.asarray(scene.camera.T_base_cam)
    caster = Raycaster(moving)
    origin_m, directions = camera_rays(camera, T_base_cam)
    hit = caster.cast(origin_m, directions).valid.astype(np.uint8)
    box = np.ones((3, 3), np.uint8)
    edge = cv2.dilate(hit, box) != cv2.erode(hit, box)
    rows, columns = np.nonzero(edge)
    coverage = hit.astype(np.float32)
    if len(rows):
        steps = (np.arange(_SUBPIXELS) + 0.5) / _SUBPIXELS - 0.5
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        pixels = np.column_stack([columns, rows])[:, None] + offsets
        rays = camera.unproject(pixels.reshape(-1, 2)) @ T_base_cam[:3, :3].T
        coverage[rows, columns] = caster.cast(origin_m, rays).valid.reshape(len(rows), -1).mean(axis=1)
    return coverage
