"""An imported dataset made on the spot: one yellow box photographed before a wall that never changes."""

from pathlib import Path

import cv2
import numpy as np

from bop_scene import HALF_MM, SIZE_WH, K, pose, write_json, write_scene
from synth.dataset.imports.bop import BopSettings, import_bop
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import render_ids

YELLOW = np.array([200, 160, 40])


def make_wall() -> np.ndarray:
    """[H,W,3] a smooth pattern, far from yellow."""
    x, y = np.meshgrid(np.arange(SIZE_WH[0]), np.arange(SIZE_WH[1]))
    wall = np.stack(
        [90 + 40 * np.sin(x / 17), 100 + 40 * np.cos(y / 23), 130 + 30 * np.sin((x + y) / 31)], -1
    )
    return wall.round().astype(np.uint8)


def write_photographed(folder: Path, n: int = 8) -> Path:
    """``n`` pictures with a little noise, imported in blocks: the first train, the last test."""
    scene = write_scene(folder / "scene", n)
    camera = Pinhole(SIZE_WH, np.reshape(K, (3, 3)))
    box = Mesh.box((-HALF_MM / 1000).tolist(), (HALF_MM / 1000).tolist())
    rng = np.random.default_rng(0)
    for i in range(n):
        entry = pose(i)
        T = se3.make(np.reshape(entry["cam_R_m2c"], (3, 3)), np.asarray(entry["cam_t_m2c"]) / 1000)
        hits = render_ids([box.transformed(T)], camera, np.eye(4))
        facing = np.abs(hits.normals[..., 2:])
        picture = np.where(hits.valid[..., None], YELLOW * (0.4 + 0.6 * facing), make_wall())
        picture = np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).round().astype(np.uint8)
        cv2.imwrite(str(scene / "rgb" / f"{i:06d}.png"), picture[..., ::-1])
    cameras = {i: {"cam_K": K, "depth_scale": 0.1} for i in range(n)}
    write_json(scene, {i: [pose(i)] for i in range(n)}, cameras)
    import_bop(BopSettings(scene, folder / "real", None, {1: "box"}, (0, 0, -1), None, "tight", {}))
    return folder / "real"
