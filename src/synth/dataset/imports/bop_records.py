"""What the files of a BOP scene say of each picture, held against what they can say."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from synth.dataset.imports.bop_scenes import CAMERA_FILE, GT_FILE, INFO_FILE, Scene, find_scenes
from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.pictures import SUFFIXES, inside_folder
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

_ROTATION_ERROR = 1e-3
_MM = 0.001


@dataclass(frozen=True)
class Shot:
    """One picture of a scene: its number there and in the dataset, and what the files say of it.

    truth: of scene_gt.json. camera: of scene_camera.json. info: of scene_gt_info.json, None without it.
    """

    scene: Scene
    number: int
    name: str
    where: str
    truth: Any
    camera: Any
    info: Any


def list_shots(folder: Path, sensor: str | None) -> Iterator[Shot]:
    """Every picture that a ground truth speaks of, in order; several scenes are numbered through."""
    scenes = find_scenes(folder, sensor)
    count = 0
    for scene in scenes:
        truths, cameras = (_read_json(scene.json_file(name)) for name in (GT_FILE, CAMERA_FILE))
        info_file = scene.json_file(INFO_FILE)
        infos = _read_json(info_file) if info_file.is_file() else {}
        numbers = sorted(int(key) for key in truths if key.isdecimal() and len(key) <= 9)
        if odd := sorted(set(truths) - {str(n) for n in numbers}):
            raise InputError(
                f"{scene.json_file(GT_FILE)} has keys that are no picture numbers: {odd[0]!r:.40}"
            )
        for number in numbers:
            yield Shot(
                scene,
                number,
                f"{number if len(scenes) == 1 else count:06d}",
                f"{scene.json_file(GT_FILE).relative_to(folder)} picture {number}",
                truths[str(number)],
                cameras.get(str(number)),
                infos.get(str(number)),
            )
            count += 1


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path} is missing, or is no plain file")
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON that can be read: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must map picture numbers to records, it is a {type(content).__name__}")
    return content


def object_number(entry: Any) -> int | None:
    """The obj_id of one record, be it written 1, 1.0 or "1"; None where it has none."""
    value = entry.get("obj_id") if isinstance(entry, dict) else None
    if isinstance(value, str) and value.isdecimal() and len(value) <= 9:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def entries(truth: Any) -> list[tuple[int, dict[str, Any]]]:
    """The records of one picture by the number of their object; what has none comes up when it is taken."""
    listed = truth if isinstance(truth, list) else []
    return [(number, entry) for entry in listed if (number := object_number(entry)) is not None]


def read_camera(shot: Shot) -> tuple[Array, float | None]:
    """K [3,3] and metres a count of depth."""
    camera = shot.camera
    if not isinstance(camera, dict) or "cam_K" not in camera:
        raise Misfit(shot.where, "no K", f"{CAMERA_FILE} has no cam_K for it")
    K = _numbers(camera["cam_K"], 9, f"{shot.where}, cam_K").reshape(3, 3)
    if not (K[0, 0] > 0 and K[1, 1] > 0 and (K[2] == (0, 0, 1)).all() and K[1, 0] == 0):
        raise Misfit(
            shot.where, "no K", f"its cam_K is no pinhole's: {' '.join(f'{v:g}' for v in K.ravel())}"
        )
    if abs(K[0, 1]) > 1e-6:
        raise Misfit(shot.where, "no K", f"its cam_K has a skew of {K[0, 1]:g}, which is not supported")
    scale = camera.get("depth_scale")
    if scale is None:
        return K, None
    value = float(_numbers([scale], 1, f"{shot.where}, depth_scale")[0])
    if value <= 0:
        raise Misfit(shot.where, "malformed", f"depth_scale must be above 0, it is {value:g}")
    return K, value * _MM


def read_pose(entry: Mapping[str, Any], mesh: Mesh, where: str) -> Array:
    """T_cam_part [4,4] in metres."""
    R = _numbers(entry.get("cam_R_m2c"), 9, f"{where}, cam_R_m2c").reshape(3, 3)
    t_m = _numbers(entry.get("cam_t_m2c"), 3, f"{where}, cam_t_m2c") * _MM
    if np.abs(R @ R.T - np.eye(3)).max() > _ROTATION_ERROR or np.linalg.det(R) < 0:
        raise Misfit(
            where, "no rotation", "its cam_R_m2c is no rotation: orthonormal, determinant +1, row by row"
        )
    T = se3.make(Rotation.from_matrix(R).as_matrix(), t_m)
    camera_part_m = se3.inverse(T)[:3, 3]
    if ((mesh.vertices_m.min(axis=0) < camera_part_m) & (camera_part_m < mesh.vertices_m.max(axis=0))).all():
        raise Misfit(
            where,
            "units",
            f"the camera stands inside its model, {np.linalg.norm(t_m) / _MM:.3g} mm from its origin: are "
            "cam_t_m2c and the model in millimetres?",
        )
    return T


def read_world(shot: Shot) -> Array | None:
    """T_world_cam [4,4] where the file tells it."""
    camera = shot.camera
    if "cam_R_w2c" not in camera or "cam_t_w2c" not in camera:
        return None
    R = _numbers(camera["cam_R_w2c"], 9, f"{shot.where}, cam_R_w2c").reshape(3, 3)
    if np.abs(R @ R.T - np.eye(3)).max() > _ROTATION_ERROR or np.linalg.det(R) < 0:
        raise Misfit(shot.where, "no rotation", "its cam_R_w2c is no rotation")
    t_m = _numbers(camera["cam_t_w2c"], 3, f"{shot.where}, cam_t_w2c") * _MM
    return se3.inverse(se3.make(Rotation.from_matrix(R).as_matrix(), t_m))


def find_picture(shot: Shot) -> Path:
    """The file of its colours. Raises Misfit where there is none, DatasetError for one outside the scene."""
    name = find_file(shot, ("rgb", "gray"), SUFFIXES, "color")
    if name is None:
        usual = f"{shot.scene.kind('rgb')}/{shot.number:06d}.png"
        raise Misfit(shot.where, "no picture", f"there is no {usual} nor .jpg beside it")
    return inside_folder(shot.scene.folder, name)


def find_file(shot: Shot, kinds: Sequence[str], suffixes: Sequence[str], ending: str) -> str | None:
    """The file of a picture in the folder of one of these kinds, or beside the scene's own files as YCB-Video
    names it.
    """
    for kind in kinds:
        if (name := shot.scene.find(kind, suffixes, shot.number)) is not None:
            return name
    names = [f"{shot.number:06d}-{ending}{suffix}" for suffix in suffixes]
    return next((name for name in names if (shot.scene.folder / name).exists()), None)


def _numbers(value: Any, n: int, where: str) -> Array:
    """``n`` finite numbers; raises Misfit."""
    try:
        array = np.asarray(value, dtype=float).ravel()
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.shape != (n,) or not np.isfinite(array).all():
        raise Misfit(where, "malformed", f"must be {n} finite numbers, it is {value!r:.60}")
    return array
