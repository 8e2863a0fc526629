"""A drawn shot: the default cell's part, flat shaded, through a distorted camera; quick and exactly known."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from synth.cell.load import load_cell
from synth.cell.mesh import CellBodies, load_bodies
from synth.cell.model import Cell
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import render_ids
from synth.geometry.se3 import Array


@dataclass(frozen=True, eq=False)
class DrawnShot:
    """rgb_u8 [H,W,3], depth_m [H,W] along z, part [H,W] the exact visible pixels, and where the arm stood."""

    rgb_u8: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    part: NDArray[np.bool_]
    T_base_tool: Array
    q_rad: Array


@pytest.fixture(scope="session")
def cell() -> Cell:
    return load_cell(None)


@pytest.fixture(scope="session")
def bodies(cell: Cell) -> CellBodies:
    return load_bodies(cell)


@pytest.fixture(scope="session")
def camera() -> Pinhole:
    K = np.array([[905.1, 0, 645.7], [0, 904.6, 358.9], [0, 0, 1.0]])
    return Pinhole((1280, 720), K, np.array([0.166, -0.51, -0.0005, -0.0007, 0.468]))


@pytest.fixture(scope="session")
def draw(cell: Cell, bodies: CellBodies, camera: Pinhole):
    """Draws the shot at joints in degrees away from home."""

    def draw_shot(offset_deg=(0, 0, 0, 0, 0, 0), blur_px: float = 0.7) -> DrawnShot:
        q_rad = cell.robot.home_q_rad + np.radians(offset_deg)
        T_base_tool = cell.robot.T_base_tool(q_rad)
        T_base_cam = np.asarray(cell.camera.T_base_cam)
        part = bodies.part.transformed(T_base_tool @ np.asarray(cell.part.T_tool_part))
        mount = bodies.mount.transformed(T_base_tool @ np.asarray(cell.mount.T_tool_mount))
        hits = render_ids([part, mount], camera, T_base_cam)
        facing = -(hits.normals @ T_base_cam[:3, :3])[..., 2:]
        rgb = np.full((*hits.t.shape, 3), 200.0)
        rgb = np.where((hits.body == 0)[..., None], (0.5 + 0.5 * facing) * cell.part.colour_rgb, rgb)
        rgb = np.where((hits.body == 1)[..., None], (0.5 + 0.5 * facing) * cell.mount.colour_rgb, rgb)
        rgb = cv2.GaussianBlur(rgb, (0, 0), blur_px)
        rgb += np.random.default_rng(0).normal(0, 1.5, rgb.shape)
        depth_m = np.where(hits.body >= 0, hits.t, 1.0).astype(np.float32)
        return DrawnShot(np.clip(rgb, 0, 255).astype(np.uint8), depth_m, hits.body == 0, T_base_tool, q_rad)

    return draw_shot
