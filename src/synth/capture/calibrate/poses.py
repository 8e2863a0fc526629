"""Poses to calibrate with: large turns about all axes, not square on, all over the image, near and far."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synth.capture.calibrate.chain import Chain, Guess
from synth.capture.calibrate.in_hand_poses import draw_in_hand
from synth.capture.calibrate.setup import CalibrationSetup
from synth.capture.calibrate.view import View
from synth.capture.visit_order import plan_visits
from synth.cell.candidates import draw_candidates
from synth.errors import InputError
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.hardware.safety import SafetyModel

MIN_TILT_DEG = 10.0
"""Of the board's normal from the line of sight: a board seen square on says little of its tilt."""

SPARE = 3
"""A further pose for so many, in case some show no board."""


@dataclass(frozen=True, eq=False)
class CalibrationPlan:
    """q_rad [N,6] in the order they are visited, then spare [S,6], the most useful first."""

    q_rad: Array
    spare_q_rad: Array


def plan_views(setup: CalibrationSetup, camera: Pinhole, n: int, seed: int) -> CalibrationPlan:
    """``n`` poses that together say most of where camera and board are and of the lens.

    Each pose is added for the information that it brings, were the setup's X and Y right (a D-optimal design,
    one at a time). Raises InputError when the cell does not have that many.
    """
    rng = np.random.default_rng(seed)
    if setup.eye == "to-hand":
        pool = draw_candidates(setup.cell, setup.bodies, camera, n, rng)
        tilted = pool.tilt_deg >= MIN_TILT_DEG
        q_rad, T_base_tool = pool.q_rad[tilted], pool.T_base_tool[tilted]
    else:
        q_rad, T_base_tool = draw_in_hand(setup, camera, n, rng, min_tilt_deg=MIN_TILT_DEG)
    safety = SafetyModel(setup.cell, setup.bodies)
    home_rad = setup.cell.robot.home_q_rad
    wanted = n + -(-n // SPARE)
    free: list[int] = []
    for row in _most_informative(T_base_tool, setup, camera):
        if safety.check_path(home_rad, q_rad[row]) is None:
            free.append(row)
        if len(free) == wanted:
            break
    if len(free) < n:
        raise InputError(
            f"only {len(free)} poses show the board tilted and can be reached from home, {n} are wanted: "
            "widen robot.joints, or give a smaller board"
        )
    chosen = q_rad[free]
    order, _ = plan_visits(
        home_rad,
        chosen[:n],
        safety,
        speed_rad_s=float(np.radians(setup.cell.robot.speed_deg_s)),
        acceleration_rad_s2=float(np.radians(setup.cell.robot.acceleration_deg_s2)),
    )
    return CalibrationPlan(chosen[:n][order], chosen[n:])


def _most_informative(T_base_tool: Array, setup: CalibrationSetup, camera: Pinhole) -> Iterator[int]:
    """Rows of the poses [M,4,4], the one that adds most to the determinant of the information first."""
    ids = np.arange(len(setup.board.corners_m))
    views = [View("", T, ids, np.zeros((len(ids), 2))) for T in T_base_tool]
    chain = Chain(views, setup.board, setup.eye)
    by = chain.jacobian(Guess(setup.X, setup.Y, camera), np.zeros((2, 3)), with_lens=True, with_scale=False)
    by = by.reshape(len(views), -1, by.shape[2])
    by /= np.sqrt((by**2).mean(axis=(0, 1)))  # Units do not change the order, but rounding.
    each = by.transpose(0, 2, 1) @ by
    total = 1e-3 * np.eye(by.shape[2])
    left = np.ones(len(views), dtype=bool)
    for _ in range(len(views)):
        gain = np.where(left, np.linalg.slogdet(total + each)[1], -np.inf)
        best = int(gain.argmax())
        yield best
        left[best] = False
        total = total + each[best]
