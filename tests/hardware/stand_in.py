"""A trivial scene and arm for the camera's tests: quick, exact, and different for every pose."""

from dataclasses import dataclass, field

import numpy as np

from synth.geometry import se3
from synth.geometry.pinhole import Pinhole

DIST = np.array([0.166, -0.51, -0.0005, -0.0007, 0.468])
COLOR = Pinhole((1280, 720), np.array([[905.1, 0, 645.7], [0, 904.6, 358.9], [0, 0, 1.0]]), DIST)
DEPTH = Pinhole((640, 480), np.array([[460.3, 0, 321.4], [0, 460.9, 242.7], [0, 0, 1.0]]))
T_CAM_DEPTH = se3.from_rotvec([0.0021, -0.0014, 0.0008], [-0.0003, -0.0141, 0.0021])


@dataclass
class Arm:
    """An arm that stands where the test puts it."""

    q_true_rad: np.ndarray = field(default_factory=lambda: np.zeros(6))
    is_moving: bool = False
    arrival_index: int = 0
    target_key: int = 7

    def go(self, key: int) -> None:
        self.q_true_rad = np.full(6, key / 100)
        self.target_key = key
        self.arrival_index += 1

    def __call__(self) -> "Arm":
        return self


class FlatScene:
    """Grey noise whose brightness follows the exposure; depth a wall at 0.7 m."""

    color_camera, depth_camera = COLOR, DEPTH
    T_cam_depth, depth_scale_m = T_CAM_DEPTH, 0.00025

    def __init__(self) -> None:
        self.exposed: list[np.ndarray] = []
        self.picture: np.ndarray | None = None
        self.red = False

    def color(self, q_true_rad: np.ndarray) -> float:
        return 90.0 + 100 * float(q_true_rad[0])

    def expose(self, radiance, exposure_us, gain, white_balance_k, noise_key):
        if self.red:
            return np.full((720, 1280, 3), [200, 10, 20], dtype=np.uint8)
        if self.picture is not None:
            return self.picture
        level = radiance * (exposure_us * gain / 640_000) ** 0.5
        tint = np.array([white_balance_k / 4600, 1.0, 4600 / white_balance_k])
        tile = self._noise(noise_key, (90, 160, 3), 6) + level * tint
        self.exposed.append(np.tile(np.clip(tile, 0, 255).astype(np.uint8), (8, 8, 1)))
        return self.exposed[-1]

    def depth_counts(self, q_true_rad, noise_key):
        tile = 2800 + self._noise(noise_key, (60, 80), 4)
        return np.tile(tile.astype(np.uint16), (8, 8))

    @staticmethod
    def _noise(noise_key: tuple[int, ...], shape: tuple[int, ...], amplitude: int) -> np.ndarray:
        rng = np.random.default_rng([abs(k) for k in noise_key])
        return rng.integers(-amplitude, amplitude + 1, shape)
