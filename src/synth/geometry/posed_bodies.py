"""Rays of a camera against bodies that stand elsewhere in every picture.

Building a search tree takes longer than casting all rays of a small picture. So each mesh keeps one tree, in
its own frame, and rays are brought into that frame: those alone that come near the body.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole, Window
from synth.geometry.raycast import Hits, Raycaster
from synth.geometry.se3 import Array

_MARGIN_PX = 2
_BEHIND_M = 1e-6

Places = NDArray[np.intp]


class PosedBody(NamedTuple):
    """A mesh in its own frame, and where that stands: T_base_body [4,4]."""

    mesh: Mesh
    T_base_body: Array


@dataclass(frozen=True, eq=False)
class _Tree:
    """Meshes to cast rays against in their own frame. corners_m: [8,3] of the box around them."""

    caster: Raycaster
    corners_m: Array

    @classmethod
    def of(cls, meshes: Sequence[Mesh]) -> Self:
        ends = np.stack([(m.vertices_m.min(axis=0), m.vertices_m.max(axis=0)) for m in meshes])  # [N,2,3]
        low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
        return cls(Raycaster(meshes), Mesh.box(low, high).vertices_m)


_TREES: "WeakKeyDictionary[Mesh, dict[tuple[Mesh, ...], _Tree]]" = WeakKeyDictionary()
"""Of a mesh with those that stand in its frame, for as long as there is the mesh."""


def _tree_of(meshes: Sequence[Mesh]) -> _Tree:
    first, *others = meshes
    known = _TREES.setdefault(first, {})
    if tuple(others) not in known:
        known[tuple(others)] = _Tree.of(meshes)
    return known[tuple(others)]


@dataclass(frozen=True, eq=False)
class _Near:
    """Bodies of one frame that may be in view: their indices with −1 after them, their tree, T_body_cam, and
    the pixels whose rays may meet them.
    """

    indices: NDArray[np.int32]
    caster: Raycaster
    T_body_cam: Array
    window: Window

    def cast(self, rays_cam: Array) -> Hits:
        """First hits of rays [...,3] with z = 1; normals are in the bodies' frame."""
        found = self.caster.cast(self.T_body_cam[:3, 3], rays_cam @ self.T_body_cam[:3, :3].T)
        return replace(found, body=self.indices[found.body])


class PosedBodies:
    """What a camera sees of some bodies; a body's index is its place among them. T_base_cam: [4,4]."""

    def __init__(self, camera: Pinhole, T_base_cam: Array, bodies: Sequence[PosedBody]) -> None:
        self._camera, self._T_base_cam = camera, T_base_cam
        frames: dict[bytes, list[int]] = {}
        for i, body in enumerate(bodies):
            frames.setdefault(np.asarray(body.T_base_body, np.float64).tobytes(), []).append(i)
        found = (self._approach(own, [bodies[i] for i in own]) for own in frames.values())
        self._near = [near for near in found if near is not None]

    @property
    def window(self) -> Window | None:
        """The pixels whose rays may meet any of them, with some around; None where all are out of view."""
        if not self._near:
            return None
        x0, y0, x1, y1 = np.array([near.window for near in self._near]).T
        return int(x0.min()), int(y0.min()), int(x1.max()), int(y1.max())

    @cached_property
    def hits(self) -> Hits:
        """What the rays through pixel centres meet [H,W]: ``t`` is depth along z in metres, normals are in
        base.
        """
        width, height = self._camera.size_wh
        t = np.full((height, width), np.inf, np.float32)
        body, triangle = (np.full((height, width), -1, np.int32) for _ in range(2))
        normals = np.zeros((height, width, 3), np.float32)
        for near in self._near:
            x0, y0, x1, y1 = near.window
            part = np.s_[y0:y1, x0:x1]
            found = near.cast(self._camera.rays[part])
            is_nearer = found.t < t[part]
            R_base_body = self._T_base_cam[:3, :3] @ near.T_body_cam[:3, :3].T
            t[part][is_nearer] = found.t[is_nearer]
            body[part][is_nearer] = found.body[is_nearer]
            triangle[part][is_nearer] = found.triangle[is_nearer]
            normals[part][is_nearer] = found.normals[is_nearer] @ R_base_body.T.astype(np.float32)
        return Hits(t, body, triangle, normals)

    def find(self, rows: Places, columns: Places, rays_cam: Array) -> NDArray[np.int32]:
        """The body [N,S] that rays [N,S,3] with z = 1 meet first, −1 for none.

        rows, columns: [N], pixels, whose own rays are these or less than a pixel beside.
        """
        t = np.full(rays_cam.shape[:2], np.inf, np.float32)
        body = np.full(rays_cam.shape[:2], -1, np.int32)
        for near in self._near:
            x0, y0, x1, y1 = near.window
            places = np.flatnonzero((columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1))
            if len(places) == 0:
                continue
            found = near.cast(rays_cam[places])
            is_nearer = found.t < t[places]
            t[places] = np.where(is_nearer, found.t, t[places])
            body[places] = np.where(is_nearer, found.body, body[places])
        return body

    def _approach(self, indices: Sequence[int], bodies: Sequence[PosedBody]) -> _Near | None:
        """Bodies of one frame; None where they are out of view."""
        tree = _tree_of([body.mesh for body in bodies])
        T_body_cam = se3.inverse(np.asarray(bodies[0].T_base_body)) @ self._T_base_cam
        corners = se3.transform(se3.inverse(T_body_cam), tree.corners_m)
        x0, y0, x1, y1 = 0, 0, *self._camera.size_wh
        if (corners[:, 2] <= _BEHIND_M).all():
            return None
        if (corners[:, 2] > _BEHIND_M).all():
            xy = corners[:, :2] / corners[:, 2:]
            window = self._camera.window(xy.min(axis=0), xy.max(axis=0))
            if window is None:
                return None
            x0, y0 = max(x0, window[0] - _MARGIN_PX), max(y0, window[1] - _MARGIN_PX)
            x1, y1 = min(x1, window[2] + _MARGIN_PX), min(y1, window[3] + _MARGIN_PX)
        return _Near(np.array([*indices, -1], np.int32), tree.caster, T_body_cam, (x0, y0, x1, y1))
