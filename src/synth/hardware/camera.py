"""What capture needs from a camera."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import to_depth_m
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array


@dataclass(frozen=True, eq=False)
class CameraInfo:
    """What is connected and how it is set.

    color, depth: the SDK's own intrinsics. T_cam_depth: maps depth-sensor points to the colour camera's
    frame [4,4]. depth_scale_m: metres per count, as the sensor reports it. A camera without depth has None of
    the three. options: every option that was set, as it reads back, by stream and the SDK's own name; what is
    locked of ``color.exposure``, ``color.gain`` and ``color.white_balance`` is among them, which a run that
    goes on gives its driver as ``locked``.
    """

    name: str
    serial: str
    firmware: str
    sdk_version: str
    usb: str
    color: Pinhole
    simulated: bool
    depth: Pinhole | None = None
    T_cam_depth: Array | None = None
    depth_scale_m: float | None = None
    options: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CameraSample:
    """One synchronised pair, or a colour picture alone: all of depth is None then.

    rgb_u8: [H,W,3]. depth_counts: [H,W] uint16 registered to the colour image, 0 = missing; depth along z
    in metres is ``depth_counts * depth_scale_m``. t_color_ns, t_depth_ns: exposure stamps on the host's
    ``time.monotonic_ns()``. temperature_c: None where the device gives none.
    """

    rgb_u8: NDArray[np.uint8]
    t_color_ns: int
    frame_number_color: int
    depth_counts: NDArray[np.uint16] | None = None
    depth_scale_m: float | None = None
    t_depth_ns: int | None = None
    frame_number_depth: int | None = None
    temperature_c: float | None = None

    @property
    def depth_m(self) -> NDArray[np.float32] | None:
        """Depth [H,W] along z, registered to the colour image, 0 = missing."""
        if self.depth_counts is None or self.depth_scale_m is None:
            return None
        return to_depth_m(self.depth_counts, self.depth_scale_m)


class Camera(Protocol):
    """A camera, with depth or without, that gives frames taken after a stated moment.

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
