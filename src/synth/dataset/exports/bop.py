"""BOP's layout for object poses, as docs/bop_datasets_format.md of thodan/bop_toolkit describes it.

One scene a split: ``SPLIT/000000/`` with rgb/, depth/ (png · ``depth_scale`` is mm), mask/ (255 where an
instance is, also behind others), mask_visib/ (where it is seen), ``scene_camera.json`` (``cam_K``;
``cam_R_w2c`` and ``cam_t_w2c`` where the camera's place is known, in the robot's base or an import's world),
``scene_gt.json`` (``cam_R_m2c``, ``cam_t_m2c``; every instance, hidden ones too) and
``scene_gt_info.json``. Rotations are row by row, lengths millimetres, camera axes OpenCV's as ours.
``obj_id`` is the class's index + 1, ``name`` the class, a key of ours that other readers leave alone.
models/ holds meshes in mm in the axes of their CAD files, without symmetries.

Masks and counts are those that bop_toolkit itself computes of mesh, pose and depth (`bop_visibility`).
Without depth, mask_visib/ is what of the dataset's own mask lies within mask/, and ``px_count_valid`` is left
out. Of a class without a mesh there is no mask/, ``px_count_all``, ``px_count_valid`` and ``bbox_obj``; the
others are the dataset's own.

BOP knows no lens distortion: such images are refused, or straightened with their K kept. Then colour is
interpolated, depth and masks take the nearest pixel, corners that no pixel fills are black.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from synth.cell.model import Cell
from synth.dataset import codecs
from synth.dataset.exports.bop_models import load_models, to_json, write_models
from synth.dataset.exports.bop_visibility import (
    MM_PER_M,
    TOLERANCE_MM,
    Silhouettes,
    describe,
    see_through_depth,
)
from synth.dataset.exports.folder import link_from, new_folder
from synth.dataset.reader import DatasetReader
from synth.dataset.record import KIND_WORDS, SPLITS
from synth.dataset.sample import Instance, Sample
from synth.errors import DatasetError, InputError
from synth.geometry import se3
from synth.geometry.boxes import Mask
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.storage.atomic import write_bytes

_SCENE = "000000"

_Counts = NDArray[np.uint16]
_Maps = tuple[MatLike, MatLike]


def export_bop(
    dataset: DatasetReader,
    out: Path,
    *,
    cell: Cell | None = None,
    undistort: bool = False,
    on_note: Callable[[str], None] = lambda note: None,
) -> list[Path]:
    """Write the folders of the splits, models/ and dataset_info.md; return the scenes' folders.

    cell: gives the part's mesh where the dataset brings none. undistort: straighten distorted images.
    on_note: gets a sentence on what is left out. Raises InputError when ``out`` holds anything, when the
    cell's part is another one, or when a sample lacks what BOP needs; DatasetError when a file is missing or
    cannot be read; StorageError.
    """
    for sample in dataset:
        _refuse_unfit(dataset, sample, undistort)
    if len({int(sample.name) for sample in dataset}) < len(dataset):
        raise InputError(f"{dataset.root} has names that are one number, such as 000001 and 0000001")
    meshes = load_models(dataset, cell)
    bare = [name for name in dataset.info.classes if name not in meshes]
    silhouettes = Silhouettes(meshes)
    scenes = [f"{split}/{_SCENE}" for split in SPLITS if dataset.of_split(split)]
    with new_folder(dataset, out) as folder:
        for split in SPLITS:
            if samples := dataset.of_split(split):
                _write_scene(dataset, samples, folder / split / _SCENE, silhouettes)
        write_models(meshes, dataset.info.classes, folder / "models")
        write_bytes(folder / "dataset_info.md", _about(dataset, bare).encode())
    shown = {instance.class_name for sample in dataset for instance in sample.instances}
    if missed := [name for name in bare if name in shown]:
        on_note(_say_bare(missed))
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


@dataclass(frozen=True, eq=False)
class _Layers:
    """A sample as it was written: camera, mask [H,W], place of the instance + 1, and depth [H,W] along z."""

    camera: Pinhole
    mask: _Counts | None
    depth_mm: NDArray[np.float32] | None


def _write_scene(
    dataset: DatasetReader, samples: Sequence[Sample], scene: Path, silhouettes: Silhouettes
) -> None:
    cameras, truths, infos = {}, {}, {}
    for sample in sorted(samples, key=lambda sample: int(sample.name)):
        layers = _write_images(dataset, sample, scene)
        number = int(sample.name)
        cameras[number] = _camera(dataset, sample)
        truths[number] = [_pose(dataset, instance) for instance in sample.instances]
        infos[number] = [
            _write_instance(scene, sample, i, layers, silhouettes) for i in range(len(sample.instances))
        ]
    for name, document in (("camera", cameras), ("gt", truths), ("gt_info", infos)):
        write_bytes(scene / f"scene_{name}.json", to_json(document))


def _write_images(dataset: DatasetReader, sample: Sample, scene: Path) -> _Layers:
    """Write image and depth of one sample."""
    stem = f"{int(sample.name):06d}"
    mask, counts, maps = dataset.load_mask(sample), dataset.load_depth_counts(sample), _straightening(sample)
    if maps is None:
        link_from(dataset, sample.image, scene / f"rgb/{stem}{PurePosixPath(sample.image).suffix}")
        if sample.depth is not None:
            link_from(dataset, sample.depth, scene / f"depth/{stem}.png")
    else:
        rgb_u8 = cv2.remap(dataset.load_rgb(sample), *maps, cv2.INTER_LINEAR).astype(np.uint8)
        write_bytes(scene / f"rgb/{stem}.png", codecs.encode_rgb(rgb_u8))
        mask = None if mask is None else _nearest(mask, maps)
        if counts is not None:
            counts = _nearest(counts, maps)
            write_bytes(scene / f"depth/{stem}.png", codecs.encode_depth(counts))
    depth_mm = None if counts is None else counts.astype(np.float32) * np.float32(_depth_scale_mm(dataset))
    return _Layers(Pinhole(sample.size_wh, np.asarray(sample.K)), mask, depth_mm)


def _write_instance(
    scene: Path, sample: Sample, i: int, layers: _Layers, silhouettes: Silhouettes
) -> dict[str, Any]:
    """Write what masks of an instance there are; its entry of scene_gt_info.json."""
    instance, camera, depth_mm = sample.instances[i], layers.camera, layers.depth_mm
    visible: Mask | None = None if layers.mask is None else layers.mask == i + 1
    silhouette = silhouettes.see(instance.class_name, np.asarray(instance.T_cam_part), camera)
    if silhouette is not None:
        alone_mm = silhouette.within(sample.size_wh)
        if depth_mm is not None:
            visible = see_through_depth(alone_mm, depth_mm, camera)
        elif visible is not None:
            visible &= alone_mm > 0
        _write_mask(scene, "mask", sample, i, alone_mm > 0)
    if visible is not None:
        _write_mask(scene, "mask_visib", sample, i, visible)
    return describe(instance, silhouette, visible, depth_mm)


def _write_mask(scene: Path, kind: str, sample: Sample, i: int, mask: Mask) -> None:
    ok, png = cv2.imencode(".png", np.where(mask, 255, 0).astype(np.uint8))
    assert ok
    write_bytes(scene / kind / f"{int(sample.name):06d}_{i:06d}.png", png.tobytes())


def _straightening(sample: Sample) -> _Maps | None:
    """Where each pixel of the straightened image lies in the sample's own; None for a straight one."""
    if not any(sample.dist or ()):
        return None
    K = np.asarray(sample.K)
    return cv2.initUndistortRectifyMap(K, np.asarray(sample.dist), None, K, sample.size_wh, cv2.CV_32FC1)


def _nearest(counts: _Counts, maps: _Maps) -> _Counts:
    return np.asarray(cv2.remap(counts, *maps, cv2.INTER_NEAREST), dtype=np.uint16)


def _camera(dataset: DatasetReader, sample: Sample) -> dict[str, Any]:
    camera: dict[str, Any] = {"cam_K": np.asarray(sample.K).ravel().tolist()}
    if sample.depth is not None:
        camera["depth_scale"] = _depth_scale_mm(dataset)
    if sample.T_base_cam is not None:
        T_cam_base = se3.inverse(np.asarray(sample.T_base_cam))
        camera |= {"cam_R_w2c": _rows(T_cam_base), "cam_t_w2c": _t_mm(T_cam_base)}
    return camera


def _depth_scale_mm(dataset: DatasetReader) -> float:
    if dataset.info.camera is None or dataset.info.camera.depth_scale_m is None:
        raise DatasetError(f"{dataset.root} has depth but no camera.depth_scale_m, so it has no unit")
    return dataset.info.camera.depth_scale_m * MM_PER_M


def _pose(dataset: DatasetReader, instance: Instance) -> dict[str, Any]:
    T_cam_part = np.asarray(instance.T_cam_part)
    obj_id = dataset.info.classes.index(instance.class_name) + 1
    pose = {"cam_R_m2c": _rows(T_cam_part), "cam_t_m2c": _t_mm(T_cam_part)}
    return pose | {"obj_id": obj_id, "name": instance.class_name}


def _rows(T: Array) -> list[float]:
    return [float(v) for v in T[:3, :3].ravel()]


def _t_mm(T: Array) -> list[float]:
    return [float(v) for v in T[:3, 3] * MM_PER_M]


def _say_bare(bare: Sequence[str]) -> str:
    """That masks of whole silhouettes are missing, and of which classes."""
    return (
        f"left out for want of a mesh of {', '.join(bare)}: mask, px_count_all, px_count_valid, bbox_obj. "
        "Where a cell has that mesh, --cell gives it"
    )


def _about(dataset: DatasetReader, bare: Sequence[str]) -> str:
    info = dataset.info
    simulated = ", simulated" if info.made_by.simulated else ""
    lines = [
        f"- obj_id {i}: {name}, {'no mesh' if name in bare else f'models/obj_{i:06d}.ply'}\n"
        for i, name in enumerate(info.classes, start=1)
    ]
    left_out = "mask, px_count_all, px_count_valid and bbox_obj are left out where there is no mesh.\n"
    world = "the one that was imported" if info.kind == "imported" else "the robot's base"
    return (
        f"{KIND_WORDS[info.kind]} images{simulated}.\n"
        f"The world of scene_camera.json, where it is given, is {world}.\n"
        "Model axes are those of the CAD files; symmetries are not given.\n"
        "Where there are depth and mesh, mask_visib is what bop_toolkit makes of them: what stands less\n"
        f"than {TOLERANCE_MM:g} mm before an object does not hide it.\n"
        f"{left_out if bare else ''}\n{''.join(lines)}"
    )
