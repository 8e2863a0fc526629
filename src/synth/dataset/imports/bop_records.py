"""What the files of a BOP scene say of each picture, held against what they can say."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from synth.dataset import codecs
from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.pictures import SUFFIXES, Picture, inside_folder
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

GT_FILE, CAMERA_FILE = "scene_gt.json", "scene_camera.json"
_RGB = ("rgb/{:06d}{}", "gray/{:06d}{}", "{:06d}-color{}")
_DEPTH = ("depth/{:06d}.png", "{:06d}-depth.png")
_ROTATION_ERROR = 1e-3
_MM = 0.001
_MAX_SCENES = 1000


@dataclass(frozen=True)
class Shot:
    """One picture of a scene: its number there and in the dataset, and what the two files say of it."""

    scene: Path
    number: int
    name: str
    where: str
    truth: Any
    camera: Any


def list_shots(folder: Path) -> Iterator[Shot]:
    """Every picture that a ground truth speaks of, in order; several scenes are numbered through."""
    scenes = _find_scenes(folder)
    count = 0
    for scene in scenes:
        truths, cameras = _read_json(scene / GT_FILE), _read_json(scene / CAMERA_FILE)
        numbers = sorted(int(key) for key in truths if key.isdecimal() and len(key) <= 9)
        if odd := sorted(set(truths) - {str(n) for n in numbers}):
            raise InputError(f"{scene / GT_FILE} has keys that are no picture numbers: {odd[0]!r:.40}")
        for number in numbers:
            yield Shot(
                scene,
                number,
                f"{number if len(scenes) == 1 else count:06d}",
                f"{(scene / GT_FILE).relative_to(folder)} picture {number}",
                truths[str(number)],
                cameras.get(str(number)),
            )
            count += 1


def _find_scenes(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    if (folder / GT_FILE).is_file():
        return [folder]
    scenes = sorted(p.parent for pattern in ("*", "*/*") for p in folder.glob(f"{pattern}/{GT_FILE}"))
    if not scenes:
        raise InputError(f"{folder} is no BOP scene and holds none: there is no {GT_FILE}")
    if len(scenes) > _MAX_SCENES:
        raise InputError(
            f"{folder} holds {len(scenes)} scenes, at most {_MAX_SCENES} are taken: import a part of it"
        )
    return scenes


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


def entries(truth: Any) -> list[dict[str, Any]]:
    """The records of one picture that name an object by number; what is none comes up when it is taken."""
    entries = truth if isinstance(truth, list) else []
    return [e for e in entries if isinstance(e, dict) and type(e.get("obj_id")) is int]


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
    nearest_m = float(se3.transform(T, mesh.vertices_m)[:, 2].min())
    if t_m[2] <= 0:
        raise Misfit(where, "behind the camera", f"its cam_t_m2c has z = {t_m[2] / _MM:g} mm")
    if nearest_m <= 0:
        raise Misfit(
            where,
            "units",
            f"its model reaches {-nearest_m / _MM:.3g} mm behind the camera, whose centre is "
            f"{np.linalg.norm(t_m) / _MM:.3g} mm away: are cam_t_m2c and the model in millimetres?",
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


def read_depth(
    shot: Shot, picture: Picture, own_scale_m: float | None, scale_m: float | None
) -> tuple[Any, Path | None]:
    """Counts [H,W] and their file; None where the scene has no depth."""
    names = [p.format(shot.number) for p in _DEPTH]
    name = next((n for n in names if (shot.scene / n).is_file()), None)
    if name is None:
        return None, None
    path = inside_folder(shot.scene, name)
    if own_scale_m is None or scale_m is None or not np.isclose(own_scale_m, scale_m, rtol=1e-9):
        raise Misfit(
            shot.where,
            "depth scale",
            f"its depth has a scale of {_in_mm(own_scale_m)} a count, the first picture's {_in_mm(scale_m)}: "
            "one scale is needed",
        )
    counts = codecs.decode_u16(path.read_bytes(), name)
    if counts.shape != picture.rgb_u8.shape[:2]:
        raise Misfit(
            shot.where,
            "wrong size",
            f"{name} has {counts.shape[1]}×{counts.shape[0]} pixels, its picture {picture.size_wh[0]}×"
            f"{picture.size_wh[1]}",
        )
    return counts, path


def find_picture(shot: Shot) -> Path:
    names = [pattern.format(shot.number, suffix) for pattern in _RGB for suffix in SUFFIXES]
    name = next((n for n in names if (shot.scene / n).exists()), None)
    if name is None:
        raise Misfit(shot.where, "no picture", f"there is no {names[0]} nor .jpg beside it")
    return inside_folder(shot.scene, name)


def _numbers(value: Any, n: int, where: str) -> Array:
    """``n`` finite numbers; raises Misfit."""
    try:
        array = np.asarray(value, dtype=float).ravel()
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.shape != (n,) or not np.isfinite(array).all():
        raise Misfit(where, "malformed", f"must be {n} finite numbers, it is {value!r:.60}")
    return array


def _in_mm(scale_m: float | None) -> str:
    return "unknown size" if scale_m is None else f"{scale_m / _MM:g} mm"
