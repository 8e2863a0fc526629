"""Where the CAD says the part is in the image: its outline, what hides it, and the face of interest.

The prediction runs through the calibration: the measured TCP pose, the places of part and camera, and the
camera's intrinsics. The nominal arm hides what stands behind it.
"""

from dataclasses import dataclass

import numpy as np

from synth.cell.mesh import CellBodies, face_of_interest
from synth.cell.model import Cell
from synth.cell.places import T_base_cam, T_base_part
from synth.geometry import se3
from synth.geometry.arm import Capsules, link_capsules
from synth.geometry.boxes import Mask
from synth.geometry.clearance import segment_distance_m
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Hits, Raycaster, camera_rays
from synth.geometry.se3 import Array

_MARGIN_PX = 4


@dataclass(frozen=True, eq=False)
class Silhouette:
    """The predicted part in one shot; masks [h,w] lie in the image window ``window_xyxy`` (integer edges).

    part: the part alone, nothing in front of it. visible: what mount and arm leave of it. face: the visible
    pixels of the face of interest. rays_cam: [h,w,3] with z = 1 through the pixel centres.
    """

    window_xyxy: tuple[int, int, int, int]
    part: Mask
    visible: Mask
    face: Mask
    rays_cam: Array

    def in_image(self, mask: Mask, size_wh: tuple[int, int]) -> Mask:
        """A window mask [h,w] set into a whole image [H,W]."""
        x0, y0, x1, y1 = self.window_xyxy
        full = np.zeros((size_wh[1], size_wh[0]), dtype=bool)
        full[y0:y1, x0:x1] = mask
        return full


class SilhouetteCaster:
    """Casts one cell's part into one camera; everything that does not change between shots is built once."""

    def __init__(self, cell: Cell, bodies: CellBodies, camera: Pinhole) -> None:
        self._camera, self._cell = camera, cell
        self._part_points_m = bodies.part.vertices_m
        self._part = Raycaster([bodies.part])
        self._mount = Raycaster([bodies.mount.transformed(np.asarray(cell.mount.T_tool_mount))])
        triangles, _ = face_of_interest(bodies.part, np.asarray(cell.part.point_of_interest_m))
        self._face_triangles = np.asarray(triangles)

    def cast(self, T_base_tool: Array, q_rad: Array) -> Silhouette | None:
        """The part as the camera should see it with the tool at ``T_base_tool`` [4,4]; None if out of view.

        q_rad [6] places the nominal links that may hide it.
        """
        T_cam, T_part = T_base_cam(self._cell, T_base_tool), T_base_part(self._cell, T_base_tool)
        window = self._window(se3.inverse(T_cam) @ T_part)
        if window is None:
            return None
        origin_m, directions = camera_rays(self._camera, T_cam, window)
        on_part = _cast(self._part, T_part, origin_m, directions)
        on_mount = _cast(self._mount, T_base_tool, origin_m, directions)
        visible = on_part.valid & (on_part.t < on_mount.t)
        links = link_capsules(q_rad, self._cell.robot.arm)
        t_hit = on_part.t[visible].astype(np.float64)
        visible[visible] = ~_behind_links(origin_m, directions[visible], t_hit, links)
        face = visible & np.isin(on_part.triangle, self._face_triangles)
        return Silhouette(window, on_part.valid, visible, face, directions @ T_cam[:3, :3])

    def _window(self, T_cam_part: Array) -> tuple[int, int, int, int] | None:
        points_cam_m = se3.transform(T_cam_part, self._part_points_m)
        if points_cam_m[:, 2].min() <= 0:
            return None
        pixels = self._camera.project(points_cam_m)
        width, height = self._camera.size_wh
        x0, y0 = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - _MARGIN_PX, 0)
        x1, y1 = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + _MARGIN_PX, (width, height))
        return (int(x0), int(y0), int(x1), int(y1)) if x0 < x1 and y0 < y1 else None


def _cast(caster: Raycaster, T_base_body: Array, origin_m: Array, directions: Array) -> Hits:
    """Hits of rays [h,w,3] from a point, both in base, on a body in its own frame."""
    T_body_base = se3.inverse(T_base_body)
    turned = directions @ T_body_base[:3, :3].T
    return caster.cast(np.broadcast_to(se3.transform(T_body_base, origin_m), turned.shape), turned)


def _behind_links(origin_m: Array, directions: Array, t_hit: Array, links: Capsules) -> Mask:
    """Whether each sight line [N,3] from ``origin_m`` meets a nominal link before the part.

    The last centimetre before the part is left out.
    """
    reach = t_hit - 0.01 / np.linalg.norm(directions, axis=1)
    ends_m = origin_m + directions * reach[:, None]
    gaps_m = segment_distance_m(origin_m, ends_m[:, None], links.a_m, links.b_m)  # [N,L]
    return np.asarray((gaps_m < links.radius_m).any(axis=1))
