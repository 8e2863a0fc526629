"""The light of a whole picture from less than a whole rendering: a small one of the table, then the bodies.

Light on a table changes slowly over a picture: lamps are panels and their shadows soft. So the table is drawn
with its bodies hidden from the camera, at a quarter of the size, and enlarged. Bodies are then drawn at full
size in windows around them, before a table of that known light: rays from the camera that meet it end there.
Where bodies stand on the table their shadows are sharp; there the table is drawn at full size too.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.pinhole import Pinhole
from synth.sim.blender import Blender, Quality
from synth.sim.colour import Linear
from synth.sim.meshes import Meshes
from synth.sim.scene import TABLE_REACH_M, Scene
from synth.sim.window import body_windows, find_covered

_STEP = 4
_PAD = 4
"""Coarse pixels around the picture, where the denoiser and the enlarging have less to go by."""

_STEEP = 0.03
_SURE = 0.99


def draw_light(blender: Blender, scene: Scene, meshes: Meshes, ideal: Pinhole, quality: Quality) -> Linear:
    """Linear light [H,W,3] of the whole image of an ideal pinhole.

    Raises RendererError as `Blender`.
    """
    if quality.table_samples is None or not _sees_table_only(scene, ideal):
        return blender.render(scene, ideal, (0, 0, *ideal.size_wh), quality).rgb
    table_quality = replace(quality, samples=quality.table_samples)
    coarse = _coarse(ideal)
    table = blender.render_table(scene, coarse, table_quality).rgb
    if not scene.bodies:
        return _enlarged(table, ideal)
    known = _known(table, find_covered(scene, meshes, coarse))
    table = _enlarged(np.dstack([table, known]), ideal)
    light = table[..., :3].copy()
    windows = body_windows(scene, meshes, ideal, table[..., 3] < _SURE)
    for drawn in blender.render_on_table(scene, ideal, windows, quality, table) if windows else []:
        x0, y0, x1, y1 = drawn.window_xyxy
        light[y0:y1, x0:x1] = drawn.rgb
    return light


def _coarse(ideal: Pinhole) -> Pinhole:
    """The pinhole whose pixels are `_STEP` times as wide; its image reaches `_PAD` of them further."""
    K = ideal.K / _STEP
    K[:2, 2] = (ideal.K[:2, 2] + 0.5) / _STEP - 0.5 + _PAD
    K[2, 2] = 1.0
    width, height = (-(-pixels // _STEP) + 2 * _PAD for pixels in ideal.size_wh)
    return Pinhole((width, height), K)


def _enlarged(coarse: Linear, ideal: Pinhole) -> Linear:
    size_wh = coarse.shape[1] * _STEP, coarse.shape[0] * _STEP
    fine = cv2.resize(np.ascontiguousarray(coarse), size_wh, interpolation=cv2.INTER_CUBIC)
    first = _PAD * _STEP
    width, height = ideal.size_wh
    inner = fine[first : first + height, first : first + width]
    return np.ascontiguousarray(np.maximum(inner, 0), dtype=np.float32)


def _known(table: Linear, covered: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[h,w] how far a coarse table says what a fine one would, 0–1, from what a coarser one would have lost.

    covered: [h,w] where bodies stand before the table, so that it does not matter.
    """
    height, width = covered.shape
    luminance = table.mean(axis=-1)
    halved = cv2.resize(luminance, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    guessed = cv2.resize(halved, (width, height), interpolation=cv2.INTER_CUBIC)
    lost = np.abs(luminance - guessed) > _STEEP * luminance
    box = np.ones((3, 3), np.uint8)
    unknown = np.zeros(covered.shape, np.float32)
    inner = np.s_[_PAD:-_PAD, _PAD:-_PAD]
    unknown[inner] = (lost & (cv2.erode(covered.astype(np.uint8), box) == 0))[inner]
    return np.asarray(1 - cv2.GaussianBlur(cv2.dilate(unknown, box, iterations=2), (5, 5), 0), np.float32)


def _sees_table_only(scene: Scene, ideal: Pinhole) -> bool:
    """Whether the table fills the picture behind all bodies: every corner's ray meets it, not far away."""
    T_base_cam = np.asarray(scene.camera.T_base_cam)
    width, height = ideal.size_wh
    corners = ideal.unproject([[x, y] for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    rays = corners @ T_base_cam[:3, :3].T
    normal, point_m = np.asarray(scene.table_normal), np.asarray(scene.table_point_m)
    above_m = (T_base_cam[:3, 3] - point_m) @ normal
    descent = -(rays @ normal)
    if above_m <= 0 or (descent <= 0).any():
        return False
    hits_m = T_base_cam[:3, 3] + rays * (above_m / descent)[:, None]
    return bool(np.linalg.norm(hits_m - point_m, axis=1).max() < TABLE_REACH_M)
