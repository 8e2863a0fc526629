"""The air that a cell keeps around its arm: how near things come, and how near they may."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.geometry.clearance import WALL, ClearanceModel, HeldBody, Surroundings
from synth.geometry.se3 import Array


class CellClearance:
    """Distances of a cell's arm, mount and part from all around them, beside what the cell demands.

    pairs: (body, what it could touch). required_m: what is kept between them, one number a pair.
    """

    def __init__(self, cell: Cell, bodies: CellBodies) -> None:
        T_flange_tool = cell.robot.T_flange_tool
        table, box = cell.bench.table, cell.workspace
        self._joint_limit_rad = cell.robot.arm.joint_limit_rad
        self._model = ClearanceModel(
            cell.robot.arm,
            [
                HeldBody("mount", bodies.mount.transformed(T_flange_tool @ cell.mount.T_tool_mount)),
                HeldBody("part", bodies.part.transformed(T_flange_tool @ cell.part.T_tool_part)),
            ],
            Surroundings(
                table_point_m=np.asarray(table.point_m),
                table_normal=np.asarray(table.normal),
                box_min_m=np.asarray(box.min_m),
                box_max_m=np.asarray(box.max_m),
                camera_centre_m=cell.camera.T_base_cam[:3, 3],
                camera_radius_m=cell.camera.known.radius_m,
            ),
        )
        self.pairs = self._model.pairs
        self.required_m = np.array([0.0 if other == WALL else box.clearance_m for _, other in self.pairs])

    def missing_m(self, q_rad: Array) -> Array:
        """[M,P] by how much each pair comes too near at joints [M,6]; negative where there is room."""
        return np.asarray(self.required_m - self._model.gaps_m(q_rad))

    def is_free(self, q_rad: ArrayLike) -> NDArray[np.bool_]:
        """[M] whether each of joints [M,6] is within limits and keeps every distance."""
        q = np.atleast_2d(np.asarray(q_rad, dtype=float))
        clear = (self._model.gaps_m(q) >= self.required_m).all(axis=1)
        return np.asarray(clear & (np.abs(q) <= self._joint_limit_rad).all(axis=1))
