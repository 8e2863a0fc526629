"""Poses that could be shot: drawn over the joint ranges, each with what the camera would see there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from synth.cell.clearance import CellClearance
from synth.cell.mesh import CellBodies, label_normal_part
from synth.cell.model import Cell
from synth.cell.places import T_base_cam, T_cam_part
from synth.errors import InputError
from synth.geometry import frames, se3
from synth.geometry.arm import link_capsules
from synth.geometry.clearance import hull_vertices, segment_distance_m
from synth.geometry.normals import angle_deg
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Raycaster
from synth.geometry.se3 import Array

DRAW = 2048
"""Poses drawn at a time: a power of two keeps a Sobol sequence balanced."""

MAX_DRAWN = 65_536
POOL_PER_POSE = 8
"""Reachable poses that are wanted for each planned one, so that there is a choice."""

VISIBLE_MARGIN = 0.1
"""Kept above gates.min_visible: the arm's nominal shape is not its true one."""

RAYS_PER_SIDE = 16
BLOCK = 256
"""Poses that are checked at once, to keep memory small."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Poses with what the camera sees there, one row each.

    q_rad: [M,6]. T_base_tool: [M,4,4]. normal_uvw: [M,3] the label. tilt_deg: [M] between the label's normal
    and the direction to the camera. spin_rad: [M] angle of the part's x axis in the image. square_xyxy_px:
    [M,4] edges 0..W.
    visible: [M] share of the part that neither mount nor arm hides.
    """

    q_rad: Array
    T_base_tool: Array
    normal_uvw: Array
    tilt_deg: Array
    spin_rad: Array
    square_xyxy_px: Array
    visible: Array

    def __len__(self) -> int:
        return len(self.q_rad)

    def rows(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """The chosen rows."""
        return type(self)(*(getattr(self, f.name)[which] for f in fields(self)))

    @classmethod
    def concatenate(cls, parts: Sequence["Candidates"]) -> Self:
        """The rows of all parts in their order."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


_ADVICE = {
    "nearness": "change robot.joints, workspace or the camera's place: something comes too near",
    "image": "turn or move the camera (camera.T_base_cam; of one on the arm part.T_base_part), or narrow "
    "robot.joints: the part leaves the image",
    "size": "bring the camera nearer or lower gates.min_box_px: the part is too small in the image",
    "tilt": "raise gates.max_tilt_deg or change the wrist ranges: the label's face looks away",
    "visibility": "change the wrist ranges or lower gates.min_visible: mount or arm hide the part",
}


def draw_candidates(
    cell: Cell, bodies: CellBodies, camera: Pinhole, n: int, rng: np.random.Generator
) -> Candidates:
    """At least ``n`` poses that pass every check, some times as many where the cell allows it.

    Raises InputError, naming the check that refuses most and what to change, when fewer than ``n`` of
    MAX_DRAWN poses pass.
    """
    stream = CandidateStream(cell, bodies, camera, rng)
    found = stream.draw(POOL_PER_POSE * n)
    if len(found) < n:
        raise stream.refusal(n, len(found), len(found))
    return found


class CandidateStream:
    """Poses of one scrambled Sobol sequence over the joint ranges, draw after draw.

    Raises InputError where every joint is fixed.
    """

    def __init__(self, cell: Cell, bodies: CellBodies, camera: Pinhole, rng: np.random.Generator) -> None:
        self._bounds = cell.robot.joints.bounds_rad
        self._free = np.flatnonzero(self._bounds[:, 1] > self._bounds[:, 0])
        if len(self._free) == 0:
            raise InputError(
                "Every joint is fixed: give min_deg and max_deg to some joint under robot.joints."
            )
        self._sequence = qmc.Sobol(len(self._free), rng=rng)
        self._view = _View(cell, bodies, camera)
        self._refused: Counter[str] = Counter()
        self._n_drawn = 0

    def draw(self, n: int, size: int = DRAW) -> Candidates:
        """The next ``n`` poses that pass every check or more, of ``size`` drawn at a time: a power of two,
        256 or more. Fewer where MAX_DRAWN hold no more, none where an eighth of that holds none.
        """
        found: list[Candidates] = []
        low, high = self._bounds[self._free].T
        for n_drawn in range(size, MAX_DRAWN + 1, size):
            q = np.tile(self._bounds[:, 0], (size, 1))
            q[:, self._free] += self._sequence.random(size) * (high - low)
            self._n_drawn += size
            found.extend(self._view.check(block, self._refused) for block in np.split(q, size // BLOCK))
            n_found = sum(map(len, found))
            hopeless = n_found == 0 and 8 * n_drawn >= MAX_DRAWN
            if n_found >= n or hopeless:
                break
        return Candidates.concatenate(found)

    def refusal(self, n_wanted: int, n_found: int, most: int) -> InputError:
        """What to say where too few are found. most: how many may be asked for."""
        check, count = self._refused.most_common(1)[0]
        return InputError(
            f"{n_found or 'None'} of {self._n_drawn} poses drawn over robot.joints can be shot, {n_wanted} "
            f"are wanted. The {check} check refuses most ({count / self._n_drawn:.0%}): {_ADVICE[check]}"
            f"{f'; or ask for at most {most} poses' if most else ''}."
        )


class _View:
    """What the camera sees of the part, and which poses pass."""

    def __init__(self, cell: Cell, bodies: CellBodies, camera: Pinhole) -> None:
        self._cell, self._camera = cell, camera
        self._clearance = CellClearance(cell, bodies)
        self._hull_part = hull_vertices(bodies.part)
        self._normal_part = label_normal_part(cell, bodies.part)
        self._point_part = np.asarray(cell.part.point_of_interest_m)
        self._part_alone = Raycaster([bodies.part])
        T_tool_held = cell.camera.T_tool_cam if cell.camera.is_on_arm else cell.part.T_tool_part
        T_held_mount = se3.inverse(np.asarray(T_tool_held)) @ np.asarray(cell.mount.T_tool_mount)
        self._mount_alone = Raycaster([bodies.mount.transformed(T_held_mount)])

    def check(self, q_rad: Array, refused: Counter[str]) -> Candidates:
        """The rows of q_rad [M,6] that pass; the others are counted by the first check that refuses them."""
        gates = self._cell.gates
        T_base_tool = self._cell.robot.T_base_tool(q_rad)
        T = T_cam_part(self._cell, T_base_tool)
        R, t = T[:, :3, :3], T[:, None, :3, 3]
        normal = R @ self._normal_part
        point = (R @ self._point_part) + t[:, 0]
        tilt_deg = angle_deg(normal, -point)
        outline = self._hull_part @ np.swapaxes(R, 1, 2) + t  # [M,V,3]
        in_front = outline[..., 2].min(axis=1) > 0.05
        outline[~in_front] = [0.0, 0.0, 1.0]
        pixels = self._camera.project(outline).reshape(*outline.shape[:2], 2) + 0.5
        low, high = pixels.min(axis=1), pixels.max(axis=1)
        side = (high - low).max(axis=1)
        centre = (low + high) / 2
        square = np.concatenate([centre - side[:, None] / 2, centre + side[:, None] / 2], axis=1)
        room = np.array(self._camera.size_wh) - gates.image_margin_px
        in_image = (square[:, :2] >= gates.image_margin_px).all(axis=1) & (square[:, 2:] <= room).all(axis=1)
        shown = self._camera.project(np.where(in_front[:, None], point, [0.0, 0.0, 1.0])) + 0.5
        in_image &= in_front & (shown >= gates.image_margin_px).all(axis=1) & (shown <= room).all(axis=1)
        checks = {
            "image": in_image,
            "tilt": tilt_deg <= gates.max_tilt_deg,
            "size": side >= gates.min_box_px,
            "nearness": self._clearance.is_free(q_rad),
        }
        passed = np.ones(len(q_rad), dtype=bool)
        for name, ok in checks.items():
            refused[name] += int((passed & ~ok).sum())
            passed &= ok
        visible = np.zeros(len(q_rad))
        visible[passed] = self._visible(T[passed], T_base_tool[passed], q_rad[passed], outline[passed])
        seen = visible >= min(gates.min_visible + VISIBLE_MARGIN, 1.0)
        refused["visibility"] += int((passed & ~seen).sum())
        everything = Candidates(
            q_rad=q_rad,
            T_base_tool=T_base_tool,
            normal_uvw=frames.uvw_from_cam(normal),
            tilt_deg=tilt_deg,
            spin_rad=np.arctan2(R[:, 1, 0], R[:, 0, 0]),
            square_xyxy_px=square,
            visible=visible,
        )
        return everything.rows(passed & seen)

    def _visible(self, T_cam_part: Array, T_base_tool: Array, q_rad: Array, outline_cam: Array) -> Array:
        """Share [M] of the part's silhouette that is seen, by rays over its bounding box."""
        flat = outline_cam[..., :2] / outline_cam[..., 2:]
        low, high = flat.min(axis=1), flat.max(axis=1)
        steps = (np.arange(RAYS_PER_SIDE) + 0.5) / RAYS_PER_SIDE
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        xy = low[:, None] + grid * (high - low)[:, None]
        rays_cam = np.concatenate([xy, np.ones((*xy.shape[:2], 1))], axis=-1)  # [M,R,3]
        R = T_cam_part[:, :3, :3]
        rays_part = rays_cam @ R
        origins_part = -np.einsum("mi,mij->mj", T_cam_part[:, :3, 3], R)[:, None]
        on_part = self._part_alone.cast(origins_part, rays_part)
        if self._cell.camera.is_on_arm:  # The mount stands still before the camera, else before the part.
            mount_t = self._mount_alone.cast(np.zeros_like(rays_cam), rays_cam).t
        else:
            mount_t = self._mount_alone.cast(origins_part, rays_part).t
        behind_mount = mount_t < on_part.t
        hit = on_part.valid
        pose, ray = np.nonzero(hit & ~behind_mount)
        links = link_capsules(q_rad, self._cell.robot.arm)
        T_cam_base = np.linalg.inv(T_base_cam(self._cell, T_base_tool))
        R_cam_base, t_cam_base = T_cam_base[..., :3, :3], T_cam_base[..., None, :3, 3]
        a_cam, b_cam = (
            (ends @ np.swapaxes(R_cam_base, -1, -2) + t_cam_base)[pose] for ends in (links.a_m, links.b_m)
        )
        ends_cam = rays_cam[pose, ray] * on_part.t[pose, ray, None].astype(np.float64)
        distances = segment_distance_m(np.zeros(3), ends_cam[:, None], a_cam, b_cam)
        clear = (distances > links.radius_m).all(axis=1)
        n_seen = np.bincount(pose[clear], minlength=len(q_rad))
        return np.asarray(n_seen / np.maximum(hit.sum(axis=1), 1))
