"""Things that can be seen: a mesh, what it is made of, and how light finds its edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """A dielectric or metal, as the light model wants it.

    albedo: diffuse reflectance, linear RGB. f0: reflectance seen straight on, linear RGB. roughness: GGX,
    0–1. mottle: relative variation of albedo and roughness. layer_m: height of printed layers along the
    body's z, or 0.
    """

    albedo: RGB
    f0: RGB = (0.04, 0.04, 0.04)
    roughness: float = 0.5
    mottle: float = 0.05
    layer_m: float = 0.0


@dataclass(frozen=True, eq=False)
class Body:
    """A mesh [V],[T] in its own frame with a material per triangle.

    corner_normals [T,3,3]: smooth within a crease angle. edge_normals [T,3,3]: for the edge opposite each
    corner, the mean normal of its two faces. edge_radius_m [T,3]: how far light rounds that edge, 0 where
    there is no edge.
    """

    mesh: Mesh
    materials: tuple[Material, ...]
    material_of_triangle: Int32
    corner_normals: Float32
    edge_normals: Float32
    edge_radius_m: Float32

    @classmethod
    def of(
        cls, mesh: Mesh, material: Material, *, crease_deg: float = 35.0, edge_radius_m: float = 0.0
    ) -> "Body":
        """A body of one material whose edges sharper than ``crease_deg`` stay edges."""
        normals, areas = _face_normals(mesh)
        corner = _corner_normals(mesh, normals, areas, np.cos(np.radians(crease_deg)))
        edges, radius = _edges(mesh, normals, np.cos(np.radians(crease_deg)), edge_radius_m)
        index = np.zeros(len(mesh.triangles), np.int32)
        return cls(mesh, (material,), index, corner.astype(np.float32), edges, radius)

    @classmethod
    def joined(cls, bodies: "list[Body]") -> "Body":
        """Several bodies of one frame as one."""
        offsets = np.cumsum([0] + [len(b.materials) for b in bodies[:-1]])
        index = [b.material_of_triangle + o for b, o in zip(bodies, offsets, strict=True)]
        return cls(
            Mesh.merge([b.mesh for b in bodies]),
            tuple(m for b in bodies for m in b.materials),
            np.concatenate(index).astype(np.int32),
            np.concatenate([b.corner_normals for b in bodies]),
            np.concatenate([b.edge_normals for b in bodies]),
            np.concatenate([b.edge_radius_m for b in bodies]),
        )


def _face_normals(mesh: Mesh) -> tuple[Array, Array]:
    a, b, c = (mesh.vertices_m[mesh.triangles[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    double_area = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(double_area, 1e-30)[:, None], double_area


def _merged_corners(mesh: Mesh) -> Int32:
    """Triangles [T,3] whose corners at one place share one index (STL files repeat every vertex)."""
    grid = np.round(mesh.vertices_m / 1e-7).astype(np.int64)
    _, index = np.unique(grid, axis=0, return_inverse=True)
    return np.asarray(index.reshape(-1)[mesh.triangles], dtype=np.int32)


def _corner_normals(mesh: Mesh, normals: Array, areas: Array, cos_crease: float) -> Array:
    """For every corner the area-weighted mean of the faces around it that turn less than the crease angle."""
    corners = _merged_corners(mesh).reshape(-1)
    order = np.argsort(corners, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(corners[order]) > 0])
    counts = np.diff(np.r_[starts, len(order)])
    result = np.zeros((len(order), 3))
    faces = order // 3
    crowd, first = np.repeat(counts, counts), np.repeat(starts, counts)
    for step in range(int(counts.max())):  # pair each corner with the step-th corner around the same vertex
        has = np.flatnonzero(crowd > step)
        own, other = faces[has], faces[first[has] + step]
        close = np.einsum("ij,ij->i", normals[own], normals[other]) > cos_crease
        result[order[has]] += normals[other] * (areas[other] * close)[:, None]
    length = np.linalg.norm(result, axis=1, keepdims=True)
    flat = np.repeat(normals, 3, axis=0)
    return np.asarray(np.where(length > 0, result / np.maximum(length, 1e-30), flat).reshape(-1, 3, 3))


def _edges(mesh: Mesh, normals: Array, cos_crease: float, radius_m: float) -> tuple[Float32, Float32]:
    """Mean normals [T,3,3] and rounding radii [T,3] of the edges opposite each corner."""
    count = len(mesh.triangles)
    if radius_m == 0:
        return np.zeros((count, 3, 3), np.float32), np.zeros((count, 3), np.float32)
    corners = _merged_corners(mesh)
    ends = np.stack([corners[:, [1, 2]], corners[:, [2, 0]], corners[:, [0, 1]]], axis=1).reshape(-1, 2)
    ends = np.sort(ends, axis=1).astype(np.int64)
    _, edge, uses = np.unique(
        ends[:, 0] * (corners.max() + 1) + ends[:, 1], return_inverse=True, return_counts=True
    )
    faces = np.repeat(np.arange(count), 3)
    total = np.zeros((len(uses), 3))
    np.add.at(total, edge, normals[faces])
    mean = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    sharp = (uses == 2) & (np.linalg.norm(total, axis=1) < 2 * np.sqrt((1 + cos_crease) / 2))
    radius = np.where(sharp[edge], radius_m, 0.0).reshape(count, 3).astype(np.float32)
    return mean[edge].reshape(count, 3, 3).astype(np.float32), radius
