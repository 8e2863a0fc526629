"""How far an arm and what it carries are from the table, what stands by, the workspace's walls and itself.

Links are capsules. What the flange holds is its convex hull against planes, and a
bundle of capsules around its bounding box against everything else. Both are never smaller than the real
bodies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import ConvexHull

from synth.geometry.arm import ArmModel, Capsules, joint_frames, place_capsules
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

TABLE, WALL, CAMERA, PART = "the table", "the workspace's wall", "the camera", "the part"
_MAX_STRIPS = 6


@dataclass(frozen=True, eq=False)
class HeldBody:
    """A body fixed to the flange; its mesh is in the flange frame."""

    name: str
    mesh: Mesh


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the arm must not touch, in base: a plane, a box that held bodies stay in, and one thing that
    stands there, with its name.
    """

    table_point_m: Array
    table_normal: Array
    box_min_m: Array
    box_max_m: Array
    standing: Capsules
    standing_name: str


class ClearanceModel:
    """Distances of an arm and what it holds from its surroundings, for many joints at once.

    ``pairs`` names what each column of `gaps_m` measures, as (body, what it could touch). Links that share a
    joint are no pair, nor is what the flange holds with wrists 2 and 3.
    """

    def __init__(self, arm: ArmModel, held: Sequence[HeldBody], surroundings: Surroundings) -> None:
        n_links = len(arm.link_names)
        self._dh = arm.dh
        self._names = (*arm.link_names, *(body.name for body in held))
        self._hulls = [hull_vertices(body.mesh) for body in held]
        self._surroundings = surroundings
        bundles = [
            arm.link_capsules,
            *(cover_with_capsules(each.mesh, n_links + i) for i, each in enumerate(held)),
        ]
        self._capsules = Capsules(
            a_m=np.concatenate([c.a_m for c in bundles]),
            b_m=np.concatenate([c.b_m for c in bundles]),
            radius_m=np.concatenate([c.radius_m for c in bundles]),
            body=np.concatenate([c.body for c in bundles]),
        )
        self._frame = np.minimum(self._capsules.body, n_links - 1)
        self._links = np.flatnonzero((self._capsules.body > 0) & (self._capsules.body < n_links))
        self._moving = np.flatnonzero(self._capsules.body > 0)
        first, second = np.triu_indices(len(self._frame), k=1)
        body = self._capsules.body
        apart = self._frame[second] - self._frame[first] > 1
        for low, high in arm.never_touch:
            apart &= (body[first] != low) | (body[second] != high)
        self._first, self._second = first[apart], second[apart]
        self.pairs: list[tuple[str, str]] = [
            *((self._names[body[i]], TABLE) for i in self._links),
            *((self._names[body[i]], surroundings.standing_name) for i in self._moving),
            *(
                (self._names[body[j]], self._names[body[i]])
                for i, j in zip(self._first, self._second, strict=True)
            ),
            *((body.name, other) for body in held for other in (TABLE, WALL)),
        ]

    def gaps_m(self, q_rad: ArrayLike) -> Array:
        """Distances [M,G] in metres for joints [M,6], negative in an overlap; columns as in ``pairs``."""
        around = self._surroundings
        frames = joint_frames(np.atleast_2d(np.asarray(q_rad, dtype=float)), self._dh)
        placed = place_capsules(self._capsules, frames[:, self._frame])
        a, b, radius = placed.a_m, placed.b_m, placed.radius_m
        up = around.table_normal / np.linalg.norm(around.table_normal)
        links, moving, first, second = self._links, self._moving, self._first, self._second
        lowest = np.minimum((a - around.table_point_m) @ up, (b - around.table_point_m) @ up)
        there = around.standing
        to_standing = segment_distance_m(a[:, moving, None], b[:, moving, None], there.a_m, there.b_m)
        between = segment_distance_m(a[:, first], b[:, first], a[:, second], b[:, second])
        columns = [
            (lowest - radius)[:, links],
            (to_standing - there.radius_m).min(axis=2) - radius[moving],
            between - radius[first] - radius[second],
        ]
        for hull in self._hulls:
            points = hull @ np.swapaxes(frames[:, -1, :3, :3], -1, -2) + frames[:, -1, None, :3, 3]
            columns.append(((points - around.table_point_m) @ up).min(axis=1)[:, None])
            inside = np.minimum(points - around.box_min_m, around.box_max_m - points)
            columns.append(inside.min(axis=(1, 2))[:, None])
        return np.concatenate(columns, axis=1)


def segment_distance_m(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Distances [...] between the segments a–b and c–d [...,3], which may be points.

    The closest point of the first segment to the second's line is clamped to the segment, then each end is
    clamped against the other once more.
    """
    u, v, w = b - a, d - c, a - c
    uu, vv = np.einsum("...i,...i->...", u, u), np.einsum("...i,...i->...", v, v)
    uv = np.einsum("...i,...i->...", u, v)
    uw, vw = np.einsum("...i,...i->...", u, w), np.einsum("...i,...i->...", v, w)
    area = uu * vv - uv * uv
    tiny = 1e-12
    s = np.clip((uv * vw - uw * vv) / np.where(area > tiny, area, np.inf), 0.0, 1.0)
    t = np.clip((uv * s + vw) / np.where(vv > tiny, vv, np.inf), 0.0, 1.0)
    s = np.clip((uv * t - uw) / np.where(uu > tiny, uu, np.inf), 0.0, 1.0)
    return np.asarray(np.linalg.norm(w + s[..., None] * u - t[..., None] * v, axis=-1))


def hull_vertices(mesh: Mesh) -> Array:
    """[H,3] the mesh's vertices that span its convex hull."""
    return np.asarray(mesh.vertices_m[ConvexHull(mesh.vertices_m).vertices])


def cover_with_capsules(mesh: Mesh, body: int) -> Capsules:
    """Parallel capsules that together contain the mesh's bounding box: strips along its longest side.

    Strips are about as wide as the box is thick, so the bundle follows a flat part closely.
    """
    low, high = mesh.vertices_m.min(axis=0), mesh.vertices_m.max(axis=0)
    thin, wide, long = np.argsort(high - low, kind="stable")
    extent = np.maximum(high - low, 1e-6)
    n = int(np.clip(np.ceil(extent[wide] / extent[thin]), 1, _MAX_STRIPS))
    half_section = np.hypot(extent[thin], extent[wide] / n) / 2
    radius = 1.1 * half_section  # what this leaves over lets the ends stand inside the box
    inset = min(np.sqrt(radius**2 - half_section**2), extent[long] / 2)
    a = np.tile((low + high) / 2, (n, 1))
    a[:, wide] = low[wide] + (np.arange(n) + 0.5) * extent[wide] / n
    b = a.copy()
    a[:, long], b[:, long] = low[long] + inset, high[long] - inset
    return Capsules(a, b, np.full(n, radius), np.full(n, body))
