"""A small BOP scene made on the spot: a box that hangs before a camera, in numbers that can be checked."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from synth.geometry import se3

SIZE_WH = (320, 240)
K = [400.0, 0.0, 160.0, 0.0, 400.0, 120.0, 0.0, 0.0, 1.0]
HALF_MM = np.array([40.0, 25.0, 15.0])
CORNERS_MM = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * HALF_MM


def write_model(path: Path, scale: float = 1.0) -> None:
    """A box as OBJ, in millimetres times ``scale``."""
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    lines = [f"v {x:g} {y:g} {z:g}" for x, y, z in CORNERS_MM * scale]
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
    """``n`` pictures of noise, poses, cameras, depth of 0.1 mm a count, and the model."""
    write_model(folder / "models" / "obj_000001.obj")
    rng = np.random.default_rng(0)
    for i in range(n):
        for kind, array in (
            ("rgb", rng.integers(0, 256, (*SIZE_WH[::-1], 3), dtype=np.uint8)),
            ("depth", np.full(SIZE_WH[::-1], 6000, np.uint16)),
        ):
            (folder / kind).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / kind / f"{i:06d}.png"), array)
    write_json(
        folder, {i: [pose(i)] for i in range(n)}, {i: {"cam_K": K, "depth_scale": 0.1} for i in range(n)}
    )
    return folder


def write_json(folder: Path, truth: dict[int, Any], cameras: dict[int, Any]) -> None:
    """scene_gt.json and scene_camera.json."""
    (folder / "scene_gt.json").write_text(json.dumps({str(k): v for k, v in truth.items()}))
    (folder / "scene_camera.json").write_text(json.dumps({str(k): v for k, v in cameras.items()}))


def read_json(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both files."""
    truth, cameras = ((folder / f"scene_{name}.json").read_text() for name in ("gt", "camera"))
    return json.loads(truth), json.loads(cameras)
