"""The air that a cell keeps around its arm: how near things come, and how near they may."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synth.cell.mesh import CellBodies
from synth.cell.model import CameraCell, Cell
from synth.geometry.arm import Capsules, place_capsules
from synth.geometry.clearance import (
    CAMERA,
    PART,
    WALL,
    ClearanceModel,
    HeldBody,
    Surroundings,
    cover_with_capsules,
)
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

_CABLE_SIDE_M = 0.03
_BEHIND_LENS_M = 0.001
_WRIST_3 = 5


class CellClearance:
    """Distances of a cell's arm and what it carries from all around them, beside what the cell demands.

    pairs: (body, what it could touch). required_m: what is kept between them, one number a pair.
    """

    def __init__(self, cell: Cell, bodies: CellBodies) -> None:
        table, box = cell.bench.table, cell.workspace
        self.joint_range_rad = joint_range_rad(cell)
        self._model = ClearanceModel(
            cell.robot.arm,
            _held(cell, bodies),
            Surroundings(
                table_point_m=np.asarray(table.point_m),
                table_normal=np.asarray(table.normal),
                box_min_m=np.asarray(box.min_m),
                box_max_m=np.asarray(box.max_m),
                standing=_standing(cell, bodies),
                standing_name=PART if cell.camera.is_on_arm else CAMERA,
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
        low, high = self.joint_range_rad.T
        return np.asarray(clear & ((low <= q) & (q <= high)).all(axis=1))


def joint_range_rad(cell: Cell) -> Array:
    """[6,2] how far each joint may turn: the arm's own range, wrist 3 without wrapping a camera's cable."""
    limit = cell.robot.arm.joint_limit_rad
    found = np.stack([-limit, limit], axis=1)
    if cell.camera.is_on_arm:
        turn = np.radians(cell.camera.cable_turn_deg) * np.array([-1.0, 1.0])
        found[_WRIST_3] = np.clip(cell.robot.home_q_rad[_WRIST_3] + turn, *found[_WRIST_3])
    return found


def _held(cell: Cell, bodies: CellBodies) -> list[HeldBody]:
    """What the flange carries, in its frame."""
    T_flange_tool = cell.robot.T_flange_tool
    mount = HeldBody("mount", bodies.mount.transformed(T_flange_tool @ cell.mount.T_tool_mount))
    if not cell.camera.is_on_arm:
        T_flange_part = T_flange_tool @ np.asarray(cell.part.T_tool_part)
        return [mount, HeldBody("part", bodies.part.transformed(T_flange_part))]
    T_flange_cam = T_flange_tool @ np.asarray(cell.camera.T_tool_cam)
    return [mount, *(HeldBody(name, mesh.transformed(T_flange_cam)) for name, mesh in _carried(cell.camera))]


def _carried(camera: CameraCell) -> list[tuple[str, Mesh]]:
    """Housing and cable of a camera on the arm, in its frame: both lie behind its lens."""
    x, y, depth = camera.known.housing_m
    back = -_BEHIND_LENS_M - depth
    bodies = [("camera", Mesh.box([-x / 2, -y / 2, back], [x / 2, y / 2, -_BEHIND_LENS_M]))]
    if camera.cable_m > 0:
        half = _CABLE_SIDE_M / 2
        bodies.append(("cable", Mesh.box([-half, -half, back - camera.cable_m], [half, half, back])))
    return bodies


def _standing(cell: Cell, bodies: CellBodies) -> Capsules:
    """What stands before the arm, in base: the camera's ball, or the part."""
    if cell.camera.is_on_arm:
        T_base_part: Array = np.asarray(cell.part.T_base_part)
        return place_capsules(cover_with_capsules(bodies.part, 0), T_base_part[None])
    centre_m = np.asarray(cell.camera.T_base_cam)[None, :3, 3]
    return Capsules(centre_m, centre_m, np.array([cell.camera.known.radius_m]), np.zeros(1, dtype=np.intp))
