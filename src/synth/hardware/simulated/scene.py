"""Bodies in place: what rays meet there, as a light model wants it."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.raycast import Raycaster
from synth.geometry.se3 import Array
from synth.hardware.simulated.body import Body, Float32, Int32
from synth.hardware.simulated.light import MaterialTable

Windows = list[tuple[int, tuple[slice, slice]]]


def mottle_volume(rng: np.random.Generator) -> Float32:
    """Periodic noise [64,64,64], mean 0, deviation 1, of a few voxels' grain."""
    volume = rng.standard_normal((64, 64, 64))
    freq = np.sqrt(sum(f**2 for f in np.meshgrid(*[np.fft.fftfreq(64)] * 3, indexing="ij")))
    smooth = np.fft.ifftn(
        np.fft.fftn(volume) * (np.exp(-((freq / 0.12) ** 2)) + 0.15 * np.exp(-((freq / 0.4) ** 2)))
    ).real
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


class Wardrobe:
    """The bodies' unchanging data, one row per triangle over all bodies, in body frames."""

    def __init__(self, bodies: Sequence[Body], mottle: Float32) -> None:
        self.bodies = list(bodies)
        self.boxes_m = [_box_corners(b.mesh) for b in bodies]
        counts = [len(b.mesh.triangles) for b in bodies]
        self.first = np.cumsum([0, *counts]).astype(np.int64)
        corners = np.concatenate([b.mesh.vertices_m[b.mesh.triangles] for b in bodies])
        e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        d11, d12, d22 = (np.einsum("ij,ij->i", a, b)[:, None] for a, b in ((e1, e1), (e1, e2), (e2, e2)))
        det = np.maximum(d11 * d22 - d12 * d12, 1e-30)
        self._corner = corners[:, 0].astype(np.float32)
        self._toward = np.stack([(d22 * e1 - d12 * e2) / det, (d11 * e2 - d12 * e1) / det], 1).astype(
            np.float32
        )
        area2 = np.sqrt(det)
        opposite = np.stack([e2 - e1, e2, e1], axis=1)
        self._height = (area2 / np.maximum(np.linalg.norm(opposite, axis=2), 1e-12)).astype(np.float32)
        self._corner_normals = np.concatenate([b.corner_normals for b in bodies])
        self._edge_normals = np.concatenate([b.edge_normals for b in bodies])
        self._edge_radius = np.concatenate([b.edge_radius_m for b in bodies])
        starts = np.cumsum([0] + [len(b.materials) for b in bodies[:-1]])
        self._material = np.concatenate(
            [b.material_of_triangle + s for b, s in zip(bodies, starts, strict=True)]
        )
        self.materials = MaterialTable.of([m for b in bodies for m in b.materials])
        self.reflectance = (self.materials.albedo + self.materials.f0)[self._material]
        self._mottle = mottle

    def surface(
        self, T_base_body: Array, body: Int32, triangle: Int32, points_base_m: Float32
    ) -> tuple[Float32, Int32, Float32, Float32]:
        """At points [N,3] on (body, triangle) [N]: shading normals in base [N,3], material [N], mottle [N],
        layer [N].
        """
        R, t = T_base_body[:, :3, :3].astype(np.float32), T_base_body[:, :3, 3].astype(np.float32)
        row = self.first[body] + triangle
        local = np.empty_like(points_base_m)
        for b in np.unique(body):
            of_b = body == b
            local[of_b] = (points_base_m[of_b] - t[b]) @ R[b]
        weights = np.empty_like(local)
        weights[:, 1:] = np.einsum("nij,nj->ni", self._toward[row], local - self._corner[row])
        weights[:, 0] = 1 - weights[:, 1] - weights[:, 2]
        np.clip(weights, 0, 1, out=weights)
        normals = np.einsum("ni,nij->nj", weights, self._corner_normals[row])
        radius = self._edge_radius[row]
        rounded = np.flatnonzero(radius.any(axis=1))
        if len(rounded):
            at = row[rounded]
            r = radius[rounded]
            near = np.where(
                r > 0, np.clip(1 - weights[rounded] * self._height[at] / np.maximum(r, 1e-9), 0, 1), 0
            )
            edge = np.einsum("ni,nij->nj", near, self._edge_normals[at])
            normals[rounded] = normals[rounded] * (1 - np.minimum(near.sum(axis=1), 1))[:, None] + edge
        material = self._material[row].astype(np.int32)
        layer_m = self.materials.layer_m[material]
        layered = np.flatnonzero(layer_m > 0)
        layer = np.zeros(len(row), np.float32)
        if len(layered):
            phase = local[layered, 2] / layer_m[layered]
            layer[layered] = np.sin(2 * np.pi * phase)
            normals[layered, 2] += 0.10 * layer[layered]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        result = np.empty_like(normals)
        for b in np.unique(body):
            of_b = body == b
            result[of_b] = normals[of_b] @ R[b].T
        cell = (local * np.float32(1 / 0.0009)).astype(np.int32) & 63
        return result, material, self._mottle[cell[:, 0], cell[:, 1], cell[:, 2]], layer


def _box_corners(mesh: Mesh) -> Array:
    """The eight corners [8,3] of a mesh's bounding box."""
    ends = np.stack([mesh.vertices_m.min(axis=0), mesh.vertices_m.max(axis=0)])
    return np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])


class Stage:
    """The bodies posed in base, and a sheet of bench under them as the last body."""

    def __init__(self, wardrobe: Wardrobe, T_base_body: Array, bench: Mesh) -> None:
        self.wardrobe = wardrobe
        self.T_base_body = T_base_body
        meshes = [b.mesh.transformed(T) for b, T in zip(wardrobe.bodies, T_base_body, strict=True)]
        self.caster = Raycaster([*meshes, bench])
        self.bench_index = len(meshes)
        self.bounds_m = [se3.transform(T, box) for box, T in zip(wardrobe.boxes_m, T_base_body, strict=True)]

    def surface(
        self, body: Int32, triangle: Int32, points_base_m: Float32
    ) -> tuple[Float32, Int32, Float32, Float32]:
        return self.wardrobe.surface(self.T_base_body, body, triangle, points_base_m)


def tangents(normals: Float32) -> tuple[Float32, Float32]:
    """Two unit vectors [N,3] each that complete unit normals [N,3] to a frame (Duff and others, 2017)."""
    x, y, z = normals[:, 0], normals[:, 1], normals[:, 2]
    sign = np.where(z >= 0, np.float32(1), np.float32(-1))
    a = -1 / (sign + z)
    b = x * y * a
    return (
        np.stack([1 + sign * x * x * a, sign * b, -sign * x], axis=1),
        np.stack([b, sign + y * y * a, -y], axis=1),
    )


def hemisphere(count: int) -> Float32:
    """Cosine-weighted directions [count,3] about z, evenly spread (Fibonacci's spiral)."""
    i = np.arange(count) + 0.5
    r, phi = np.sqrt(i / count), i * np.pi * (3 - np.sqrt(5))
    return np.stack([r * np.cos(phi), r * np.sin(phi), np.sqrt(1 - r * r)], axis=1).astype(np.float32)


def smooth_within(values: Float32, weight: Float32, groups: Int32, windows: Windows, size: int) -> Float32:
    """Box means of ``values`` [H,W] or [H,W,C] over size × size pixels that share a group and have weight."""
    result = values.copy()
    for group, window in windows:
        mine = groups[window] == group
        share = weight[window] * mine
        patch = values[window]
        spread = share if patch.ndim == 2 else share[..., None]
        total = cv2.boxFilter(share, -1, (size, size), normalize=False)
        mean = cv2.boxFilter(patch * spread, -1, (size, size), normalize=False)
        inside = mine & (total > 1e-3)
        result[window][inside] = mean[inside] / (total[inside] if patch.ndim == 2 else total[inside][:, None])
    return result


def windows_of(group: Int32, at: NDArray[np.intp], shape: tuple[int, ...], margin: int) -> Windows:
    """The rectangle of the image that each group of pixels ``at`` [N] spans."""
    rows, columns = np.divmod(at, shape[1])
    result = []
    for g in np.unique(group):
        r, c = rows[group == g], columns[group == g]
        result.append(
            (
                int(g),
                np.s_[
                    max(r.min() - margin, 0) : r.max() + margin + 1,
                    max(c.min() - margin, 0) : c.max() + margin + 1,
                ],
            )
        )
    return result
