"""A simulated UVC camera: what stands where cv2.VideoCapture would, and shows the scene when it is read."""

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.hardware.simulated.automatics import EXPOSURE_UNIT_US, POWER_ON_GAIN, adjust
from synth.hardware.simulated.faults_camera import (
    CameraFault,
    ForgottenSettingsFault,
    FrozenStreamFault,
    UnplugFault,
)
from synth.hardware.simulated.optics import ArmState, Scene

_NAMES = {
    cv2.CAP_PROP_EXPOSURE: "exposure",
    cv2.CAP_PROP_AUTO_EXPOSURE: "enable_auto_exposure",
    cv2.CAP_PROP_GAIN: "gain",
    cv2.CAP_PROP_WB_TEMPERATURE: "white_balance",
    cv2.CAP_PROP_AUTO_WB: "enable_auto_white_balance",
}
_POWER_ON = {
    "exposure": 156.0,
    "gain": float(POWER_ON_GAIN),
    "white_balance": 4600.0,
    "enable_auto_exposure": 1.0,
    "enable_auto_white_balance": 1.0,
}
_V4L2_MANUAL = 1.0


class SimulatedUvc:
    """The camera itself, which stays when it is opened anew.

    The noise of a frame follows from the commanded joints and the number of frames since the arm arrived.
    fixed: names of settings that this device does not let be set.
    """

    def __init__(self, scene: Scene, arm_state: Callable[[], ArmState], fixed: frozenset[str] = frozenset()):
        self._scene, self._arm_state, self.fixed = scene, arm_state, fixed
        self.options = dict(_POWER_ON)
        self._armed: list[tuple[int, CameraFault]] = []
        self._n_frames = self._n_in_visit = 0
        self._visit: tuple[int, int, bool] | None = None
        self.is_plugged_in = True
        self.render_s = 0.0

    def inject(self, fault: CameraFault) -> None:
        """Let a fault happen after so many more frames: unplugging, a freeze or forgotten settings."""
        self._armed.append((self._n_frames + fault.after_grabs, fault))

    def read(self, name: str) -> float:
        """A setting."""
        return self.options[name]

    def write(self, name: str, value: float) -> None:
        """What the camera's own automatics do to a setting."""
        self.options[name] = value

    def take(self) -> NDArray[np.uint8] | None:
        """The next frame [H,W,3] RGB, None where it gives none."""
        for due in [(n, fault) for n, fault in self._armed if n <= self._n_frames]:
            self._armed.remove(due)
            match due[1]:
                case UnplugFault() | FrozenStreamFault():
                    self.is_plugged_in = not due[1].persistent
                    return None
                case ForgottenSettingsFault():
                    self.options = dict(_POWER_ON)
        if not self.is_plugged_in:
            return None
        arm = self._arm_state()
        visit = (arm.target_key, arm.arrival_index, arm.is_moving)
        if visit != self._visit:
            self._visit, self._n_in_visit = visit, 0
        started = time.perf_counter()
        pose = np.asarray(arm.q_true_rad, dtype=np.float64)
        rgb_u8 = self._scene.expose(
            self._scene.color(pose),
            self.read("exposure") * EXPOSURE_UNIT_US,
            self.read("gain"),
            self.read("white_balance"),
            (arm.target_key, self._n_in_visit),
        )
        self.render_s += time.perf_counter() - started
        self._n_frames += 1
        self._n_in_visit += 1
        adjust(self, rgb_u8)
        return rgb_u8


class VirtualUvc:
    """What cv2.VideoCapture offers of it."""

    def __init__(self, camera: SimulatedUvc) -> None:
        self._camera = camera
        self._stamp_ms = 0.0

    def isOpened(self) -> bool:
        """Whether it is plugged in."""
        return self._camera.is_plugged_in

    def read(self) -> tuple[bool, Any]:
        """Whether there is a frame, and the frame [H,W,3] BGR."""
        self._stamp_ms = time.monotonic_ns() / 1e6
        rgb_u8 = self._camera.take()
        return (False, None) if rgb_u8 is None else (True, cv2.cvtColor(rgb_u8, cv2.COLOR_RGB2BGR))

    def get(self, prop: int) -> float:
        """A property; 0 for what it does not have."""
        if prop == cv2.CAP_PROP_POS_MSEC:
            return self._stamp_ms
        return self._camera.options.get(_NAMES.get(prop, ""), 0.0)

    def set(self, prop: int, value: float) -> bool:
        """Set a property; False where it cannot be."""
        name = _NAMES.get(prop)
        if name is None or name in self._camera.fixed:
            return False
        if name == "enable_auto_exposure":
            value = float(value != _V4L2_MANUAL)
        self._camera.options[name] = value
        return True

    def release(self) -> None:
        """Let go of it."""
