"""Which instance each pixel of a picture shows, from rays through the lens on to meshes."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import Mask
from synth.geometry.pinhole import Pinhole
from synth.geometry.posed_bodies import Places, PosedBodies, PosedBody
from synth.geometry.raycast import Hits
from synth.geometry.se3 import Array

SUBPIXELS = 4
"""Rays along each side of a pixel that lies on an edge between two instances or an instance and the rest."""

SPECK_PX = 4
"""Fewer pixels than this, apart from the rest of a part, are not labelled: a glimpse through another's hole
would stretch a box to nowhere."""

Ids = NDArray[np.int32]


class InstanceCaster:
    """Rays of one camera against bodies; a pixel is of what fills most of it, on edges by SUBPIXELS² rays.

    T_base_cam: of the camera. instances: the number of each body, 0 for what is only in the way.
    """

    def __init__(
        self, camera: Pinhole, T_base_cam: Array, bodies: Sequence[PosedBody], instances: Sequence[int]
    ) -> None:
        self._camera, self._T_base_cam = camera, T_base_cam
        self._bodies, self._instances = bodies, instances
        self._seen = PosedBodies(camera, T_base_cam, bodies)
        self._place = np.full(camera.size_wh[::-1], -1, np.int32)
        self._rays_met = np.empty((0, SUBPIXELS**2), np.int32)

    @property
    def hits(self) -> Hits:
        """What the rays through pixel centres hit [H,W]; `Hits.t` is depth along z in metres."""
        return self._seen.hits

    def see_all(self) -> tuple[Ids, NDArray[np.float32]]:
        """Instance [H,W] of each pixel, and depth [H,W] in metres along z at its centre, inf for nothing."""
        return self.see_as(self._instances), self.hits.t

    def see_as(self, numbers: Sequence[int]) -> Ids:
        """The number [H,W] of what fills most of each pixel, 0 for nothing. numbers: one a body, 0 or more;
        of equal shares the highest wins.
        """
        number_of_body = np.array([*numbers, 0], dtype=np.int32)
        ids = number_of_body[self.hits.body]
        rows, columns = np.nonzero(_on_edges(ids))
        ids[rows, columns] = _find_most(number_of_body[self._look_again(rows, columns)])
        return ids

    def see_alone(self, i: int) -> Mask:
        """The pixels [H,W] that the body of an index would fill with nothing before it."""
        width, height = self._camera.size_wh
        alone = np.zeros((height, width), dtype=bool)
        seen = PosedBodies(self._camera, self._T_base_cam, [self._bodies[i]])
        if seen.window is not None:
            x0, y0, x1, y1 = seen.window
            part = alone[y0:y1, x0:x1]
            part[:] = seen.hits.body[y0:y1, x0:x1] == 0
            rows, columns = np.nonzero(_on_edges(part))
            part[rows, columns] = _find_most(self._look_near(seen, rows + y0, columns + x0) + 1) == 1
        return alone

    def area_alone(self, i: int) -> int:
        """How many pixels those are."""
        return int(self.see_alone(i).sum())

    def _look_again(self, rows: Places, columns: Places) -> Ids:
        """The body [N,SUBPIXELS²] that each ray of some pixels [N] meets; each pixel is looked at once."""
        is_new = self._place[rows, columns] < 0
        new = rows[is_new], columns[is_new]
        self._place[new] = len(self._rays_met) + np.arange(len(new[0]))
        self._rays_met = np.concatenate([self._rays_met, self._look_near(self._seen, *new)])
        return self._rays_met[self._place[rows, columns]]

    def _look_near(self, seen: PosedBodies, rows: Places, columns: Places) -> Ids:
        """The body [N,SUBPIXELS²] that each ray of some pixels [N] meets, −1 for none."""
        steps = (np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        return seen.find(rows, columns, self._rays_near(rows, columns, offsets))

    def _rays_near(self, rows: Places, columns: Places, offsets_xy: Array) -> Array:
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


def _find_most(numbers: Ids) -> Ids:
    """The number [N] that is the commonest in each row [N,S]; of equal shares the highest, so that a part
    that fills half a pixel has it.
    """
    highest = int(numbers.max(initial=0))
    counts = np.stack([(numbers == value).sum(axis=1) for value in range(highest + 1)])
    return np.asarray(highest - counts[::-1].argmax(axis=0), np.int32)


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
