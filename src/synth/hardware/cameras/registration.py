"""Depth moved from the depth sensor's pixels to those of the colour image.

librealsense's own ``rs.align`` is not used: it keeps the depth sensor's z instead of the colour camera's, and
in 2.54.2 it takes the depth unit from the frame, which a software device cannot set from Python, and then
puts every pixel at (0, 0).
"""

import numpy as np
from numpy.typing import NDArray

from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

# Footprints are drawn larger than they are at the principal point, so that distortion tears no gaps.
_OVERLAP = 1.15


class Registration:
    """Registers depth counts to a colour camera: forward projection of pixel footprints, the nearest wins.

    depth, color: intrinsics, the colour ones with distortion. T_cam_depth: depth-sensor points to colour
    camera [4,4]. depth_scale_m: metres per count.
    """

    def __init__(self, depth: Pinhole, color: Pinhole, T_cam_depth: Array, depth_scale_m: float) -> None:
        self._color = color
        self._shape_hw = depth.size_wh[::-1]
        self._scale_m = depth_scale_m
        self._rays_cam = (
            (depth.rays.reshape(-1, 3) @ T_cam_depth[:3, :3].T).astype(np.float32).T.copy()
        )  # [3,h*w]
        self._t_cam_m = T_cam_depth[:3, 3].astype(np.float32)
        self._half_wh = [0.5 * _OVERLAP * color.K[i, i] / depth.K[i, i] for i in range(2)]

    def __call__(self, counts: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Counts [H,W] along the colour camera's z axis from counts [h,w] along the sensor's; 0 stays 0."""
        assert counts.shape == self._shape_hw
        flat = counts.ravel()
        seen = np.flatnonzero(flat)
        z_m = flat[seen] * np.float32(self._scale_m)
        points_cam_m = self._rays_cam[:, seen] * z_m + self._t_cam_m[:, None]  # [3,n]
        in_front = points_cam_m[2] > 0.01
        u, v = _project(points_cam_m[:, in_front], self._color)
        z_counts = np.clip(np.rint(points_cam_m[2, in_front] / self._scale_m), 1, 65534).astype(np.uint16)
        return self._splat(u, v, z_counts)

    def _splat(
        self, u: NDArray[np.float32], v: NDArray[np.float32], z_counts: NDArray[np.uint16]
    ) -> NDArray[np.uint16]:
        width, height = self._color.size_wh
        nearest = np.full(width * height, 65535, dtype=np.uint16)
        half_w, half_h = self._half_wh
        left, top = np.ceil(u - half_w).astype(np.int32), np.ceil(v - half_h).astype(np.int32)
        for dy in range(int(np.ceil(2 * half_h))):
            y = top + dy
            row_ok = (y >= 0) & (y < height) & (y < v + half_h)
            for dx in range(int(np.ceil(2 * half_w))):
                x = left + dx
                ok = row_ok & (x >= 0) & (x < width) & (x < u + half_w)
                np.minimum.at(nearest, (y * width + x)[ok], z_counts[ok])
        nearest[nearest == 65535] = 0
        return nearest.reshape(height, width)


def _project(
    points_m: NDArray[np.float32], camera: Pinhole
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pixels (u, v) of points [3,n]: OpenCV's model in float32, some ten times faster than its function."""
    k1, k2, p1, p2, k3 = camera.dist.astype(np.float32)
    x, y = points_m[0] / points_m[2], points_m[1] / points_m[2]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    xy2 = 2 * x * y
    u = camera.K[0, 0] * (x * radial + p1 * xy2 + p2 * (r2 + 2 * x * x)) + camera.K[0, 2]
    v = camera.K[1, 1] * (y * radial + p2 * xy2 + p1 * (r2 + 2 * y * y)) + camera.K[1, 2]
    return u.astype(np.float32), v.astype(np.float32)
