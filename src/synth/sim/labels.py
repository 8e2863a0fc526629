"""Exact labels of a scene: rays cast through the distorted camera on to the very bodies that are rendered."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.cell.mesh import label_normal_part
from synth.cell.model import Cell
from synth.dataset.sample import MIN_VISIBLE_FOR_CROP, MIN_VISIBLE_FOR_LABEL, MIN_W_FOR_CROP, Instance
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.boxes import Mask, inside_image, square_box, tight_box
from synth.geometry.frames import uvw_from_cam
from synth.geometry.mesh import Mesh
from synth.geometry.normals import CROP_SIZE_PX, crop_camera, make_crop
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Raycaster, camera_rays
from synth.geometry.se3 import Array
from synth.sim.furnish import pinhole_of
from synth.sim.meshes import Meshes
from synth.sim.scene import Scene, SceneBody

SUBPIXELS = 4
"""Rays along each side of a pixel that lies on an edge between two instances or an instance and the rest."""

SPECK_PX = 4
"""Fewer pixels than this, apart from the rest of a part, are not labelled: a glimpse through another's hole
would stretch a box to nowhere."""

DEPTH_RANGE_M = (0.20, 9.0)
_MARGIN_PX = 3
_BEYOND = 1.5

Ids = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class SceneLabels:
    """What is written beside the picture of a scene.

    instances: those that a dataset can hold, in the scene's order: something of them is seen and their square
    box lies in the image. mask: [H,W] uint16, place in ``instances`` + 1. depth_m: [H,W] float32 along z,
    0 = missing. n_unlabelled: parts that are seen but are no instance or visible to less than 0.25, so that
    they get no line in labels/.
    """

    instances: tuple[Instance, ...]
    mask: NDArray[np.uint16]
    depth_m: NDArray[np.float32]
    n_unlabelled: int
    _camera: Pinhole

    def depth_counts(self, depth_scale_m: float) -> NDArray[np.uint16]:
        """Depth [H,W] as a sensor counts it: ``depth_scale_m`` metres a count, 0 = missing."""
        counts = np.round(self.depth_m / np.float64(depth_scale_m))
        return np.where(counts <= 65535, counts, 0).astype(np.uint16)

    def crops(self, rgb_u8: NDArray[np.uint8]) -> list[NDArray[np.uint8] | None]:
        """The rectified crop [224,224,3] of each instance that has one, from the picture [H,W,3]."""
        return [
            None if i.R_crop_cam is None else make_crop(rgb_u8, self._camera, i.square_xyxy_px)[0]
            for i in self.instances
        ]


def label_scene(scene: Scene, meshes: Meshes, cell: Cell) -> SceneLabels:
    """Masks, boxes, poses, normals and depth of a scene.

    A pixel belongs to what fills most of it, by SUBPIXELS² rays on edges. Boxes are those of the mask less
    its specks, with integer edges as capture writes them. visib_fract: mask area over that of the part alone,
    both within the image.

    Raises InputError when a scene that shows one part does not show its whole square box.
    """
    caster = _Caster(scene, meshes)
    ids, depth_m = caster.see_all()
    normal_part = label_normal_part(cell, meshes["part"])
    kept: list[Instance] = []
    mask = np.zeros(ids.shape, dtype=np.uint16)
    n_unlabelled = 0
    for body in sorted((b for b in scene.bodies if b.instance), key=lambda b: b.instance):
        visible = ids == body.instance
        box = tight_box(_without_specks(visible))
        if box is None:
            continue
        square = square_box(box)
        n_alone = caster.area_alone(body)
        visib_fract = min(float(visible.sum()) / n_alone, 1.0) if n_alone else 0.0
        n_unlabelled += visib_fract < MIN_VISIBLE_FOR_LABEL or not inside_image(square, caster.camera.size_wh)
        if inside_image(square, caster.camera.size_wh):
            kept.append(_instance(body, scene, cell, caster.camera, box, square, visib_fract, normal_part))
            mask[visible] = len(kept)
    if scene.scenario != "bin" and not kept:
        raise InputError(
            f"Scene {scene.name} does not show the whole square box of its part: it was changed after its "
            "pose was chosen; randomise less or move the camera away."
        )
    return SceneLabels(tuple(kept), mask, depth_m, n_unlabelled, caster.camera)


def _instance(
    body: SceneBody,
    scene: Scene,
    cell: Cell,
    camera: Pinhole,
    box: Array,
    square: Array,
    visib_fract: float,
    normal_part: Array,
) -> Instance:
    T_cam_part = se3.inverse(np.asarray(scene.camera.T_base_cam)) @ np.asarray(body.T_base_body)
    normal_cam = T_cam_part[:3, :3] @ normal_part
    point_cam_m = se3.transform(T_cam_part, np.asarray(cell.part.point_of_interest_m))
    point_px = camera.project(point_cam_m)[0]
    crop = {}
    if visib_fract >= MIN_VISIBLE_FOR_CROP and uvw_from_cam(normal_cam)[2] > MIN_W_FOR_CROP:
        pinhole, R_crop_cam = crop_camera(camera, square)
        crop_px = pinhole.project(R_crop_cam @ point_cam_m)[0]
        crop = {
            "R_crop_cam": R_crop_cam.tolist(),
            "normal_crop_uvw": uvw_from_cam(R_crop_cam @ normal_cam).tolist(),
            "point_crop_xy": ((crop_px + 0.5) / CROP_SIZE_PX).tolist(),
        }
    return Instance(
        class_name=cell.part.class_name,
        box_xyxy_px=box.tolist(),
        square_xyxy_px=square.tolist(),
        normal_uvw=uvw_from_cam(normal_cam).tolist(),
        point_xy=((point_px + 0.5) / np.asarray(camera.size_wh)).tolist(),
        T_cam_part=T_cam_part.tolist(),
        visib_fract=visib_fract,
        **crop,
    )


class _Caster:
    """Rays of one scene's camera against its bodies and its table."""

    def __init__(self, scene: Scene, meshes: Meshes) -> None:
        self.camera = pinhole_of(scene.camera)
        self._scene, self._meshes = scene, meshes
        self._T_base_cam = np.asarray(scene.camera.T_base_cam)
        self._bodies = Raycaster([placed(body, meshes) for body in scene.bodies])
        self._instance_of_body = np.array([*(body.instance for body in scene.bodies), 0], dtype=np.int32)

    def see_all(self) -> tuple[Ids, NDArray[np.float32]]:
        """Instance [H,W] that fills most of each pixel, and depth [H,W] in metres at its centre."""
        width, height = self.camera.size_wh
        origin_m, directions = camera_rays(self.camera, self._T_base_cam)
        hits = self._bodies.cast(origin_m, directions)
        depth_m = np.minimum(hits.t, self._table_t(origin_m, directions))
        near, far = DEPTH_RANGE_M
        depth_m = np.where((depth_m >= near) & (depth_m <= far), depth_m, 0).astype(np.float32)
        ids = self._instance_of_body[hits.body]
        return self._refined(ids, (0, 0, width, height), self._bodies, self._instance_of_body), depth_m

    def area_alone(self, body: SceneBody) -> int:
        """Pixels that a body would fill with nothing before it."""
        mesh = placed(body, self._meshes)
        window = self._window(mesh)
        if window is None:
            return 0
        alone = Raycaster([mesh])
        instance = np.array([1, 0], dtype=np.int32)
        ids = instance[alone.cast(*camera_rays(self.camera, self._T_base_cam, window)).body]
        return int(self._refined(ids, window, alone, instance).sum())

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
        rays = self.camera.rays
        height, width = rays.shape[:2]
        left, right = np.maximum(columns - 1, 0), np.minimum(columns + 1, width - 1)
        above, below = np.maximum(rows - 1, 0), np.minimum(rows + 1, height - 1)
        along_x = (rays[rows, right] - rays[rows, left]) / (right - left)[:, None]
        along_y = (rays[below, columns] - rays[above, columns]) / (below - above)[:, None]
        x, y = offsets_xy[:, 0, None], offsets_xy[:, 1, None]
        return np.asarray(rays[rows, columns][:, None] + along_x[:, None] * x + along_y[:, None] * y)

    def _table_t(self, origin_m: Array, directions: Array) -> NDArray[np.float32]:
        normal = np.asarray(self._scene.table_normal)
        gap_m = float(normal @ (np.asarray(self._scene.table_point_m) - origin_m))
        descent = directions @ normal
        with np.errstate(divide="ignore"):
            t = np.where(descent * gap_m > 0, gap_m / descent, np.inf)
        return np.asarray(t, dtype=np.float32)

    def _window(self, mesh_base: Mesh) -> tuple[int, int, int, int] | None:
        """The pixels that a body may fill, None where it is out of view."""
        width, height = self.camera.size_wh
        points = se3.transform(se3.inverse(self._T_base_cam), mesh_base.vertices_m)
        reach = np.abs(self.camera.rays[..., :2]).max(axis=(0, 1)) * _BEYOND
        if (points[:, 2] <= 0.01).any() or (np.abs(points[:, :2]) > reach * points[:, 2:]).any():
            return 0, 0, width, height  # The lens model says nothing about places this far out of view.
        pixels = self.camera.project(points)
        x0, y0 = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - _MARGIN_PX, 0)
        x1, y1 = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + _MARGIN_PX + 1, (width, height))
        return (int(x0), int(y0), int(x1), int(y1)) if x0 < x1 and y0 < y1 else None


def placed(body: SceneBody, meshes: Meshes) -> Mesh:
    """The mesh of a body in base."""
    return meshes[body.mesh].transformed(np.asarray(body.T_base_body))


def _without_specks(mask: Mask) -> Mask:
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
