"""Exact labels of a scene: rays cast through the distorted camera on to the very bodies that are rendered."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.cell.mesh import label_normal_part
from synth.cell.model import Cell
from synth.dataset.posed import PartLabel, cut_crops, describe_posed
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Instance
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.boxes import inside_image, square_box, tight_box
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.posed_bodies import PosedBody
from synth.geometry.raycast import camera_rays
from synth.geometry.se3 import Array
from synth.geometry.visible import InstanceCaster, without_specks
from synth.sim.furnish import pinhole_of
from synth.sim.meshes import Meshes
from synth.sim.pixel_classes import PixelClasses
from synth.sim.scene import TABLE_REACH_M, Scene, SceneBody

DEPTH_RANGE_M = (0.20, 9.0)

PartLabels = Mapping[str, PartLabel]
"""What is labelled on each mesh that is a part, by the mesh's name."""


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
    _scene: Scene
    _camera: Pinhole
    _caster: InstanceCaster
    _table_m: NDArray[np.float32]

    def depth_counts(self, depth_scale_m: float) -> NDArray[np.uint16]:
        """Depth [H,W] as a sensor counts it: ``depth_scale_m`` metres a count, 0 = missing."""
        counts = np.round(self.depth_m / np.float64(depth_scale_m))
        return np.where(counts <= 65535, counts, 0).astype(np.uint16)

    def crops(self, rgb_u8: NDArray[np.uint8]) -> list[NDArray[np.uint8] | None]:
        """The rectified crop [224,224,3] of each instance that has one, from the picture [H,W,3]."""
        return cut_crops(self.instances, rgb_u8, self._camera)

    def semantic(self, classes: PixelClasses) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """The class [H,W] of each pixel, an index of ``classes.names`` or void: of what fills most of it.

        Of equal shares the class that is named first has it. A pixel of ``mask`` is always of its part's.
        """
        semantic, highest = classes.semantic, len(classes.names)
        ids = {name: i for i, name in enumerate(classes.names)} | {None: semantic.void}
        numbers = [highest - ids[classes.of_mesh[body.mesh]] for body in self._scene.bodies]
        seen = self._caster.see_as(numbers)
        behind = np.where(np.isfinite(self._table_m), ids[classes.behind], ids[classes.beyond])
        hits = self._caster.hits
        below_table = hits.valid & (self._table_m < hits.t)
        found = np.where((seen > 0) & ~below_table, highest - seen, behind)
        return found.astype(np.uint8) if semantic.void == 255 else found.astype(np.uint16)

    def normals(self) -> NDArray[np.float32]:
        """The normal [H,W,3] of the triangle or table at each pixel's centre: unit, in camera axes, towards
        the camera; 0 0 0 for none.
        """
        T_base_cam = np.asarray(self._scene.camera.T_base_cam)
        hits = self._caster.hits
        R_base_cam = T_base_cam[:3, :3].astype(np.float32)
        normals = (hits.normals.reshape(-1, 3) @ R_base_cam).reshape(hits.normals.shape)
        table = np.asarray(self._scene.table_normal) / np.linalg.norm(self._scene.table_normal)
        if table @ (T_base_cam[:3, 3] - np.asarray(self._scene.table_point_m)) < 0:
            table = -table
        np.copyto(normals, table @ R_base_cam, where=(self._table_m < hits.t)[..., None])
        return np.asarray(normals)


def cell_labels(cell: Cell, meshes: Meshes) -> dict[str, PartLabel]:
    """What a cell file says is labelled on its part. Raises InputError for a face that is none."""
    point_m = np.asarray(cell.part.point_of_interest_m)
    return {"part": PartLabel(cell.part.class_name, label_normal_part(cell, meshes["part"]), point_m)}


def label_scene(scene: Scene, meshes: Meshes, labels: PartLabels, *, demand_part: bool = True) -> SceneLabels:
    """Masks, boxes, poses, normals and depth of a scene.

    Boxes are those of the mask less its specks, with integer edges as capture writes them. visib_fract: mask
    area over that of the part alone, both within the image.

    demand_part: raise InputError for a scene that shows the whole square box of no part.
    """
    camera, T_base_cam = pinhole_of(scene.camera), np.asarray(scene.camera.T_base_cam)
    caster = InstanceCaster(
        camera,
        T_base_cam,
        [PosedBody(meshes[body.mesh], np.asarray(body.T_base_body)) for body in scene.bodies],
        [body.instance for body in scene.bodies],
    )
    ids, body_m = caster.see_all()
    table_m = _table_m(scene, *camera_rays(camera, T_base_cam))
    depth_m = np.minimum(body_m, table_m)
    near, far = DEPTH_RANGE_M
    depth_m = np.where((depth_m >= near) & (depth_m <= far), depth_m, 0).astype(np.float32)
    kept: list[Instance] = []
    mask = np.zeros(ids.shape, dtype=np.uint16)
    n_unlabelled = 0
    of_parts = [(i, body) for i, body in enumerate(scene.bodies) if body.instance]
    for i, body in sorted(of_parts, key=lambda part: part[1].instance):
        visible = ids == body.instance
        box = tight_box(without_specks(visible))
        if box is None:
            continue
        square = square_box(box)
        n_alone = caster.area_alone(i)
        visib_fract = min(float(visible.sum()) / n_alone, 1.0) if n_alone else 0.0
        is_inside = inside_image(square, camera.size_wh)
        n_unlabelled += visib_fract < MIN_VISIBLE_FOR_LABEL or not is_inside
        if is_inside:
            T_cam_part = se3.inverse(T_base_cam) @ np.asarray(body.T_base_body)
            kept.append(describe_posed(labels[body.mesh], T_cam_part, camera, box, square, visib_fract))
            mask[visible] = len(kept)
    if demand_part and not kept:
        raise InputError(
            f"Scene {scene.name} does not show the whole square box of its part: it was changed after its "
            "pose was chosen; randomise less or move the camera away."
        )
    return SceneLabels(tuple(kept), mask, depth_m, n_unlabelled, scene, camera, caster, table_m)


def _table_m(scene: Scene, origin_m: Array, directions: Array) -> NDArray[np.float32]:
    """Depth [H,W] of the table along rays, inf beside it."""
    normal, point_m = np.asarray(scene.table_normal), np.asarray(scene.table_point_m)
    gap_m = float(normal @ (point_m - origin_m))
    descent = directions @ normal
    with np.errstate(divide="ignore"):
        t = np.where(descent * gap_m > 0, gap_m / descent, np.inf)
    longest = np.sqrt(3) * np.abs(directions).max()
    may_end = np.isfinite(t) & (t * longest > TABLE_REACH_M - np.linalg.norm(origin_m - point_m))
    hit_m = origin_m + directions[may_end] * t[may_end, None]
    t[may_end] = np.where(np.linalg.norm(hit_m - point_m, axis=-1) <= TABLE_REACH_M, t[may_end], np.inf)
    return np.asarray(t, dtype=np.float32)


def placed(body: SceneBody, meshes: Meshes) -> Mesh:
    """The mesh of a body in base."""
    return meshes[body.mesh].transformed(np.asarray(body.T_base_body))
