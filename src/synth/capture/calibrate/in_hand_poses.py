"""Poses from which a camera in the arm's hand sees a board that stands."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from synth.capture.calibrate.setup import CalibrationSetup
from synth.cell.candidates import DRAW, MAX_DRAWN, POOL_PER_POSE
from synth.errors import InputError
from synth.geometry.normals import angle_deg
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.hardware.safety import SafetyModel

_ADVICE = {
    "image": "the board leaves the image: correct T_base_board or camera.T_tool_cam, or change robot.joints",
    "tilt": "the board is seen square on or too flat: widen the wrist ranges",
    "size": "the board is too far away or too near: move it, or change robot.joints",
    "nearness": "something comes too near: change robot.joints or workspace",
}


def draw_in_hand(
    setup: CalibrationSetup, camera: Pinhole, n: int, rng: np.random.Generator, *, min_tilt_deg: float
) -> tuple[Array, Array]:
    """Joints [M,6] over robot.joints and T_base_tool [M,4,4] that show the whole board, M at least ``n``.

    A scrambled Sobol sequence, as for captures. Raises InputError, naming what refuses most, where fewer
    than ``n`` of MAX_DRAWN poses pass.
    """
    bounds = setup.cell.robot.joints.bounds_rad
    sequence = qmc.Sobol(len(bounds), rng=rng)
    safety = SafetyModel(setup.cell, setup.bodies)
    found: list[Array] = []
    refused: Counter[str] = Counter()
    n_drawn = 0
    while sum(map(len, found)) < POOL_PER_POSE * n and n_drawn < MAX_DRAWN:
        q_rad = bounds[:, 0] + sequence.random(DRAW) * (bounds[:, 1] - bounds[:, 0])
        passed = np.ones(DRAW, dtype=bool)
        for name, ok in _looks(setup, camera, q_rad, min_tilt_deg).items():
            refused[name] += int((passed & ~ok).sum())
            passed &= ok
        q_rad = q_rad[passed]
        free = safety.is_free(q_rad) if len(q_rad) else np.ones(0, dtype=bool)
        refused["nearness"] += int((~free).sum())
        found.append(q_rad[free])
        n_drawn += DRAW
    n_found = sum(map(len, found))
    if n_found < n:
        check, count = refused.most_common(1)[0]
        raise InputError(
            f"{n_found or 'None'} of {n_drawn} poses drawn over robot.joints show the whole board, {n} are "
            f"wanted. The {check} check refuses most ({count / n_drawn:.0%}): {_ADVICE[check]}."
        )
    chosen = np.concatenate(found)
    return chosen, setup.cell.robot.T_base_tool(chosen)


def _looks(
    setup: CalibrationSetup, camera: Pinhole, q_rad: Array, min_tilt_deg: float
) -> dict[str, NDArray[np.bool_]]:
    """Whether joints [M,6] show the board whole, large enough and tilted: [M] for each check."""
    gates, nearest_m = setup.cell.gates, setup.cell.camera.known.nearest_m
    T_base_cam = setup.cell.robot.T_base_tool(q_rad) @ setup.X
    T_cam_board = np.linalg.inv(T_base_cam) @ setup.Y
    R, t = T_cam_board[:, :3, :3], T_cam_board[:, None, :3, 3]
    outline = setup.board.plate.vertices_m @ np.swapaxes(R, 1, 2) + t  # [M,8,3]
    near_m = outline[..., 2].min(axis=1)
    outline[near_m < nearest_m] = [0.0, 0.0, 1.0]
    pixels = camera.project(outline).reshape(*outline.shape[:2], 2) + 0.5
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    room = np.array(camera.size_wh) - gates.image_margin_px
    tilt_deg = angle_deg(-R[:, :, 2], -t[:, 0])
    return {
        "image": (near_m > 0) & (low >= gates.image_margin_px).all(axis=1) & (high <= room).all(axis=1),
        "size": (near_m >= nearest_m) & ((high - low).max(axis=1) >= gates.min_box_px),
        "tilt": (tilt_deg >= min_tilt_deg) & (tilt_deg <= gates.max_tilt_deg),
    }
