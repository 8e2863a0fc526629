"""What a simulated camera looks at: a scene, both sensors' geometry, and an arm that stands somewhere."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

NoiseKey = tuple[int, ...]


class Optics(Protocol):
    """Both sensors' geometry.

    T_cam_depth: depth-sensor points to the colour camera [4,4]. depth_scale_m: metres per count.
    """

    color_camera: Pinhole
    depth_camera: Pinhole
    T_cam_depth: Array
    depth_scale_m: float


class Scene(Optics, Protocol):
    """What stands before the camera; it keeps what it worked out for the last joints."""

    def color(self, q_true_rad: Array) -> Any:
        """The clean picture with the arm at ``q_true_rad`` [6]."""
        ...

    def expose(
        self, radiance: Any, exposure_us: float, gain: float, white_balance_k: float, noise_key: NoiseKey
    ) -> NDArray[np.uint8]:
        """The picture [H,W,3] that the colour sensor makes of it; equal arguments, equal bytes.

        gain: as its option counts.
        """
        ...

    def depth_counts(self, q_true_rad: Array, noise_key: NoiseKey) -> NDArray[np.uint16]:
        """Raw counts [h,w] of the depth sensor, along its own z, 0 = missing."""
        ...


class ArmState(Protocol):
    """Where the arm truly is.

    target_key: names the last commanded joints. arrival_index: how many moves have ended.
    """

    @property
    def q_true_rad(self) -> Array: ...
    @property
    def is_moving(self) -> bool: ...
    @property
    def arrival_index(self) -> int: ...
    @property
    def target_key(self) -> int: ...
