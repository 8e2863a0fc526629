"""BOP's layout for object poses, as docs/bop_datasets_format.md of thodan/bop_toolkit describes it.

One scene a split: ``SPLIT/000000/`` with rgb/, depth/ (png · ``depth_scale`` is mm), mask_visib/ (255 where
an instance is seen), ``scene_camera.json`` (``cam_K``; ``cam_R_w2c`` and ``cam_t_w2c`` where the camera's
place is known, the world being the robot's base), ``scene_gt.json`` (``cam_R_m2c``, ``cam_t_m2c``; every
instance, hidden ones too) and ``scene_gt_info.json``. Rotations are row by row, lengths millimetres, camera
axes OpenCV's as ours. ``obj_id`` is the class's index + 1; ``dataset_info.md`` names the classes.

Boxes are those of bop_toolkit's calc_2d_bbox: the first column and row, then last minus first, one less than
the number of pixels. ``bbox_obj`` is the box of the projected mesh and may leave the image. What would need
the whole silhouette is left out: mask/, ``px_count_all``, ``px_count_valid``. models/ holds meshes in mm in
the axes of their CAD files, without symmetries.

BOP knows no lens distortion: such images are refused, or straightened with their K kept. Then colour is
interpolated, depth and masks take the nearest pixel, corners that no pixel fills are black, and
``visib_fract`` stays as it was before.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from synth.cell.model import Cell
from synth.dataset import codecs
from synth.dataset.exports.bop_models import load_models, write_models
from synth.dataset.exports.folder import link_from, new_folder
from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS
from synth.dataset.sample import Instance, Sample
from synth.errors import DatasetError, InputError
from synth.geometry import se3
from synth.geometry.boxes import tight_box
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.storage.atomic import write_bytes

MM_PER_M = 1000.0

_SCENE = "000000"
_UNSEEN = [-1, -1, -1, -1]

_Mask = NDArray[np.uint16]
_Maps = tuple[MatLike, MatLike]


def export_bop(
    dataset: DatasetReader, out: Path, *, cell: Cell | None = None, undistort: bool = False
) -> list[Path]:
    """Write the folders of the splits, models/ and dataset_info.md; return the scenes' folders.

    cell: gives the part's mesh where the dataset brings none. undistort: straighten distorted images. Raises
    InputError when ``out`` holds anything, when the cell's part is another one, or when a sample lacks what
    BOP needs; DatasetError when a file is missing or cannot be read; StorageError.
    """
    for sample in dataset:
        _refuse_unfit(dataset, sample, undistort)
    if len({int(sample.name) for sample in dataset}) < len(dataset):
        raise InputError(f"{dataset.root} has names that are one number, such as 000001 and 0000001")
    meshes = load_models(dataset, cell)
    scenes = [f"{split}/{_SCENE}" for split in SPLITS if dataset.of_split(split)]
    with new_folder(dataset, out) as folder:
        for split in SPLITS:
            if samples := dataset.of_split(split):
                _write_scene(dataset, samples, folder / split / _SCENE, meshes)
        write_models(meshes, dataset.info.classes, folder / "models")
        write_bytes(folder / "dataset_info.md", _about(dataset, meshes).encode())
    return [out / scene for scene in scenes]


def _refuse_unfit(dataset: DatasetReader, sample: Sample, undistort: bool) -> None:
    where = f"sample {sample.name} of {dataset.root}"
    if sample.K is None:
        raise InputError(f"{where} has no K, which BOP needs: export coco or yolo instead")
    if any(instance.T_cam_part is None for instance in sample.instances):
        raise InputError(
            f"{where} has an instance without T_cam_part, and BOP is about poses: export coco or yolo instead"
        )
    if not any(sample.dist or ()):
        return
    if not undistort:
        raise InputError(f"{where} is distorted, which BOP cannot say: add --undistort to straighten images")
    if sample.instances and sample.mask is None:
        raise InputError(f"{where} has no mask, so that its boxes cannot be straightened with the image")


def _write_scene(
    dataset: DatasetReader, samples: Sequence[Sample], scene: Path, meshes: Mapping[str, Mesh]
) -> None:
    cameras, truths, infos = {}, {}, {}
    for sample in samples:
        mask = _write_images(dataset, sample, scene)
        number = int(sample.name)
        cameras[number] = _camera(dataset, sample)
        truths[number] = [_pose(dataset, instance) for instance in sample.instances]
        infos[number] = [
            _gt_info(instance, sample, None if mask is None else mask == i + 1, meshes)
            for i, instance in enumerate(sample.instances)
        ]
    for name, document in (("camera", cameras), ("gt", truths), ("gt_info", infos)):
        lines = [f'  "{number}": {json.dumps(entry, allow_nan=False)}' for number, entry in document.items()]
        write_bytes(scene / f"scene_{name}.json", ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def _write_images(dataset: DatasetReader, sample: Sample, scene: Path) -> _Mask | None:
    """Write image, depth and masks of one sample; return the mask [H,W] as it was written."""
    stem = f"{int(sample.name):06d}"
    mask, maps = dataset.load_mask(sample), _straightening(sample)
    if maps is None:
        link_from(dataset, sample.image, scene / f"rgb/{stem}{PurePosixPath(sample.image).suffix}")
        if sample.depth is not None:
            link_from(dataset, sample.depth, scene / f"depth/{stem}.png")
    else:
        rgb_u8 = cv2.remap(dataset.load_rgb(sample), *maps, cv2.INTER_LINEAR).astype(np.uint8)
        write_bytes(scene / f"rgb/{stem}.png", codecs.encode_rgb(rgb_u8))
        if (counts := dataset.load_depth_counts(sample)) is not None:
            write_bytes(scene / f"depth/{stem}.png", codecs.encode_depth(_nearest(counts, maps)))
        mask = None if mask is None else _nearest(mask, maps)
    if mask is not None:
        for i in range(len(sample.instances)):
            ok, png = cv2.imencode(".png", np.where(mask == i + 1, 255, 0).astype(np.uint8))
            assert ok
            write_bytes(scene / f"mask_visib/{stem}_{i:06d}.png", png.tobytes())
    return mask


def _straightening(sample: Sample) -> _Maps | None:
    """Where each pixel of the straightened image lies in the sample's own; None for a straight one."""
    if not any(sample.dist or ()):
        return None
    K = np.asarray(sample.K)
    return cv2.initUndistortRectifyMap(K, np.asarray(sample.dist), None, K, sample.size_wh, cv2.CV_32FC1)


def _nearest(counts: _Mask, maps: _Maps) -> _Mask:
    return np.asarray(cv2.remap(counts, *maps, cv2.INTER_NEAREST), dtype=np.uint16)


def _camera(dataset: DatasetReader, sample: Sample) -> dict[str, Any]:
    camera: dict[str, Any] = {"cam_K": np.asarray(sample.K).ravel().tolist()}
    if sample.depth is not None:
        if dataset.info.camera is None or dataset.info.camera.depth_scale_m is None:
            raise DatasetError(f"{dataset.root} has depth but no camera.depth_scale_m, so it has no unit")
        camera["depth_scale"] = dataset.info.camera.depth_scale_m * MM_PER_M
    if sample.T_base_cam is not None:
        T_cam_base = se3.inverse(np.asarray(sample.T_base_cam))
        camera |= {"cam_R_w2c": _rows(T_cam_base), "cam_t_w2c": _t_mm(T_cam_base)}
    return camera


def _pose(dataset: DatasetReader, instance: Instance) -> dict[str, Any]:
    T_cam_part = np.asarray(instance.T_cam_part)
    obj_id = dataset.info.classes.index(instance.class_name) + 1
    return {"cam_R_m2c": _rows(T_cam_part), "cam_t_m2c": _t_mm(T_cam_part), "obj_id": obj_id}


def _rows(T: Array) -> list[float]:
    return [float(v) for v in T[:3, :3].ravel()]


def _t_mm(T: Array) -> list[float]:
    return [float(v) for v in T[:3, 3] * MM_PER_M]


def _gt_info(
    instance: Instance, sample: Sample, visible: NDArray[np.bool_] | None, meshes: Mapping[str, Mesh]
) -> dict[str, Any]:
    info: dict[str, Any] = {"visib_fract": instance.visib_fract}
    if (mesh := meshes.get(instance.class_name)) is not None:
        vertices_cam_m = se3.transform(np.asarray(instance.T_cam_part), mesh.vertices_m)
        pixels = Pinhole(sample.size_wh, np.asarray(sample.K)).project(vertices_cam_m)
        corners = np.ceil(pixels.min(axis=0)), np.floor(pixels.max(axis=0)) + 1
        info["bbox_obj"] = _bop_box(np.concatenate(corners))
    if visible is None:
        info["bbox_visib"] = _bop_box(np.asarray(instance.box_xyxy_px))
    else:
        box = tight_box(visible)
        info["bbox_visib"] = _UNSEEN if box is None else _bop_box(box)
        info["px_count_visib"] = int(visible.sum())
    return info


def _bop_box(box_xyxy_px: Array) -> list[int]:
    first, last = np.floor(box_xyxy_px[:2]), np.ceil(box_xyxy_px[2:]) - 1
    return [int(v) for v in (*first, *(last - first))]


def _about(dataset: DatasetReader, meshes: Mapping[str, Mesh]) -> str:
    info = dataset.info
    simulated = ", simulated" if info.made_by.simulated else ""
    lines = [
        f"- obj_id {i}: {name}, {f'models/obj_{i:06d}.ply' if name in meshes else 'no mesh'}\n"
        for i, name in enumerate(info.classes, start=1)
    ]
    return (
        f"{info.kind} images{simulated}. The world of scene_camera.json is the robot's base.\n"
        "Model axes are those of the CAD files; symmetries are not given. mask, px_count_all and\n"
        f"px_count_valid are left out.\n\n{''.join(lines)}"
    )
