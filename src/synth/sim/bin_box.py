"""The open box that parts are dropped into: how large it is and where it stands."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from synth.cell.model import Cell
from synth.cell.places import T_base_cam_at_home
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

WALL_M = 0.004
FLOOR_M = 0.004
SIDE_PER_PART = 2.15
MIN_SIDE_PER_PART = 1.3
HEIGHT_PER_PART = 0.75
"""The box against the part's longest diagonal: its inner side, the least that will do, its inner height."""

MIN_DESCENT = 0.3
"""Least sine of the angle between optical axis and table for a box or clutter to be placed."""

IMAGE_SHARE = 0.9
"""Of the image's width and height, what the box may fill, so that every square box stays inside."""

_PLACES = 100


@dataclass(frozen=True, eq=False)
class BinBox:
    """An open box in its own frame: z up, its outside standing on z = 0, the origin in its middle.

    side_m, height_m: inside, above the floor. T_base_bin: where it stands on the table, below the camera.
    """

    side_m: float
    height_m: float
    T_base_bin: Array

    @property
    def mesh(self) -> Mesh:
        """One closed solid."""
        inner, outer = self.side_m / 2, self.side_m / 2 + WALL_M
        top = FLOOR_M + self.height_m
        ring = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        rings = [(outer, 0.0), (outer, top), (inner, top), (inner, FLOOR_M)]
        vertices = np.concatenate([np.column_stack([ring * r, np.full(4, z)]) for r, z in rings])
        triangles = [(0, 2, 1), (0, 3, 2), (12, 13, 14), (12, 14, 15)]
        for low in (0, 4, 8):
            for i in range(4):
                a, b = low + i, low + (i + 1) % 4
                triangles += [(a, b, b + 4), (a, b + 4, a + 4)]
        return Mesh(vertices, np.array(triangles, dtype=np.int32))


def bin_box(cell: Cell, part: Mesh) -> BinBox:
    """The box for a cell's part (in the part frame): as large as the part asks, no larger than the view.

    Raises InputError when the camera does not look on the table or not even a small box fits its view.
    """
    size_m = diagonal_m(part)
    table = cell.bench.table
    T_base_bin = table_below(T_base_cam_at_home(cell), table.point_m, table.normal)
    if T_base_bin is None:
        raise InputError(
            "The camera does not look down on the table, so no bin can be seen: correct its place or "
            "bench.table, or render no bins."
        )
    side_m = SIDE_PER_PART * size_m
    while side_m >= MIN_SIDE_PER_PART * size_m:
        box = BinBox(side_m, HEIGHT_PER_PART * size_m, T_base_bin)
        if _in_view(cell, box):
            return box
        side_m *= 0.97
    raise InputError(
        f"A box for {size_m * 1000:.0f} mm long parts does not fit the camera's view of the table: "
        "move the camera away, or render no bins."
    )


def moved(cell: Cell, box: BinBox, rng: np.random.Generator) -> BinBox:
    """The box turned and pushed across the table at random, as far as it stays in view."""
    for _ in range(_PLACES):
        turn = Rotation.from_rotvec([0.0, 0.0, rng.uniform(-np.pi, np.pi)]).as_matrix()
        push_m = rng.uniform(-box.side_m, box.side_m, 2)
        T_bin_moved = se3.make(turn, np.array([*push_m, 0.0]))
        elsewhere = replace(box, T_base_bin=box.T_base_bin @ T_bin_moved)
        if _in_view(cell, elsewhere):
            return elsewhere
    return box


def diagonal_m(mesh: Mesh) -> float:
    """The diagonal of a mesh's bounding box."""
    return float(np.linalg.norm(np.ptp(mesh.vertices_m, axis=0)))


def table_below(T_base_cam: ArrayLike, table_point_m: ArrayLike, table_normal: ArrayLike) -> Array | None:
    """[4,4] in base: where the optical axis meets the table, x along the image, z up.

    None where the camera does not look down on it.
    """
    up = np.asarray(table_normal, dtype=float) / np.linalg.norm(table_normal)
    T = np.asarray(T_base_cam)
    eye_m, gaze = T[:3, 3], T[:3, 2]
    descent = float(-gaze @ up)
    height_m = float((eye_m - np.asarray(table_point_m)) @ up)
    if descent < MIN_DESCENT or height_m <= 0:
        return None
    x = T[:3, 0] - up * (T[:3, 0] @ up)
    x /= np.linalg.norm(x)
    return se3.make(np.stack([x, np.cross(up, x), up], axis=1), eye_m + gaze * (height_m / descent))


def _in_view(cell: Cell, box: BinBox) -> bool:
    camera = cell.camera.pinhole
    corners_m = se3.transform(se3.inverse(T_base_cam_at_home(cell)) @ box.T_base_bin, box.mesh.vertices_m)
    if corners_m[:, 2].min() < 0.1:
        return False
    flat = corners_m / corners_m[:, 2:]  # Without distortion, which says nothing about places out of view.
    pixels = flat[:, :2] * (camera.K[0, 0], camera.K[1, 1]) + camera.K[:2, 2]
    size = np.asarray(camera.size_wh, dtype=float)
    margin = size * (1 - IMAGE_SHARE) / 2
    return bool((pixels >= margin).all() and (pixels <= size - margin).all())
