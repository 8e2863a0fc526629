"""The cell while it is calibrated: the arm carries the board, or the camera, in place of its part."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.capture.calibrate.view import Eye
from synth.cell.board import FACING, Board
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

MAX_TILT_DEG = 50.0
MARGIN_PX = 24
MIN_SQUARE_PX = 20
"""Side of a square below which its marker is often not read and its corners are pixels off. With 4 × 4 bits
in 0.73 of a square, tilted by up to 40° and slightly blurred, 85 % of boards are read at 16 px, all at 18.
"""

_PAPER = {"colour_rgb": (245, 245, 242), "roughness": 0.6, "metallic": 0.0}
_STUB_M, _GAP_M = 0.025, 0.008
_BESIDE_TCP = se3.make(np.eye(3), [0.0, -0.07, 0.0])
"""A simulated camera on the arm, if the cell does not say where: it looks along the tool's z."""


@dataclass(frozen=True, eq=False)
class CalibrationSetup:
    """A cell with what the arm carries then as its part, so that limits, clearances and plans hold for it.

    bodies: its meshes then. X, Y: where camera and board are thought to be, as in `chain`. With the camera on
    the arm ``cell.camera.T_tool_cam`` and ``board.T_base_board`` are X and Y, and the board is the part that
    stands.
    """

    eye: Eye
    cell: Cell
    bodies: CellBodies
    board: Board
    X: Array
    Y: Array


def make_setup(
    cell: Cell, bodies: CellBodies, board: Board, eye: Eye, *, payload_kg: float | None = None
) -> CalibrationSetup:
    """The cell with board or camera in hand. bodies: of the cell. payload_kg: what the arm carries then; None
    as with mount and part.

    Raises InputError for more than the arm carries, and where a real cell does not say roughly where camera
    and board are.
    """
    if payload_kg is not None and not 0 < payload_kg <= cell.robot.arm.payload_kg:
        arm = cell.robot.arm
        raise InputError(
            f"--payload-kg must be above 0 and at most {arm.payload_kg:g} for a {arm.title}, "
            f"got {payload_kg:g}"
        )
    if eye == "to-hand":
        return _carry_board(cell, board, payload_kg)
    return _carry_camera(cell, bodies, board, payload_kg)


def _carry_board(cell: Cell, board: Board, payload_kg: float | None) -> CalibrationSetup:
    T_tool_board = board.T_tool_board_guess
    middle = np.append(np.asarray(board.size_m) / 2, 0.0)
    part = {"T_tool_part": T_tool_board, "point_of_interest_m": tuple(middle.tolist())}
    held = _changed(cell, payload_kg, part={**part, "normal": (0.0, 0.0, -1.0)}, gates=_gates(board))
    T_mount_tool = se3.inverse(np.asarray(cell.mount.T_tool_mount))
    behind = board.thickness_m + _GAP_M + _STUB_M / 2
    T_mount_stub = T_mount_tool @ T_tool_board @ se3.make(np.eye(3), middle + np.array([0, 0, behind]))
    stub = _block((_STUB_M, _STUB_M, _STUB_M), T_mount_stub)
    held_bodies = CellBodies(part=board.plate, mount=stub)
    return CalibrationSetup(
        "to-hand", held, held_bodies, board, np.asarray(cell.camera.T_base_cam), T_tool_board
    )


def _carry_camera(cell: Cell, bodies: CellBodies, board: Board, payload_kg: float | None) -> CalibrationSetup:
    T_tool_cam, T_base_board = cell.camera.T_tool_cam, board.T_base_board
    missing = [
        name
        for name, value in (
            ("camera.T_tool_cam in the cell file", T_tool_cam),
            ("T_base_board in the board file", T_base_board),
        )
        if value is None
    ]
    if missing and not cell.is_simulated:
        raise InputError(
            f"a camera on the arm is calibrated from rough places, and {' and '.join(missing)} is missing: "
            "write four rows of four numbers, metres, to some 3 cm and 10°"
        )
    T_tool_cam = _BESIDE_TCP if T_tool_cam is None else np.asarray(T_tool_cam)
    middle = np.append(np.asarray(board.size_m) / 2, 0.0)
    if T_base_board is None:
        looks_from = cell.part.T_base_part if cell.camera.is_on_arm else cell.camera.T_base_cam
        T_base_board = looks_from @ FACING @ se3.make(np.eye(3), -middle)
    T_base_board = np.asarray(T_base_board)
    part = {"T_base_part": T_base_board, "point_of_interest_m": tuple(middle.tolist())}
    camera = {"mounted": "tool", "T_tool_cam": T_tool_cam}
    carrying = _changed(
        cell, payload_kg, part={**part, "normal": (0.0, 0.0, -1.0)}, camera=camera, gates=_gates(board)
    )
    standing = board.model_copy(update={"T_base_board": T_base_board})
    on_arm = CellBodies(part=board.plate, mount=bodies.mount)
    return CalibrationSetup("in-hand", carrying, on_arm, standing, T_tool_cam, T_base_board)


def _gates(board: Board) -> dict[str, Any]:
    px = max(board.squares_xy) * MIN_SQUARE_PX
    return {"max_tilt_deg": MAX_TILT_DEG, "image_margin_px": MARGIN_PX, "min_box_px": px}


def _changed(cell: Cell, payload_kg: float | None, **sections: dict[str, Any]) -> Cell:
    sections["part"] |= _PAPER
    if payload_kg is not None:
        sections["robot"] = {"payload_kg": payload_kg}
    return cell.model_copy(
        update={name: getattr(cell, name).model_copy(update=values) for name, values in sections.items()}
    )


def _block(size_m: tuple[float, float, float], T: Array) -> Mesh:
    """A block about the origin of T [4,4]."""
    half = np.asarray(size_m) / 2
    return Mesh.box((-half).tolist(), half.tolist()).transformed(T)
