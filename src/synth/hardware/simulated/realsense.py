"""A simulated RealSense: a DeviceSource whose frames show the scene at the instant they are asked for.

A real one streams freely; this one makes a pair when the driver's ``request_frames`` asks for it, since a
rendered frame is dear. Behind that call everything is librealsense's own software device.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.cell.model import CameraCell
from synth.errors import CameraUnplugged
from synth.hardware.simulated.automatics import EXPOSURE_UNIT_US, adjust
from synth.hardware.simulated.faults_camera import (
    CameraFault,
    DroppedFrameFault,
    ForgottenSettingsFault,
    FrozenStreamFault,
    StaleFrameFault,
    TornPairFault,
    UnplugFault,
)
from synth.hardware.simulated.optics import ArmState, Scene
from synth.hardware.simulated.realsense_device import (
    SOFTWARE_L515,
    Product,
    SoftwareRealSense,
)

_FRAMES_TO_WARM = 3


class SimulatedRealSense:
    """A camera that looks at ``scene``, in which the arm stands where ``arm_state`` says.

    The noise of a pair follows from the commanded joints and the number of complete pairs since the arm
    arrived there, so a run that is interrupted and continued sees the same pictures.
    """

    simulated = True
    usb_errors = 0

    def __init__(
        self,
        scene: Scene,
        arm_state: Callable[[], ArmState],
        config: CameraCell,
        faults: Sequence[CameraFault] = (),
        *,
        product: Product = SOFTWARE_L515,
    ) -> None:
        self._product = product
        self._scene = scene
        self._arm_state = arm_state
        self._config = config
        self._armed: list[tuple[int, CameraFault]] = []
        self._pairs = 0
        self._frozen: set[str] = set()
        self._plugged_in = True
        self._device: SoftwareRealSense | None = None
        self._number = 0
        self._visit: tuple[int, int, bool] | None = None
        self._pairs_in_visit = 0
        self._last: tuple[NDArray[np.uint8], NDArray[np.uint16], int, float] | None = None
        self.render_s = 0.0
        for fault in faults:
            self.inject(fault)

    def inject(self, fault: CameraFault) -> None:
        """Let a fault happen after so many more pairs."""
        self._armed.append((self._pairs + fault.after_grabs, fault))

    def open(self) -> Any:
        if not self._plugged_in:
            raise CameraUnplugged("The simulated camera is unplugged: run the same command again")
        self._device = SoftwareRealSense(self._scene, self._config, self._product)
        self._number = 0
        return self._device.device

    def reset(self) -> None:
        self._device = None
        self._plugged_in = not any(isinstance(f, UnplugFault) and f.persistent for f in self._due())
        self._frozen.clear()
        if not self._plugged_in:
            raise CameraUnplugged(
                "The camera was unplugged and did not come back: plug it in, then run the same command again"
            )

    def request_frames(self) -> None:
        """Make one pair of the scene as it is now, and do to it what the faults say."""
        assert self._device is not None
        device = self._device
        fault = self._strike(device)
        if not self._plugged_in:
            return
        arm = self._arm_state()
        stamp_ms = time.time_ns() / 1e6
        if isinstance(fault, StaleFrameFault) and self._last:
            rgb_u8, counts, number, stamp_ms = self._last
            device.push_color(rgb_u8, number, stamp_ms)
            device.push_depth(counts, number, stamp_ms)
            return
        started = time.perf_counter()
        rgb_u8, counts = self._take(device, arm)
        self.render_s += time.perf_counter() - started
        self._number += 1
        missing = self._frozen | ({fault.stream} if isinstance(fault, DroppedFrameFault) else set())
        if "color" not in missing:
            device.push_color(rgb_u8, self._number, stamp_ms)
        if "depth" not in missing:
            late_ms = fault.by_ms if isinstance(fault, TornPairFault) else 0.0
            device.push_depth(counts, self._number, stamp_ms - late_ms)
        adjust(device, rgb_u8, max_gain=self._product.gain_range[1])
        device.set_temperature(is_warm=self._number >= _FRAMES_TO_WARM)
        if not missing and not isinstance(fault, TornPairFault):
            self._pairs_in_visit += 1
            self._last = rgb_u8, counts, self._number, stamp_ms
            self._pairs += 1

    def _take(self, device: SoftwareRealSense, arm: ArmState) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        visit = (arm.target_key, arm.arrival_index, arm.is_moving)
        if visit != self._visit:
            self._visit, self._pairs_in_visit = visit, 0
        key = (arm.target_key, self._pairs_in_visit)
        pose = np.asarray(arm.q_true_rad, dtype=np.float64)
        rgb_u8 = self._scene.expose(
            self._scene.color(pose),
            device.read("exposure") * EXPOSURE_UNIT_US,
            device.read("gain"),
            device.read("white_balance"),
            key,
        )
        return rgb_u8, self._scene.depth_counts(pose, key)

    def _due(self) -> list[CameraFault]:
        return [fault for pairs, fault in self._armed if pairs <= self._pairs]

    def _strike(self, device: SoftwareRealSense) -> CameraFault | None:
        """The fault whose turn it is, its lasting effects applied."""
        if not (due := self._due()):
            return None
        fault = due[0]
        if not fault.persistent:
            self._armed = [(pairs, other) for pairs, other in self._armed if other is not fault]
        if isinstance(fault, FrozenStreamFault):
            self._frozen.add(fault.stream)
        elif isinstance(fault, UnplugFault):
            self._plugged_in = False
        elif isinstance(fault, ForgottenSettingsFault):
            device.forget_settings()
        return fault
