"""The cell while the arm holds the board in place of mount and part."""

import numpy as np

from synth.cell.board import Board
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.geometry import se3
from synth.geometry.mesh import Mesh

PAPER_RGB = (245, 245, 242)
MAX_TILT_DEG = 50.0
MARGIN_PX = 24
MIN_SQUARE_PX = 12
"""Side of a square, seen straight on, below which its marker cannot be read."""

_STUB_M, _GAP_M = 0.025, 0.008


def hold_board(cell: Cell, board: Board, *, payload_kg: float | None = None) -> tuple[Cell, CellBodies]:
    """The cell with the board as its part, so that limits, clearances and plans hold for the board, and the
    bodies that it then has.

    payload_kg: what the arm carries then; None as with mount and part.
    """
    T_tool_board = board.T_tool_board_guess
    middle = np.append(np.asarray(board.size_m) / 2, 0.0)
    px = min(board.squares_xy) * MIN_SQUARE_PX
    changes = {
        "part": {
            "T_tool_part": T_tool_board,
            "point_of_interest_m": tuple(middle.tolist()),
            "normal": (0.0, 0.0, -1.0),
            "colour_rgb": PAPER_RGB,
            "roughness": 0.6,
            "metallic": 0.0,
        },
        "gates": {"max_tilt_deg": MAX_TILT_DEG, "image_margin_px": MARGIN_PX, "min_box_px": px},
        "robot": {} if payload_kg is None else {"payload_kg": payload_kg},
    }
    held = cell.model_copy(
        update={name: getattr(cell, name).model_copy(update=values) for name, values in changes.items()}
    )
    T_mount_tool = se3.inverse(np.asarray(cell.mount.T_tool_mount))
    behind = board.thickness_m + _GAP_M + _STUB_M / 2
    stub = _box_at(T_mount_tool @ T_tool_board @ se3.make(np.eye(3), middle + np.array([0, 0, behind])))
    return held, CellBodies(part=board.plate, mount=stub)


def _box_at(T: np.ndarray) -> Mesh:
    """A cube of ``_STUB_M`` about the origin of T [4,4]: what the board is screwed to."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) - 0.5
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = np.array([t for a, b, c, d in faces for t in ((a, b, c), (a, c, d))])
    return Mesh(corners * _STUB_M, triangles).transformed(T)
