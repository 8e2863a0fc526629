"""One look at the board: is the camera still where it was calibrated?"""

from dataclasses import dataclass

import numpy as np

from synth.capture.arm import Arm
from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.hand_eye import board_poses
from synth.capture.calibrate.poses import plan_views
from synth.capture.calibrate.result import BoardPlace
from synth.capture.calibrate.setup import make_setup
from synth.capture.calibrate.view import MIN_CORNERS, View
from synth.capture.settings import label_pinhole
from synth.cell.mesh import load_bodies
from synth.cell.model import Cell
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.se3 import Array
from synth.hardware.connect import connect
from synth.hardware.safety import SafetyModel

_N_PLANNED = 6


@dataclass(frozen=True)
class CameraCheck:
    """How far the board is from where the calibration puts it: on the image, and at the board."""

    error_px: float
    error_mm: float
    error_deg: float
    limit_mm: float

    @property
    def has_moved(self) -> bool:
        return self.error_mm > self.limit_mm

    @property
    def sentence(self) -> str:
        verdict = "beyond" if self.has_moved else "within"
        return (
            f"The board is {self.error_mm:.2f} mm ({self.error_px:.1f} px, {self.error_deg:.2f}°) from where "
            f"the calibration puts it, {verdict} the {self.limit_mm:g} mm that the gate allows."
        )


def check_camera(cell: Cell, found: BoardPlace, *, seed: int, pace: float | None) -> CameraCheck:
    """Move to one pose of the plan, shoot, compare with what the calibration found.

    Raises InputError where the board is not seen, and the devices' own errors.
    """
    to_hand = found.eye == "to-hand"
    setup = make_setup(cell, load_bodies(cell), found.board, found.eye)
    held, board = setup.cell, setup.board
    q_rad = plan_views(setup, cell.camera.pinhole, _N_PLANNED, seed).q_rad[0]
    with connect(held, setup.bodies, seed=seed, pace=pace, board=board) as devices:
        arm = Arm(devices.robot, SafetyModel(held, setup.bodies), held.robot)
        arm.go_to(q_rad)
        state = arm.read_state()
        sample = devices.camera.grab(after_ns=state.t_ns)
        camera = label_pinhole(cell, devices.camera.info)
        arm.go_to(held.robot.home_q_rad)
    corners = find_corners(sample.rgb_u8, board)
    if len(corners) < MIN_CORNERS:
        raise InputError(
            f"{len(corners)} corners of the board are seen: put it where it was, or, if it is there, the "
            "camera looks elsewhere now: run synth calibrate run"
        )
    view = View("look", state.T_base_tool, corners.ids, corners.pixels_xy)
    T_seen = board_poses([view], board, camera)[0]
    M = state.T_base_tool if to_hand else se3.inverse(state.T_base_tool)
    T_predicted = se3.inverse(setup.X) @ M @ found.Y
    points = board.corners_m[corners.ids]
    px = camera.project(se3.transform(T_predicted, points)) - corners.pixels_xy
    return CameraCheck(
        error_px=_rms(px),
        error_mm=1000 * _rms(se3.transform(T_predicted, points) - se3.transform(T_seen, points)),
        error_deg=float(np.degrees(se3.rotation_angle_rad(se3.inverse(T_seen) @ T_predicted))),
        limit_mm=cell.gates.max_calibration_mm,
    )


def _rms(errors: Array) -> float:
    return float(np.sqrt((errors**2).sum(axis=-1).mean()))
