"""Rays against meshes; they come from `Pinhole`, not Open3D's own camera, so pixel centres are integers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import open3d as o3d
from numpy.typing import ArrayLike, NDArray

from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array


@dataclass(frozen=True, eq=False)
class Hits:
    """First hits of a block of rays [...].

    t: [...] in units of the ray's direction, inf where nothing is hit. body: [...] index of the mesh, -1 =
    nothing.
    triangle: [...] index within that mesh, -1 = nothing. normals: [...,3] unit, geometric, facing the ray's
    origin; zero where nothing is hit.
    """

    t: NDArray[np.float32]
    body: NDArray[np.int32]
    triangle: NDArray[np.int32]
    normals: NDArray[np.float32]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """[...] whether anything is hit."""
        return self.body >= 0


class Raycaster:
    """A fixed set of bodies, all in one frame (usually base), that rays are cast against.

    A body's index is its place in ``bodies``. Distances are float32: about 0.1 µm at one metre.
    """

    def __init__(self, bodies: Sequence[Mesh]) -> None:
        self._scene = o3d.t.geometry.RaycastingScene()
        for mesh in bodies:
            self._scene.add_triangles(
                o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.vertices_m, dtype=np.float32)),
                o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.triangles, dtype=np.uint32)),
            )

    def cast(self, origins_m: ArrayLike, directions: ArrayLike) -> Hits:
        """First hit of every ray; origins [...,3] and directions [...,3] broadcast against each other."""
        rays = _rays(origins_m, directions)
        result = self._scene.cast_rays(o3d.core.Tensor.from_numpy(rays))
        t = result["t_hit"].numpy()
        normals = result["primitive_normals"].numpy()
        normals[np.einsum("...i,...i->...", normals, rays[..., 3:]) > 0] *= -1
        normals[np.isinf(t)] = 0
        body, triangle = (result[name].numpy().view(np.int32) for name in ("geometry_ids", "primitive_ids"))
        return Hits(t, body, triangle, normals)

    def occluded(
        self, origins_m: ArrayLike, directions: ArrayLike, t_near: float = 1e-4, t_far: float = np.inf
    ) -> NDArray[np.bool_]:
        """Whether anything lies on each ray [...] from ``t_near`` to ``t_far`` (units of the direction)."""
        rays = o3d.core.Tensor.from_numpy(_rays(origins_m, directions))
        return np.asarray(self._scene.test_occlusions(rays, tnear=t_near, tfar=t_far).numpy(), dtype=bool)


def _rays(origins_m: ArrayLike, directions: ArrayLike) -> NDArray[np.float32]:
    origins, towards = np.asarray(origins_m), np.asarray(directions)
    rays = np.empty((*np.broadcast_shapes(origins.shape, towards.shape)[:-1], 6), np.float32)
    rays[..., :3], rays[..., 3:] = origins, towards
    return rays


def camera_rays(
    camera: Pinhole,
    T_base_cam: Array,
    window_xyxy: tuple[int, int, int, int] | None = None,
    subpixel_offset: tuple[float, float] = (0.0, 0.0),
) -> tuple[Array, Array]:
    """Origin [3] and directions [h,w,3] in base of the rays through a window's pixel centres plus an offset.

    Directions have z = 1 in the camera, so `Hits.t` is depth along z in metres. window_xyxy: half-open pixel
    ranges x0, y0, x1, y1, None for the whole image. subpixel_offset: x and y in pixels.
    """
    x0, y0, x1, y1 = window_xyxy or (0, 0, *camera.size_wh)
    width, height = camera.size_wh
    inside = x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height
    if inside and subpixel_offset == (0.0, 0.0):
        rays_cam = camera.rays[y0:y1, x0:x1]
    else:
        grid = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1) + np.asarray(
            subpixel_offset
        )
        rays_cam = camera.unproject(grid).reshape(y1 - y0, x1 - x0, 3)
    return T_base_cam[:3, 3].copy(), rays_cam @ T_base_cam[:3, :3].T


def render_ids(bodies: Sequence[Mesh], camera: Pinhole, T_base_cam: Array) -> Hits:
    """What the camera sees [H,W]: which body (in base), at which depth along z (`Hits.t`)."""
    return Raycaster(bodies).cast(*camera_rays(camera, T_base_cam))
