"""What each object of a picture fills and what is seen of it, as bop_toolkit defines both.

Of its calc_gt_masks.py and calc_gt_info.py (thodan/bop_toolkit, MIT; nothing is copied): ``mask`` is where
the ray through the middle of a pixel meets the mesh in its pose, whatever stands before it. ``mask_visib`` is
where, of these, the depth image has nothing or nothing that is more than `TOLERANCE_MM` nearer, both as
distances from the camera (its mode bop19). Whole silhouettes are counted on a canvas three times as wide and
as high as the image, around it.

Middles of pixels lie at integers, as in the toolkit's own projections and distances; its OpenGL renderers put
them at x + 0.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.dataset.sample import Instance
from synth.geometry import se3
from synth.geometry.boxes import Mask, tight_box
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Raycaster, camera_rays
from synth.geometry.se3 import Array

TOLERANCE_MM = 15.0
"""How much nearer than a surface a depth image may be and still show it; the toolkit's ``delta``."""

MM_PER_M = 1000.0

UNSEEN = (-1, -1, -1, -1)
"""The box of what is not seen."""

_MARGIN_PX = 2
_NEAR_M = 0.01


@dataclass(frozen=True, eq=False)
class Silhouette:
    """One object alone, in a window of the canvas.

    depth_mm: float32 [h,w] along z, 0 beside the object. left, top: the window's first column and row in
    pixels of the image, negative where it begins outside.
    """

    depth_mm: NDArray[np.float32]
    left: int
    top: int

    def within(self, size_wh: tuple[int, int]) -> NDArray[np.float32]:
        """The depth [H,W] in the image, mm along z, 0 beside the object."""
        width, height = size_wh
        image = np.zeros((height, width), np.float32)
        bottom, right = np.add(self.depth_mm.shape, (self.top, self.left))
        x0, y0, x1, y1 = max(self.left, 0), max(self.top, 0), min(right, width), min(bottom, height)
        if x0 < x1 and y0 < y1:
            image[y0:y1, x0:x1] = self.depth_mm[
                y0 - self.top : y1 - self.top, x0 - self.left : x1 - self.left
            ]
        return image


class Silhouettes:
    """Objects by class, each seen alone. meshes: in metres, in their own frames."""

    def __init__(self, meshes: Mapping[str, Mesh]) -> None:
        self._meshes = meshes
        self._casters = {name: Raycaster([mesh]) for name, mesh in meshes.items()}

    def see(self, class_name: str, T_cam_part: Array, camera: Pinhole) -> Silhouette | None:
        """An object in its pose before a camera without distortion; None for a class without a mesh."""
        if class_name not in self._casters:
            return None
        x0, y0, x1, y1 = _window(se3.transform(T_cam_part, self._meshes[class_name].vertices_m), camera)
        rays = camera_rays(camera, se3.inverse(T_cam_part), (x0, y0, x1, y1))
        depth_m = self._casters[class_name].cast(*rays).t
        return Silhouette(np.where(np.isfinite(depth_m), depth_m * MM_PER_M, 0).astype(np.float32), x0, y0)


def see_through_depth(alone_mm: NDArray[np.float32], depth_mm: NDArray[np.float32], camera: Pinhole) -> Mask:
    """[H,W] where an object is visible by a depth image.

    alone_mm: its own depth, `Silhouette.within`. depth_mm: of the picture; both float32 [H,W] along z, 0 =
    missing.
    """
    distance = np.linalg.norm(camera.rays, axis=-1)
    nearer = (distance * alone_mm).astype(np.float32) - (distance * depth_mm).astype(np.float32)
    return np.asarray((alone_mm > 0) & ((nearer <= TOLERANCE_MM) | (depth_mm == 0)))


def describe(
    instance: Instance,
    silhouette: Silhouette | None,
    visible: Mask | None,
    depth_mm: NDArray[np.float32] | None,
) -> dict[str, Any]:
    """The entry of scene_gt_info.json: all of it where silhouette, visible [H,W] and depth [H,W] are known,
    what the dataset says where they are not.
    """
    info: dict[str, Any] = {
        "bbox_visib": _box_of_edges(np.asarray(instance.box_xyxy_px)),
        "visib_fract": instance.visib_fract,
    }
    if visible is not None:
        info |= {"bbox_visib": _box_of(visible), "px_count_visib": int(visible.sum())}
    if silhouette is not None:
        whole = silhouette.depth_mm > 0
        info |= {
            "bbox_obj": _box_of(whole, silhouette.left, silhouette.top),
            "px_count_all": int(whole.sum()),
        }
        if visible is not None:
            info["visib_fract"] = info["px_count_visib"] / max(info["px_count_all"], 1)
            if not visible.any():
                info["bbox_obj"] = [*UNSEEN]  # So the toolkit has it.
        if depth_mm is not None:
            height, width = depth_mm.shape
            n_valid = np.count_nonzero((silhouette.within((width, height)) > 0) & (depth_mm > 0))
            info["px_count_valid"] = int(n_valid)
    return info


def _box_of(mask: Mask, left: int = 0, top: int = 0) -> list[int]:
    box = tight_box(mask)
    return [*UNSEEN] if box is None else _box_of_edges(box + np.array([left, top, left, top]))


def _box_of_edges(box_xyxy_px: Array) -> list[int]:
    """First column and row, then last minus first, as the toolkit's calc_2d_bbox has them."""
    first, last = np.floor(box_xyxy_px[:2]), np.ceil(box_xyxy_px[2:]) - 1
    return [int(v) for v in (*first, *(last - first))]


def _window(vertices_cam_m: Array, camera: Pinhole) -> tuple[int, int, int, int]:
    """The pixels x0, y0, x1, y1 of the canvas that a body may fill; all where the body reaches the camera."""
    width, height = camera.size_wh
    low, high = np.array([-width, -height]), np.array([2 * width, 2 * height])
    if (vertices_cam_m[:, 2] <= _NEAR_M).any():
        return -width, -height, 2 * width, 2 * height
    pixels = camera.project(vertices_cam_m)
    x0, y0 = np.clip(np.floor(pixels.min(axis=0)) - _MARGIN_PX, low, high - 1).astype(int)
    x1, y1 = np.clip(np.ceil(pixels.max(axis=0)) + _MARGIN_PX + 1, (x0 + 1, y0 + 1), high).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
