"""The bench as a camera in the arm's hand sees it, with a calibration board that stands."""

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

    The arm shows its mount and no part; its camera does not see itself.
    """

    def __init__(self, cell: Cell, bodies: CellBodies, truth: Truth, seed: int, board: Board) -> None:
        """cell: with ``camera.T_tool_cam``, and board with ``T_base_board``: where they are thought to be;
        truth.T_tool_cam and truth.board_offset say where they are.
        """
        super().__init__(cell, bodies, truth, seed)
        self._bodies = CellBodies(part=board.plate, mount=bodies.mount)
        self._board = board
        believed = cell.camera.T_tool_cam if truth.T_tool_cam is None else truth.T_tool_cam
        self.T_tool_cam = np.asarray(believed, dtype=float)
        self.T_base_board = np.asarray(board.T_base_board) @ truth.board_offset
        self._at: tuple[bytes, World] | None = None

    def color(self, q_true_rad: ArrayLike) -> Float32:
        """As `World.color`, from where the arm holds the camera."""
        return self._seen_from(q_true_rad).color(q_true_rad)

    def depth_counts(self, q_true_rad: ArrayLike, noise_key: NoiseKey) -> NDArray[np.uint16]:
        """As `World.depth_counts`, from where the arm holds the camera."""
        return self._seen_from(q_true_rad).depth_counts(q_true_rad, noise_key)

    def truth_of(self, q_true_rad: ArrayLike) -> GroundTruth:
        """As `World.truth_of` with the board as the part, from where the arm holds the camera."""
        return self._seen_from(q_true_rad).truth_of(q_true_rad)

    def _seen_from(self, q_true_rad: ArrayLike) -> World:
        key = np.asarray(q_true_rad, dtype=np.float64).tobytes()
        if self._at is None or self._at[0] != key:
            T_base_tool: Array = self.T_base_tool_of(q_true_rad)
            T_tool_board = se3.inverse(T_base_tool) @ self.T_base_board
            part = self._cell.part.model_copy(update={"T_tool_part": T_tool_board})
            there = {
                "T_base_cam": T_base_tool @ self.T_tool_cam,
                "board_offset": np.eye(4),
                "mount_tilt": MountTilt(),
            }
            world = World(
                self._cell.model_copy(update={"part": part}),
                self._bodies,
                self._truth.model_copy(update=there),
                self._seed,
                board=self._board,
            )
            self._at = key, world
        return self._at[1]
