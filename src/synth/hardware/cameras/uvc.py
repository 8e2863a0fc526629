"""Any USB video camera (UVC) through OpenCV's V4L2, without depth.

Exposure counts in 100 µs, as V4L2 does; gain and white balance as the device does. What a device cannot lock
is said once and left out of ``CameraInfo.options``.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.cell.model import CameraCell
from synth.errors import CameraError, CameraNotFound, CameraUnplugged, SettingsLost
from synth.hardware.camera import CameraInfo, CameraSample
from synth.hardware.cameras.driver import CameraDriver
from synth.hardware.probe import ProbeRow
from synth.hardware.simulated.optics import ArmState, Scene
from synth.hardware.simulated.uvc import SimulatedUvc, VirtualUvc

log = logging.getLogger(__name__)

_LOCKS = {
    "exposure": (cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_AUTO_EXPOSURE),
    "gain": (cv2.CAP_PROP_GAIN, None),
    "white_balance": (cv2.CAP_PROP_WB_TEMPERATURE, cv2.CAP_PROP_AUTO_WB),
}
"""What is locked: its property and that of its automatics."""

_MANUAL, _AUTO = {"exposure": 1.0, "white_balance": 0.0}, {"exposure": 3.0, "white_balance": 1.0}
"""What switches automatics off and on: V4L2 has 1 and 3 for exposure."""

_SETTLE_FRAMES = 12
_BUFFERED = 5
"""Frames that V4L2 may have taken before they were asked for: four in its queue, one being exposed."""

_STAMP_AGE_S = 5.0


class VideoDevice(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...

    def read(self) -> tuple[bool, Any]: ...

    def get(self, prop: int) -> float: ...

    def set(self, prop: int, value: float) -> bool: ...

    def release(self) -> None: ...


class UvcCamera:
    """A UVC camera; implements ``Camera``.

    config: the cell's camera section; ``serial`` is /dev/videoN, a link to it under /dev/v4l/by-id, or a
    film. open_device: opens it. locked: exposure, gain and white balance to use instead of metering.
    """

    def __init__(
        self,
        config: CameraCell,
        open_device: Callable[[], VideoDevice],
        *,
        simulated: bool = False,
        locked: Mapping[str, float] | None = None,
    ) -> None:
        self._config = config
        self._open_device = open_device
        self._is_simulated = simulated
        self._locked = dict(locked) if locked else None
        self._device: VideoDevice | None = None
        self._info: CameraInfo | None = None
        self._number = self._n_unstamped = 0

    @property
    def info(self) -> CameraInfo:
        """Identity and settings; raises CameraError before connecting."""
        if self._info is None:
            raise CameraError("The camera is not connected: use it as a context manager (with camera: …)")
        return self._info

    def __enter__(self) -> Self:
        try:
            self._connect()
        except BaseException:
            self._disconnect()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disconnect()

    def grab(self, *, after_ns: int) -> CameraSample:
        """As the protocol says; a device that stops giving frames is opened anew once."""
        _ = self.info
        try:
            rgb_u8, t_ns = self._after(after_ns)
        except CameraUnplugged as error:
            log.warning("%s; opening the camera anew", error)
            self._disconnect()
            self._reconnect()
            rgb_u8, t_ns = self._after(after_ns)
        if lost := self._lost():
            log.warning("The camera lost its settings (%s): setting them again", "; ".join(lost))
            self._lock(self._locked or {})
            rgb_u8, t_ns = self._after(time.monotonic_ns())
            if lost := self._lost():
                raise SettingsLost(
                    f"The camera forgets its settings ({'; '.join(lost)}): unplug it for 10 s, then run the "
                    "same command again"
                )
        self._number += 1
        return CameraSample(rgb_u8=rgb_u8, t_color_ns=t_ns, frame_number_color=self._number)

    def _connect(self) -> None:
        config, device = self._config, self._open_device()
        self._device = device
        if not device.isOpened():
            raise CameraNotFound(
                f"No video device opens at {config.serial}: write /dev/videoN, or its link under "
                "/dev/v4l/by-id, in camera.serial, and close other programs that use it"
            )
        device.set(cv2.CAP_PROP_FRAME_WIDTH, config.color_size_wh[0])
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, config.color_size_wh[1])
        device.set(cv2.CAP_PROP_FPS, config.fps)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        rgb_u8, _ = self._next()
        found_wh = (rgb_u8.shape[1], rgb_u8.shape[0])
        if found_wh != config.color_size_wh:
            width, height = config.color_size_wh
            raise CameraError(
                f"The camera at {config.serial} gives {found_wh[0]}×{found_wh[1]} where {width}×{height} was "
                "asked for: correct camera.color_size_wh"
            )
        self._locked = self._meter() if self._locked is None else self._lock(self._locked)
        pinhole = config.pinhole
        self._info = CameraInfo(
            name=config.known.title,
            serial=config.serial,
            firmware="not told",
            sdk_version=f"OpenCV {cv2.__version__}",
            usb="not told",
            color=pinhole,
            simulated=self._is_simulated,
            options={f"color.{name}": value for name, value in self._locked.items()},
        )
        log.info("Camera at %s, locked at %s", config.serial, self._locked)

    def _reconnect(self) -> None:
        """Connect again; a device that was there and is not found any more has been unplugged."""
        try:
            self._connect()
        except CameraNotFound:
            raise CameraUnplugged(
                f"The camera at {self._config.serial} was unplugged and did not come back: plug it in, then "
                "run the same command again"
            ) from None

    def _disconnect(self) -> None:
        device, self._device, self._info = self._device, None, None
        if device is not None:
            device.release()

    # ---------------------------------------------------------------- frames

    def _next(self) -> tuple[NDArray[np.uint8], int]:
        """The next frame [H,W,3] and when it was taken, on ``time.monotonic_ns()``."""
        assert self._device is not None
        asked_ns = time.monotonic_ns()
        is_there, bgr_u8 = self._device.read()
        if not is_there:
            raise CameraUnplugged(
                f"The camera at {self._config.serial} gives no more frames: check cable and port, then run "
                "the same command again"
            )
        stamp_ns = round(self._device.get(cv2.CAP_PROP_POS_MSEC) * 1e6)  # V4L2's, on the same clock.
        is_stamp = 0 <= time.monotonic_ns() - stamp_ns < _STAMP_AGE_S * 1e9
        if is_stamp:
            self._n_unstamped = 0
        else:
            self._n_unstamped += 1
        rgb_u8 = np.asarray(cv2.cvtColor(bgr_u8, cv2.COLOR_BGR2RGB), dtype=np.uint8)
        return rgb_u8, stamp_ns if is_stamp else asked_ns

    def _after(self, after_ns: int) -> tuple[NDArray[np.uint8], int]:
        """The first frame that was surely taken after a moment.

        Of a device that stamps nothing, what may have waited in a queue is dropped.
        """
        self._n_unstamped = 0
        rgb_u8, t_ns = self._next()
        while t_ns <= after_ns or 0 < self._n_unstamped <= _BUFFERED:
            rgb_u8, t_ns = self._next()
        return rgb_u8, t_ns

    # ---------------------------------------------------------------- settings

    def _meter(self) -> dict[str, float]:
        """Let the automatics settle, then lock what they chose; the cell's own exposure instead, if any."""
        assert self._device is not None
        for name, value in _AUTO.items():
            self._device.set(_automatics(name), value)
        for _ in range(_SETTLE_FRAMES):
            self._next()
        chosen = {name: self._device.get(prop) for name, (prop, _) in _LOCKS.items()}
        if self._config.exposure != "meter_once":
            chosen["exposure"] = float(self._config.exposure)
        return self._lock(chosen)

    def _lock(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Switch automatics off, set what is wanted, and return what reads back; say what cannot be."""
        assert self._device is not None
        locked = {}
        for name, (prop, automatics) in _LOCKS.items():
            is_off = automatics is None or self._device.set(automatics, _MANUAL[name])
            if name in wanted and wanted[name] > 0 and is_off and self._device.set(prop, wanted[name]):
                locked[name] = float(self._device.get(prop))
        if unlocked := sorted(set(_LOCKS) - set(locked)):
            log.warning(
                "The camera at %s cannot lock its %s: colours may change from shot to shot",
                self._config.serial,
                ", ".join(unlocked),
            )
        return locked

    def _lost(self) -> list[str]:
        assert self._device is not None
        assert self._locked is not None
        found = {name: self._device.get(_LOCKS[name][0]) for name in self._locked}
        return [
            f"{name} was set to {value:g} and reads {found[name]:g}"
            for name, value in self._locked.items()
            if abs(found[name] - value) > 1e-3 * abs(value)
        ]


def _automatics(name: str) -> int:
    automatics = _LOCKS[name][1]
    assert automatics is not None
    return automatics


def open_video(serial: str) -> VideoDevice:
    """OpenCV's device of a path, or of the number of /dev/videoN."""
    device = int(serial) if serial.isdigit() else serial
    if serial.isdigit() or serial.startswith("/dev/"):
        return cv2.VideoCapture(device, cv2.CAP_V4L2)
    return cv2.VideoCapture(device)


class UvcDriver:
    """Any UVC camera; implements ``CameraDriver``."""

    def camera(self, config: CameraCell, *, locked: Mapping[str, float] | None = None) -> UvcCamera:
        """The camera at the path of the cell, not connected yet."""
        return UvcCamera(config, lambda: open_video(config.serial), locked=locked)

    def simulated(
        self,
        config: CameraCell,
        scene: Scene,
        arm_state: Callable[[], ArmState],
        *,
        locked: Mapping[str, float] | None = None,
    ) -> tuple[UvcCamera, SimulatedUvc]:
        """The same driver in front of a device that shows the scene."""
        device = SimulatedUvc(scene, arm_state)
        return UvcCamera(config, lambda: VirtualUvc(device), simulated=True, locked=locked), device

    def probe(self) -> Iterable[ProbeRow]:
        """Nothing: which of a machine's video devices is meant, only the cell says."""
        return ()


UVC: CameraDriver = UvcDriver()
