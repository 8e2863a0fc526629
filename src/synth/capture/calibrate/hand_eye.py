"""Closed-form hand-eye calibration by OpenCV's methods: where the refinement starts."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.chain import Chain, Guess
from synth.capture.calibrate.view import View
from synth.cell.board import Board
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

METHODS = {
    "Tsai": cv2.CALIB_HAND_EYE_TSAI,
    "Park": cv2.CALIB_HAND_EYE_PARK,
    "Horaud": cv2.CALIB_HAND_EYE_HORAUD,
    "Andreff": cv2.CALIB_HAND_EYE_ANDREFF,
    "Daniilidis": cv2.CALIB_HAND_EYE_DANIILIDIS,
}
SUBSET, N_SUBSETS = 6, 24
"""Views in a trial start, and how many such trials there are."""

WORLD_METHODS = {"Shah": cv2.CALIB_ROBOT_WORLD_HAND_EYE_SHAH, "Li": cv2.CALIB_ROBOT_WORLD_HAND_EYE_LI}


def board_poses(views: Sequence[View], board: Board, camera: Pinhole) -> Array:
    """T_cam_board [V,4,4] of each view by itself (Collins and Bartoli's IPPE, then Levenberg–Marquardt)."""
    poses = []
    for view in views:
        points = board.corners_m[view.ids]
        middle = points.mean(axis=0)
        found, rotvecs, ts, errors = cv2.solvePnPGeneric(
            points - middle, view.pixels_xy, camera.K, camera.dist, flags=cv2.SOLVEPNP_IPPE
        )
        best = int(np.argmin(errors)) if found else 0
        rotvec, t = cv2.solvePnPRefineLM(
            points - middle, view.pixels_xy, camera.K, camera.dist, rotvecs[best], ts[best]
        )
        poses.append(se3.from_rotvec(rotvec.ravel(), t.ravel()) @ se3.make(np.eye(3), -middle))
    return np.stack(poses)


def solve_closed_form(method: str, M: Array, T_cam_board: Array, camera: Pinhole) -> Guess | None:
    """X and Y of ``X · T_cam_board_v = M_v · Y`` by one of METHODS or WORLD_METHODS; None where it fails."""
    M_inv = np.stack([se3.inverse(each) for each in M])
    log_level = cv2.utils.logging.setLogLevel(0)  # A method that fails would print so.
    seen = T_cam_board[:, :3, :3], T_cam_board[:, :3, 3]
    hand_eye: Any = cv2.calibrateHandEye  # OpenCV's stubs know lists only.
    world_hand_eye: Any = cv2.calibrateRobotWorldHandEye
    try:
        if method in METHODS:
            R, t = hand_eye(M_inv[:, :3, :3], M_inv[:, :3, 3], *seen, method=METHODS[method])
            if not _is_rotation(R):
                return None
            X = se3.make(R, t.ravel())
            return Guess(X, _mean(M_inv @ X @ T_cam_board), camera)
        R_Y, t_Y, R_X, t_X = world_hand_eye(*seen, M[:, :3, :3], M[:, :3, 3], method=WORLD_METHODS[method])
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(log_level)
    if not (_is_rotation(R_X) and _is_rotation(R_Y)):
        return None
    return Guess(se3.inverse(se3.make(R_X, t_X.ravel())), se3.inverse(se3.make(R_Y, t_Y.ravel())), camera)


def _is_rotation(R: Array) -> bool:
    return se3.is_rigid(se3.make(R, np.zeros(3)), tolerance=1e-3)


def _mean(T: Array) -> Array:
    return se3.make(Rotation.from_matrix(T[:, :3, :3]).mean().as_matrix(), np.median(T[:, :3, 3], axis=0))


def pick_start(
    chain: Chain, T_cam_board: Array, camera: Pinhole, rng: np.random.Generator, n_subsets: int = N_SUBSETS
) -> Guess | None:
    """The closed-form solution, of all views or of a few, that most views agree with.

    Few views at a time are tried because one wrong pose spoils every method.
    """
    n = chain.n_views
    subsets = [np.arange(n), *(rng.choice(n, min(n, SUBSET), replace=False) for _ in range(n_subsets))]
    best: tuple[float, Guess] | None = None
    for subset in subsets:
        for method in ("Park", "Daniilidis", "Shah", "Tsai"):
            guess = solve_closed_form(method, chain.M[subset], T_cam_board[subset], camera)
            if guess is None:
                continue
            typical_px = float(np.quantile(chain.view_rms_px(guess), 0.5))
            if best is None or typical_px < best[0]:
                best = typical_px, guess
    return None if best is None else best[1]
