"""The bench as a camera in the arm's hand sees it, with a part or a calibration board that stands."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synth.cell.board import Board
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.geometry import se3
from synth.geometry.se3 import Array
from synth.hardware.simulated.body import Float32
from synth.hardware.simulated.optics import NoiseKey
from synth.hardware.simulated.truth import MountTilt, Truth
from synth.hardware.simulated.world import GroundTruth, World


class WorldFromArm(World):
    """A world that is made anew around the camera wherever the arm stops.

    The arm shows its mount and holds no part; its camera does not see itself.
    """

    def __init__(
        self, cell: Cell, bodies: CellBodies, truth: Truth, seed: int, board: Board | None = None
    ) -> None:
        """cell: with ``camera.T_tool_cam`` and ``part.T_base_part``, where they are thought to be; truth says
        where they are. board: what the part is, where a calibration board takes its place.
        """
        self._given = cell, bodies, truth
        self._board = board
        self.T_tool_cam = truth.T_tool_cam_of(cell)
        believed = cell.part.T_base_part if truth.T_base_part is None else truth.T_base_part
        self.T_base_standing = np.asarray(believed if board is None else board.T_base_board, dtype=float)
        if board is not None:
            self.T_base_standing = self.T_base_standing @ truth.board_offset
        at_home = self._around(cell.robot.T_base_tool(cell.robot.home_q_rad))
        super().__init__(*at_home, seed, board=board)
        self._at: tuple[bytes, World] | None = None

    def color(self, q_true_rad: ArrayLike) -> Float32:
        """As `World.color`, from where the arm holds the camera."""
        return self._seen_from(q_true_rad).color(q_true_rad)

    def depth_counts(self, q_true_rad: ArrayLike, noise_key: NoiseKey) -> NDArray[np.uint16]:
        """As `World.depth_counts`, from where the arm holds the camera."""
        return self._seen_from(q_true_rad).depth_counts(q_true_rad, noise_key)

    def truth_of(self, q_true_rad: ArrayLike) -> GroundTruth:
        """As `World.truth_of` from where the arm holds the camera."""
        return self._seen_from(q_true_rad).truth_of(q_true_rad)

    def _seen_from(self, q_true_rad: ArrayLike) -> World:
        key = np.asarray(q_true_rad, dtype=np.float64).tobytes()
        if self._at is None or self._at[0] != key:
            there = self._around(self.T_base_tool_of(q_true_rad))
            self._at = key, World(*there, self._seed, board=self._board, wardrobe=self._wardrobe)
        return self._at[1]

    def _around(self, T_base_tool: Array) -> tuple[Cell, CellBodies, Truth]:
        """A cell whose camera stands and whose arm holds the part, as they are with the tool there."""
        cell, bodies, truth = self._given
        camera = cell.camera.model_copy(update={"mounted": "bench"})
        T_tool_standing = se3.inverse(T_base_tool) @ self.T_base_standing
        part = cell.part.model_copy(update={"T_tool_part": T_tool_standing})
        there = {
            "T_base_cam": T_base_tool @ self.T_tool_cam,
            "T_tool_part": None,
            "board_offset": np.eye(4),
            "mount_tilt": MountTilt(),
        }
        return (
            cell.model_copy(update={"camera": camera, "part": part}),
            bodies,
            truth.model_copy(update=there),
        )
