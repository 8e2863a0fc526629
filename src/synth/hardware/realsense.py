"""An Intel RealSense L515 (or its software twin) as a Camera: sensors opened one by one, frames taken after a
moment.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from synth.cell.model import CameraCell
from synth.errors import CameraError, CameraUnplugged, SettingsLost, StreamFrozen
from synth.hardware import realsense_options as options
from synth.hardware.camera import CameraInfo, CameraSample
from synth.hardware.realsense_metering import meter, warm_up
from synth.hardware.realsense_sdk import load_sdk, sdk_version, to_float, to_pinhole, to_transform
from synth.hardware.realsense_source import DeviceSource, UsbSource, probe
from synth.hardware.realsense_stream import StampedFrame, Stream, StreamFormat
from synth.hardware.registration import Registration

__all__ = ["RealSenseCamera", "UsbSource", "probe"]

_POLL_MS = 100
_MIN_ROUNDS = 10  # A stream is frozen after its time and as many polls: one slow poll is no freeze.
_VALID_C = -100.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Link:
    """What exists while the device streams."""

    color: Stream
    depth: Stream
    register: Registration
    depth_scale_m: float
    info: CameraInfo


class RealSenseCamera:
    """Camera over librealsense.

    config: the cell's camera section. source: finds the device. locked: exposure, gain and white balance to
    use instead of metering, such as those an interrupted run recorded in ``CameraInfo.options``
    (``color.exposure``, …).
    """

    # Seconds without an acceptable frame. Depth is given longer: it is the stream that dies first and starts
    # last.
    freeze_s: ClassVar[dict[str, float]] = {"color": 2.0, "depth": 3.0}

    def __init__(
        self, config: CameraCell, source: DeviceSource, *, locked: Mapping[str, float] | None = None
    ) -> None:
        self._config = config
        self._source = source
        self._locked = dict(locked) if locked else None
        self._streams: tuple[Stream, ...] = ()
        self._link: _Link | None = None

    @property
    def info(self) -> CameraInfo:
        """Identity and settings; raises CameraError before connecting."""
        return self._linked().info

    @property
    def locked(self) -> dict[str, float]:
        """The exposure, gain and white balance in use, as the options' own numbers."""
        return dict(self._locked or {})

    def __enter__(self) -> Self:
        try:
            self._connect()
        except (StreamFrozen, RuntimeError) as error:
            self._recover(error)
        except BaseException:
            self._disconnect()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disconnect()

    def grab(self, *, after_ns: int) -> CameraSample:
        """As the protocol says; after a freeze or an SDK error the device is reset once and asked again."""
        self._linked()
        try:
            return self._grab(after_ns)
        except (StreamFrozen, RuntimeError) as error:
            self._recover(error)
        try:
            return self._grab(after_ns)
        except RuntimeError as error:
            raise _unplugged(error) from error

    def _recover(self, cause: Exception) -> None:
        """Reset our own device, connect anew, set everything again and read it back."""
        log.warning("%s; resetting the camera once", cause)
        self._disconnect()
        try:
            self._source.reset()
            self._connect()
        except StreamFrozen as error:
            self._disconnect()
            raise StreamFrozen(f"{error}; a reset did not help") from None
        except RuntimeError as error:
            self._disconnect()
            raise _unplugged(error) from error
        except BaseException:
            self._disconnect()
            raise

    def _connect(self) -> None:
        device = self._source.open()
        rs = load_sdk()
        serial = str(device.get_info(rs.camera_info.serial_number))
        color_sensor, depth_sensor = _sensor_of(device, rs.stream.color), _sensor_of(device, rs.stream.depth)
        options.apply(color_sensor, options.color_options(self._config))
        options.apply(depth_sensor, options.depth_options(self._config))
        fps = self._config.fps
        color = Stream(
            color_sensor,
            StreamFormat("color", "rgb8", self._config.color_size_wh, fps),
            self.freeze_s["color"],
        )
        depth = Stream(
            depth_sensor,
            StreamFormat("depth", "z16", self._config.depth_size_wh, fps),
            self.freeze_s["depth"],
        )
        self._streams = (color, depth)
        color_profile, depth_profile = color.start(serial), depth.start(serial)
        self._wait_for_pair(color, depth, time.monotonic_ns(), patience=2.0)
        warm_up(lambda: _pixels(self._next_pair(color, depth)[1]), lambda: _temperature_c(depth_sensor))
        self._lock(color, depth)
        depth_scale_m = to_float(depth_sensor.as_depth_sensor().get_depth_scale())
        info = CameraInfo(
            name=str(device.get_info(rs.camera_info.name)),
            serial=serial,
            firmware=str(device.get_info(rs.camera_info.firmware_version)),
            sdk_version=sdk_version(),
            usb=str(device.get_info(rs.camera_info.usb_type_descriptor)),
            color=to_pinhole(color_profile.as_video_stream_profile().get_intrinsics()),
            depth=to_pinhole(depth_profile.as_video_stream_profile().get_intrinsics()),
            T_cam_depth=to_transform(depth_profile.get_extrinsics_to(color_profile)),
            depth_scale_m=depth_scale_m,
            simulated=self._source.simulated,
            options={f"color.{k}": v for k, v in options.read_all(color_sensor).items()}
            | {f"depth.{k}": v for k, v in options.read_all(depth_sensor).items()},
        )
        register = Registration(info.depth, info.color, info.T_cam_depth, depth_scale_m)
        self._link = _Link(color, depth, register, depth_scale_m, info)
        log.info(
            "Camera %s, serial %s, firmware %s, SDK %s", info.name, serial, info.firmware, info.sdk_version
        )

    def _lock(self, color: Stream, depth: Stream) -> None:
        if self._locked is None:

            def next_frame() -> tuple[Any, NDArray[np.uint8]]:
                frame = self._next_pair(color, depth)[0]
                return frame.frame, _pixels(frame)

            fixed = None if self._config.exposure == "meter_once" else float(self._config.exposure)
            self._locked = meter(color.sensor, next_frame, fixed)
        options.apply(color.sensor, {**options.AUTO_OFF, **self._locked})

    def _disconnect(self) -> None:
        self._link = None
        streams, self._streams = self._streams, ()
        for stream in streams:
            stream.stop()
        if self._source.usb_errors:
            log.warning("%d USB transfers failed: check cable and port", self._source.usb_errors)

    def _linked(self) -> _Link:
        if self._link is None:
            raise CameraError("The camera is not connected: use it as a context manager (with camera: …)")
        return self._link

    def _grab(self, after_ns: int) -> CameraSample:
        link = self._linked()
        color, depth = self._wait_for_pair(link.color, link.depth, after_ns)
        if lost := self._lost_settings(link):
            log.warning("The camera lost its settings (%s): setting them again", "; ".join(lost))
            self._set_all(link)
            for _ in range(2):  # Frames on their way may still have been exposed with the old ones.
                color, depth = self._next_pair(link.color, link.depth)
            if lost := self._lost_settings(link):
                raise SettingsLost(
                    f"The camera forgets its settings ({'; '.join(lost)}): unplug it for 10 s, then run the "
                    "same command again"
                )
        return CameraSample(
            rgb_u8=_pixels(color),
            depth_counts=link.register(_pixels(depth)),
            depth_scale_m=link.depth_scale_m,
            t_color_ns=color.t_ns,
            t_depth_ns=depth.t_ns,
            frame_number_color=color.number,
            frame_number_depth=depth.number,
            temperature_c=_temperature_c(link.depth.sensor),
        )

    def _wanted(self) -> tuple[dict[str, float], dict[str, float]]:
        color = options.color_options(self._config) | options.AUTO_OFF | self.locked
        return color, options.depth_options(self._config)

    def _set_all(self, link: _Link) -> None:
        for stream, wanted in zip((link.color, link.depth), self._wanted(), strict=True):
            options.apply(stream.sensor, wanted)

    def _lost_settings(self, link: _Link) -> list[str]:
        color, depth = self._wanted()
        return options.differences(link.color.sensor, color) + options.differences(link.depth.sensor, depth)

    def _next_pair(self, color: Stream, depth: Stream) -> tuple[StampedFrame, StampedFrame]:
        return self._wait_for_pair(color, depth, time.monotonic_ns())

    def _wait_for_pair(
        self, color: Stream, depth: Stream, after_ns: int, patience: float = 1.0
    ) -> tuple[StampedFrame, StampedFrame]:
        """The next frames of both streams taken after ``after_ns`` and within a frame and a half of each
        other.
        """
        started = time.monotonic()
        max_gap_ns = 1.5e9 / self._config.fps
        found: dict[str, StampedFrame] = {}
        rounds = 0
        while True:
            self._source.request_frames()
            rounds += 1
            for stream in (color, depth):
                frame = stream.newest(1 if stream.name in found else _POLL_MS)
                if frame and frame.t_ns > after_ns:
                    found[stream.name] = frame
            if len(found) == 2:
                if abs(found["color"].t_ns - found["depth"].t_ns) <= max_gap_ns:
                    return found["color"], found["depth"]
                del found[min(found, key=lambda name: found[name].t_ns)]
            waited_s = time.monotonic() - started
            for stream in (color, depth):
                if (
                    stream.name not in found
                    and rounds >= _MIN_ROUNDS
                    and waited_s > patience * stream.freeze_s
                ):
                    raise StreamFrozen(
                        f"The {stream.name} stream gave nothing new for {waited_s:.1f} s "
                        f"({stream.refused} old frames refused): check cable and port, unplug the camera "
                        "for 10 s, then run the same command again"
                    )


def _sensor_of(device: Any, stream_kind: Any) -> Any:
    for sensor in device.query_sensors():
        if any(profile.stream_type() == stream_kind for profile in sensor.get_stream_profiles()):
            return sensor
    raise CameraError(
        f"The camera has no {stream_kind.name} sensor: synth needs one that gives colour and depth"
    )


def _unplugged(error: RuntimeError) -> CameraUnplugged:
    return CameraUnplugged(
        f"The camera does not answer after a reset ({error}): check cable and port, then run the same "
        "command again"
    )


def _pixels(stamped: StampedFrame) -> NDArray[Any]:
    """A copy: the memory under ``get_data`` goes back to librealsense with the frame."""
    return np.array(stamped.frame.as_video_frame().get_data())


def _temperature_c(depth_sensor: Any) -> float | None:
    temperature = options.read(depth_sensor, "apd_temperature")
    return None if temperature is None or temperature < _VALID_C else temperature
