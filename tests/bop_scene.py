"""A small BOP scene made on the spot: a box that hangs before a camera, in numbers that can be checked."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from synth.dataset.imports.intake import Summary
from synth.geometry import se3

SIZE_WH = (320, 240)
K = [400.0, 0.0, 160.0, 0.0, 400.0, 120.0, 0.0, 0.0, 1.0]
HALF_MM = np.array([40.0, 25.0, 15.0])
CORNERS_MM = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * HALF_MM


def write_model(path: Path, scale: float = 1.0) -> None:
    """The box as OBJ, in millimetres times ``scale``."""
    write_box(path, CORNERS_MM * scale)


def write_box(path: Path, corners: np.ndarray) -> None:
    """A box as OBJ by its corners [8,3]."""
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    lines = [f"v {x:g} {y:g} {z:g}" for x, y, z in corners]
    lines += [f"f {a + 1} {b + 1} {c + 1}\nf {a + 1} {c + 1} {d + 1}" for a, b, c, d in quads]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def pose(i: int) -> dict[str, Any]:
    """The box turned a little more and moved along in every picture."""
    T = se3.from_rotvec([0.3 + 0.1 * i, -0.2, 0.15 * i], [0, 0, 0])
    return {
        "cam_R_m2c": T[:3, :3].ravel().tolist(),
        "cam_t_m2c": [-60.0 + 12.0 * i, 10.0, 600.0],
        "obj_id": 1,
    }


def project(entry: dict[str, Any]) -> np.ndarray:
    """The box around the model's projected corners, x0 y0 x1 y1 with edges 0 to W."""
    R, t = np.reshape(entry["cam_R_m2c"], (3, 3)), np.asarray(entry["cam_t_m2c"])
    points = CORNERS_MM @ R.T + t
    pixels = points[:, :2] / points[:, 2:] * 400 + [160, 120] + 0.5
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def write_scene(folder: Path, n: int = 8) -> Path:
    """``n`` pictures of noise, poses, cameras, the model, and a wall 0.7 m away as depth, 0.1 mm a count."""
    write_model(folder / "models" / "obj_000001.obj")
    rng = np.random.default_rng(0)
    for i in range(n):
        for kind, array in (
            ("rgb", rng.integers(0, 256, (*SIZE_WH[::-1], 3), dtype=np.uint8)),
            ("depth", np.full(SIZE_WH[::-1], 7000, np.uint16)),
        ):
            (folder / kind).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / kind / f"{i:06d}.png"), array)
    write_json(
        folder, {i: [pose(i)] for i in range(n)}, {i: {"cam_K": K, "depth_scale": 0.1} for i in range(n)}
    )
    return folder


MODEL_INFO = {
    "diameter": 98.99,
    **{f"min_{axis}": -half for axis, half in zip("xyz", HALF_MM.tolist(), strict=True)},
    **{f"size_{axis}": 2 * half for axis, half in zip("xyz", HALF_MM.tolist(), strict=True)},
}
"""What models_info.json says of the box."""

SMALL_WH = (64, 48)
SMALL_K = [80.0, 0.0, 31.5, 0.0, 80.0, 23.5, 0.0, 0.0, 1.0]


def small_pose(i: int, x_mm: float = 0.0, z_mm: float = 250.0, obj_id: Any = 1) -> dict[str, Any]:
    """The box before the small camera, about 26 by 17 pixels large, turned a little more in every picture."""
    T = se3.from_rotvec([0.3 + 0.2 * i, -0.2, 0.15 * i], [0, 0, 0])
    return {"cam_R_m2c": T[:3, :3].ravel().tolist(), "cam_t_m2c": [x_mm, 5.0, z_mm], "obj_id": obj_id}


def outline(entry: dict[str, Any], scale: float = 1.0, shift_mm: Any = (0, 0, 0)) -> np.ndarray:
    """The pixels [48,64] of the box by the hull of its corners, without a ray; none where it lies behind."""
    R, t = np.reshape(entry["cam_R_m2c"], (3, 3)), np.asarray(entry["cam_t_m2c"])
    points = (CORNERS_MM * scale + shift_mm) @ R.T + t
    if (points[:, 2] <= 0).any():
        return np.zeros(SMALL_WH[::-1], bool)
    pixels = (points[:, :2] / points[:, 2:] * 80 + [31.5, 23.5]).astype(np.float32)
    hull = cv2.convexHull(pixels)[:, 0]
    edges = np.roll(hull, -1, axis=0) - hull
    to_pixel = np.stack(np.meshgrid(np.arange(64), np.arange(48)), axis=-1)[..., None, :] - hull
    turns = edges[:, 0] * to_pixel[..., 1] - edges[:, 1] * to_pixel[..., 0]
    return np.asarray((turns >= 0).all(axis=-1) | (turns <= 0).all(axis=-1))


def write_small(folder: Path, truth: list[list[dict[str, Any]]], depth_scale: float | None = 0.1) -> Path:
    """A scene of small pictures of noise, with the poses of each, a depth of 250 mm and the model."""
    write_model(folder / "models" / "obj_000001.obj")
    rng = np.random.default_rng(0)
    for kind in ("rgb", "depth"):
        (folder / kind).mkdir(exist_ok=True)
    for i in range(len(truth)):
        noise = rng.integers(0, 256, (*SMALL_WH[::-1], 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "rgb" / f"{i:06d}.png"), noise)
        cv2.imwrite(str(folder / "depth" / f"{i:06d}.png"), np.full(SMALL_WH[::-1], 2500, np.uint16))
    camera = {"cam_K": SMALL_K} | ({} if depth_scale is None else {"depth_scale": depth_scale})
    write_json(folder, dict(enumerate(truth)), dict.fromkeys(range(len(truth)), camera))
    return folder


def write_said(
    folder: Path, visible: dict[tuple[int, int], np.ndarray], kinds: str = "mask mask_visib"
) -> None:
    """What the scene says of its objects: the outline of the box as it truly is, and what is visible of it
    where ``visible`` tells that by picture and object. kinds: of masks; ``info`` for scene_gt_info.json.
    """
    infos: dict[str, list[dict[str, Any]]] = {}
    for picture, listed in read_json(folder)[0].items():
        for j, entry in enumerate(listed):
            whole = outline(entry)
            masks = {"mask": whole, "mask_visib": visible.get((int(picture), j), whole)}
            for kind in set(kinds.split()) & masks.keys():
                (folder / kind).mkdir(exist_ok=True)
                png = masks[kind].astype(np.uint8) * 255
                cv2.imwrite(str(folder / kind / f"{int(picture):06d}_{j:06d}.png"), png)
            y, x = np.nonzero(whole)
            box = [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1] if len(x) else [-1] * 4
            infos.setdefault(picture, []).append(
                {"bbox_obj": [int(v) for v in box], "px_count_all": int(whole.sum())}
            )
    if "info" in kinds:
        (folder / "scene_gt_info.json").write_text(json.dumps(infos))


def texts(summary: Summary) -> list[str]:
    """What an import notes besides how it dealt the splits."""
    dealt = ("it tells no split", "it has one picture")
    return [note.text for note in summary.notes if not note.text.startswith(dealt)]


def write_json(folder: Path, truth: dict[int, Any], cameras: dict[int, Any]) -> None:
    """scene_gt.json and scene_camera.json."""
    (folder / "scene_gt.json").write_text(json.dumps({str(k): v for k, v in truth.items()}))
    (folder / "scene_camera.json").write_text(json.dumps({str(k): v for k, v in cameras.items()}))


def read_json(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both files."""
    truth, cameras = ((folder / f"scene_{name}.json").read_text() for name in ("gt", "camera"))
    return json.loads(truth), json.loads(cameras)
