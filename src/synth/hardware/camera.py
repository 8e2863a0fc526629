"""What capture needs from an RGB-D camera."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array


@dataclass(frozen=True, eq=False)
class CameraInfo:
    """What is connected and how it is set.

    color, depth: the SDK's own intrinsics. T_cam_depth: maps depth-sensor points to the colour camera's
    frame [4,4]. depth_scale_m: metres per count, as the sensor reports it. options: every option that was
    set, as it reads back, by stream and the SDK's own name; each camera has ``color.exposure``,
    ``color.gain`` and ``color.white_balance``, which a run that goes on gives its driver as ``locked``.
    """

    name: str
    serial: str
    firmware: str
    sdk_version: str
    usb: str
    color: Pinhole
    depth: Pinhole
    T_cam_depth: Array
    depth_scale_m: float
    simulated: bool
    options: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CameraSample:
    """One synchronised pair.

    rgb_u8: [H,W,3]. depth_counts: [H,W] uint16 registered to the colour image, 0 = missing; depth along z
    in metres is ``depth_counts * depth_scale_m``. t_color_ns, t_depth_ns: exposure stamps on the host's
    ``time.monotonic_ns()``. temperature_c: None where the device gives none.
    """

    rgb_u8: NDArray[np.uint8]
    depth_counts: NDArray[np.uint16]
    depth_scale_m: float
    t_color_ns: int
    t_depth_ns: int
    frame_number_color: int
    frame_number_depth: int
    temperature_c: float | None


class Camera(Protocol):
    """An RGB-D camera that gives frames taken after a stated moment.

    Entering finds the camera by serial, applies and reads back its settings, warms up, meters once and
    locks exposure, gain and white balance. Every method may raise the CameraError of its cause.
    """

    @property
    def info(self) -> CameraInfo:
        """Identity and settings, readable once connected."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def grab(self, *, after_ns: int) -> CameraSample:
        """The first complete pair with both stamps later than ``after_ns`` (``time.monotonic_ns()``).

        Raises StreamFrozen or CameraUnplugged after recovery was tried, SettingsLost when options do not
        read back.
        """
        ...
