"""Which instance each pixel of a picture shows, from rays through the lens on to meshes."""

from collections.abc import Sequence
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry import se3
from synth.geometry.boxes import Mask
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Hits, Raycaster, camera_rays
from synth.geometry.se3 import Array

SUBPIXELS = 4
"""Rays along each side of a pixel that lies on an edge between two instances or an instance and the rest."""

SPECK_PX = 4
"""Fewer pixels than this, apart from the rest of a part, are not labelled: a glimpse through another's hole
would stretch a box to nowhere."""

_MARGIN_PX = 3
_BEYOND = 1.5

Ids = NDArray[np.int32]


class InstanceCaster:
    """Rays of one camera against bodies; a pixel is of what fills most of it, on edges by SUBPIXELS² rays.

    T_base_cam: of the camera. bodies: in base. instances: the number of each, 0 for what is only in the way.
    """

    def __init__(
        self, camera: Pinhole, T_base_cam: Array, bodies: Sequence[Mesh], instances: Sequence[int]
    ) -> None:
        self._camera, self._T_base_cam = camera, T_base_cam
        self._bodies = Raycaster(bodies)
        self._instances = instances

    @cached_property
    def hits(self) -> Hits:
        """What the rays through pixel centres hit [H,W]; `Hits.t` is depth along z in metres."""
        return self._bodies.cast(*camera_rays(self._camera, self._T_base_cam))

    def see_all(self) -> tuple[Ids, NDArray[np.float32]]:
        """Instance [H,W] of each pixel, and depth [H,W] in metres along z at its centre, inf for nothing."""
        return self.see_as(self._instances), self.hits.t

    def see_as(self, numbers: Sequence[int]) -> Ids:
        """The number [H,W] of what fills most of each pixel, 0 for nothing. numbers: one a body, 0 or more;
        of equal shares the highest wins.
        """
        number_of_body = np.array([*numbers, 0], dtype=np.int32)
        whole = (0, 0, *self._camera.size_wh)
        return self._refined(number_of_body[self.hits.body], whole, self._bodies, number_of_body)

    def see_alone(self, mesh_base: Mesh) -> Mask:
        """The pixels [H,W] that a body would fill with nothing before it."""
        width, height = self._camera.size_wh
        alone = np.zeros((height, width), dtype=bool)
        if (window := self._window(mesh_base)) is not None:
            x0, y0, x1, y1 = window
            caster, instance = Raycaster([mesh_base]), np.array([1, 0], dtype=np.int32)
            ids = instance[caster.cast(*camera_rays(self._camera, self._T_base_cam, window)).body]
            alone[y0:y1, x0:x1] = self._refined(ids, window, caster, instance) == 1
        return alone

    def area_alone(self, mesh_base: Mesh) -> int:
        """How many pixels those are."""
        return int(self.see_alone(mesh_base).sum())

    def _refined(
        self, ids: Ids, window: tuple[int, int, int, int], caster: Raycaster, instance_of_body: Ids
    ) -> Ids:
        """Instances [h,w] of a window with its edge pixels decided by the majority of SUBPIXELS² rays."""
        rows, columns = np.nonzero(_on_edges(ids))
        if len(rows) == 0:
            return ids
        steps = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        rays = self._rays_near(rows + window[1], columns + window[0], offsets)
        directions = rays @ self._T_base_cam[:3, :3].T
        seen = instance_of_body[caster.cast(self._T_base_cam[:3, 3], directions).body]
        counts = np.stack([(seen == value).sum(axis=1) for value in range(int(instance_of_body.max()) + 1)])
        # Of equal shares the higher number wins, so that a part that fills half a pixel has it.
        winner = len(counts) - 1 - counts[::-1].argmax(axis=0)
        refined = ids.copy()
        refined[rows, columns] = winner
        return refined

    def _rays_near(self, rows: NDArray[np.intp], columns: NDArray[np.intp], offsets_xy: Array) -> Array:
        """Rays [N,S,3] with z = 1 through pixels [N] moved by offsets [S,2] of less than a pixel.

        Straight from pixel to pixel: across one pixel a lens bends a ray by less than 1e-4 of it.
        """
        rays = self._camera.rays
        height, width = rays.shape[:2]
        left, right = np.maximum(columns - 1, 0), np.minimum(columns + 1, width - 1)
        above, below = np.maximum(rows - 1, 0), np.minimum(rows + 1, height - 1)
        along_x = (rays[rows, right] - rays[rows, left]) / (right - left)[:, None]
        along_y = (rays[below, columns] - rays[above, columns]) / (below - above)[:, None]
        x, y = offsets_xy[:, 0, None], offsets_xy[:, 1, None]
        return np.asarray(rays[rows, columns][:, None] + along_x[:, None] * x + along_y[:, None] * y)

    def _window(self, mesh_base: Mesh) -> tuple[int, int, int, int] | None:
        """The pixels that a body may fill, None where it is out of view."""
        width, height = self._camera.size_wh
        points = se3.transform(se3.inverse(self._T_base_cam), mesh_base.vertices_m)
        reach = self._camera.reach * _BEYOND
        if (points[:, 2] <= 0.01).any() or (np.abs(points[:, :2]) > reach * points[:, 2:]).any():
            return 0, 0, width, height  # The lens model says nothing about places this far out of view.
        pixels = self._camera.project(points)
        x0, y0 = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - _MARGIN_PX, 0)
        x1, y1 = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + _MARGIN_PX + 1, (width, height))
        return (int(x0), int(y0), int(x1), int(y1)) if x0 < x1 and y0 < y1 else None


def without_specks(mask: Mask) -> Mask:
    """A mask [H,W] without connected pieces of fewer than SPECK_PX pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(mask & (stats[:, cv2.CC_STAT_AREA] >= SPECK_PX)[labels])


def _on_edges(ids: Ids) -> Mask:
    """[h,w] the pixels with a neighbour, straight or diagonal, of another instance."""
    padded = np.pad(ids, 1, mode="edge")
    height, width = ids.shape
    edges = np.zeros(ids.shape, dtype=bool)
    for dy in range(3):
        for dx in range(3):
            edges |= padded[dy : dy + height, dx : dx + width] != ids
    return edges
