"""Views of a board on projected corners: the truth is known to the last digit."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.detect import Corners
from synth.capture.calibrate.lens import scale_K
from synth.capture.calibrate.view import Eye, View
from synth.cell.board import DEFAULT_BOARD, Board
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

L515 = Pinhole(
    (1280, 720),
    np.array([[905.1, 0.0, 645.7], [0.0, 904.6, 358.9], [0.0, 0.0, 1.0]]),
    np.array([0.166, -0.51, -0.0005, -0.0007, 0.468]),
)


@dataclass(frozen=True, eq=False)
class Bench:
    """Views with their truth. X, Y: as in `synth.capture.calibrate.chain`."""

    views: list[View]
    X: Array
    Y: Array
    board: Board
    camera: Pinhole
    eye: Eye

    def error_of(self, X: Array) -> tuple[float, float]:
        """How far X is off: mm and degrees."""
        d = se3.inverse(self.X) @ X
        return 1000 * float(np.linalg.norm(d[:3, 3])), float(np.degrees(se3.rotation_angle_rad(d)))


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    return _make


def _make(
    n: int = 30,
    seed: int = 0,
    *,
    eye: Eye = "to-hand",
    corner_px: float = 0.2,
    tool_m: float = 3e-5,
    tool_rad: float = 5e-5,
    board: Board = DEFAULT_BOARD,
    camera: Pinhole = L515,
) -> Bench:
    """n views with the board whole in the image, half a metre to 0.85 m away, tilted by up to some 50°."""
    rng = np.random.default_rng(seed)
    X = se3.make([[0, 0.99452190, -0.10452846], [1, 0, 0], [0, -0.10452846, -0.99452190]], [0.55, 0.0, 0.95])
    Y = board.T_tool_board_guess @ se3.from_rotvec([0.02, -0.015, 0.03], [0.003, -0.002, 0.0015])
    if eye == "in-hand":
        X, Y = (
            se3.from_rotvec([0.1, 0.05, 0.4], [0.03, -0.05, 0.06]),
            se3.from_rotvec([3.1, 0, 0], [0.5, 0.1, 0]),
        )
    views: list[View] = []
    while len(views) < n:
        tilt = Rotation.from_rotvec(rng.normal(0, 0.35, 3) * [1, 1, 0])
        R = (tilt * Rotation.from_rotvec([0, 0, rng.uniform(-3, 3)])).as_matrix()
        t_m = [rng.uniform(-0.25, 0.25), rng.uniform(-0.12, 0.12), rng.uniform(0.5, 0.85)]
        T_cam_board = se3.make(R, t_m) @ se3.make(np.eye(3), -board.corners_m.mean(axis=0))
        pixels = camera.project(se3.transform(T_cam_board, board.corners_m))
        if (pixels < 5).any() or (pixels > np.array(camera.size_wh) - 5).any():
            continue
        M = X @ T_cam_board @ se3.inverse(Y)
        T_base_tool = M if eye == "to-hand" else se3.inverse(M)
        strayed = se3.from_rotvec(rng.normal(0, tool_rad, 3), rng.normal(0, tool_m, 3))
        views.append(
            View(
                name=f"{len(views):06d}",
                T_base_tool=T_base_tool @ strayed,
                ids=np.arange(len(pixels)),
                pixels_xy=pixels + rng.normal(0, corner_px, pixels.shape),
            )
        )
    return Bench(views, X, Y, board, camera, eye)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A folder of tiny grey pictures in which the corners of a bench are found, whatever is in them."""

    root: Path
    bench: Bench
    names: list[str]

    def describe(self, **keys: Any) -> None:
        """Write calibration.yaml; a key that is None is left out."""
        board = self.bench.board.model_dump(mode="json", exclude_none=True)
        content = {"board": board, "camera": {"K": self.bench.camera.K.tolist()}, **keys}
        content = {key: value for key, value in content.items() if value is not None}
        (self.root / "calibration.yaml").write_text(yaml.safe_dump(content))

    def write_csv(self, rows: list[list[object]], header: str = "name,x,y,z,rx,ry,rz") -> None:
        """Write poses.csv; the header's first mark that is no letter stands between cells."""
        mark = next(c for c in header if not c.isalnum())
        lines = [mark.join(map(str, row)) for row in rows]
        (self.root / "poses.csv").write_text("\n".join([header, *lines]) + "\n")

    def rows(self) -> list[list[object]]:
        """Of each view its name, x, y, z in metres and its rotation vector."""
        return [
            [name, *v.T_base_tool[:3, 3].tolist(), *se3.to_rotvec(v.T_base_tool).tolist()]
            for name, v in zip(self.names, self.bench.views, strict=True)
        ]


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """Twelve views without distortion at a tenth of the size, described as they are."""
    full = _make(12, corner_px=0.1, camera=Pinhole(L515.size_wh, L515.K))
    small = scale_K(full.camera, 0.1)
    camera = Pinhole((128, 72), small.K)
    views = [replace(v, pixels_xy=(v.pixels_xy + 0.5) / 10 - 0.5) for v in full.views]
    names = [f"{i:04d}" for i in range(len(views))]
    (tmp_path / "images").mkdir()
    for i, name in enumerate(names):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), np.full((72, 128), i, np.uint8))

    def find(image: Any, board: Board) -> Corners:
        view = views[int(image[0, 0])]
        return Corners(view.ids, view.pixels_xy)

    monkeypatch.setattr("synth.capture.calibrate.read.find_corners", find)
    made = Drawn(tmp_path, replace(full, views=views, camera=camera), names)
    made.describe()
    made.write_csv(made.rows())
    return made
