"""A pinhole camera with Brown–Conrady distortion, in OpenCV's conventions.

Camera frame: x right, y down, z forward, metres. Pixel centres lie at integers, so the image spans −0.5 to
W − 0.5; box edges span 0 to W, hence 0.5 is added to a projected point before it is compared with a box.
"""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.se3 import Array

Window = tuple[int, int, int, int]
"""Half-open pixel ranges: x0, y0, x1, y1."""

_MANY = 200
"""Points from which on OpenCV's call takes longer than the formula written out."""


@dataclass(frozen=True, eq=False)
class Pinhole:
    """Intrinsics of one camera.

    size_wh: image width and height in pixels. K: [3,3] in pixels. dist: OpenCV order (k1, k2, p1, p2, k3).
    """

    size_wh: tuple[int, int]
    K: Array
    dist: Array = field(default_factory=lambda: np.zeros(5))

    def project(self, points_cam_m: ArrayLike) -> Array:
        """Pixel coordinates [N,2] (centres at integers) of points [N,3] in front of the camera."""
        points = np.asarray(points_cam_m, dtype=np.float64).reshape(-1, 3)
        if len(points) > _MANY:
            return self._project_many(points)
        pixels, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), self.K, self.dist)
        return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)

    def _project_many(self, points_cam_m: Array) -> Array:
        """As OpenCV, without the derivatives that it always works out as well: a tenth of the time."""
        z = points_cam_m[:, 2]
        x, y = (points_cam_m[:, :2] * (1 / np.where(z == 0, 1.0, z))[:, None]).T
        k1, k2, p1, p2, k3 = np.asarray(self.dist, dtype=np.float64)
        r2, twice_xy = x * x + y * y, 2 * x * y
        r4 = r2 * r2
        radial = 1 + k1 * r2 + k2 * r4 + k3 * (r4 * r2)
        x_seen = x * radial + p1 * twice_xy + p2 * (r2 + 2 * x * x)
        y_seen = y * radial + p1 * (r2 + 2 * y * y) + p2 * twice_xy
        return np.stack([x_seen * self.K[0, 0] + self.K[0, 2], y_seen * self.K[1, 1] + self.K[1, 2]], axis=1)

    def derivatives(self, points_cam_m: ArrayLike) -> tuple[Array, Array]:
        """[N,2,3] of `project` by points [N,3], and [N,2,9] by fx, fy, cx, cy and k1, k2, p1, p2, k3."""
        points = np.asarray(points_cam_m, dtype=np.float64).reshape(-1, 1, 3)
        _, by_all = cv2.projectPoints(points, np.zeros(3), np.zeros(3), self.K, self.dist)
        by_all = np.asarray(by_all, dtype=np.float64).reshape(len(points), 2, -1)
        return by_all[..., 3:6], by_all[..., 6:15]

    def unproject(self, pixels_xy: ArrayLike) -> Array:
        """Rays [N,3] with z = 1, in the camera frame, through pixel coordinates [N,2], distortion removed."""
        pixels = np.asarray(pixels_xy, dtype=np.float64).reshape(-1, 1, 2)
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
        xy = cv2.undistortPointsIter(pixels, self.K, self.dist, np.eye(3), np.eye(3), criteria).reshape(-1, 2)
        return np.concatenate([xy, np.ones((len(xy), 1))], axis=1)

    @cached_property
    def rays(self) -> Array:
        """Rays [H,W,3] with z = 1, in the camera frame, through every pixel centre."""
        width, height = self.size_wh
        xy = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2)
        return self.unproject(xy).reshape(height, width, 3)

    @cached_property
    def reach(self) -> Array:
        """How far any of these rays goes to the side, [2]: the largest |x| and |y|."""
        return np.asarray(np.abs(self.rays[..., :2]).max(axis=(0, 1)))

    def window(self, low_xy: ArrayLike, high_xy: ArrayLike) -> Window | None:
        """The smallest window that holds every pixel whose ray's x and y lie between low [2] and high [2];
        None where no ray's do.
        """
        low, high = np.asarray(low_xy), np.asarray(high_xy)
        found = [
            np.flatnonzero((largest >= low[axis]) & (smallest <= high[axis]))
            for axis, (smallest, largest) in enumerate(self._spans)
        ]
        if not all(len(places) for places in found):
            return None
        columns, rows = found
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    @cached_property
    def _spans(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Smallest and largest x of the rays in each column, [W] each, and y in each row, [H] each."""
        x, y = self.rays[..., 0], self.rays[..., 1]
        return (x.min(axis=0), x.max(axis=0)), (y.min(axis=1), y.max(axis=1))
