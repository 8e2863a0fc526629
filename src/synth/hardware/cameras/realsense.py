"""Intel's RealSense cameras, or their software twins, as a Camera."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from synth.cell.model import CameraCell
from synth.errors import CameraError, CameraNotFound, CameraUnplugged, SettingsLost, StreamFrozen
from synth.hardware.camera import CameraInfo, CameraSample
from synth.hardware.cameras import realsense_options as options
from synth.hardware.cameras.driver import CameraDriver
from synth.hardware.cameras.realsense_metering import meter, warm_up
from synth.hardware.cameras.realsense_sdk import load_sdk, sdk_version, to_float, to_pinhole, to_transform
from synth.hardware.cameras.realsense_source import DeviceSource, UsbSource, probe
from synth.hardware.cameras.realsense_stream import Stream, StreamFormat, StreamPair
from synth.hardware.cameras.registration import Registration
from synth.hardware.probe import ProbeRow
from synth.hardware.simulated.optics import ArmState, Scene
from synth.hardware.simulated.realsense import SimulatedRealSense
from synth.hardware.simulated.realsense_device import SOFTWARE_L515, Product, software_d400

_VALID_C = -100.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Link:
    """What exists while the device streams."""

    streams: StreamPair
    register: Registration
    info: CameraInfo
    family: options.Family


class RealSenseCamera:
    """Camera over librealsense.

    config: the cell's camera section. source: finds the device. locked: exposure, gain and white balance to
    use instead of metering, such as those an interrupted run recorded in ``CameraInfo.options``
    (``color.exposure``, …).
    """

    # Seconds without a usable frame. Depth is given longer: it starts last.
    freeze_s: ClassVar[dict[str, float]] = {"color": 2.0, "depth": 3.0}

    def __init__(
        self, config: CameraCell, source: DeviceSource, *, locked: Mapping[str, float] | None = None
    ) -> None:
        self._config = config
        self._source = source
        self._locked = dict(locked) if locked else None
        self._streams: StreamPair | None = None
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
        rs, config = load_sdk(), self._config
        device = self._source.open()
        family = _family_of(device, config)
        color_sensor, depth_sensor = _sensor_of(device, rs.stream.color), _sensor_of(device, rs.stream.depth)
        options.apply(color_sensor, options.color_options(config))
        options.apply(depth_sensor, options.depth_options(config, family))
        color_format = StreamFormat("color", "rgb8", config.color_size_wh, config.fps)
        depth_format = StreamFormat("depth", "z16", config.depth_size_wh, config.fps)
        streams = self._streams = StreamPair(
            self._source,
            Stream(color_sensor, color_format, self.freeze_s["color"]),
            Stream(depth_sensor, depth_format, self.freeze_s["depth"]),
            config.fps,
        )
        serial = str(device.get_info(rs.camera_info.serial_number))
        profiles = streams.color.start(serial), streams.depth.start(serial)
        streams.wait(time.monotonic_ns(), patience=2.0)
        warm_up(lambda: streams.next()[1].pixels(), lambda: _is_warm(depth_sensor, family))
        if self._locked is None:
            fixed = None if config.exposure == "meter_once" else float(config.exposure)
            self._locked = meter(color_sensor, lambda: streams.next()[0], fixed)
        options.apply(color_sensor, {**options.AUTO_OFF, **self._locked})
        info = self._describe(device, streams, *profiles)
        assert info.depth is not None
        assert info.T_cam_depth is not None
        assert info.depth_scale_m is not None
        register = Registration(info.depth, info.color, info.T_cam_depth, info.depth_scale_m)
        self._link = _Link(streams, register, info, family)
        log.info(
            "Camera %s, serial %s, firmware %s, SDK %s", info.name, serial, info.firmware, info.sdk_version
        )

    def _describe(
        self, device: Any, streams: StreamPair, color_profile: Any, depth_profile: Any
    ) -> CameraInfo:
        rs = load_sdk()
        color_sensor, depth_sensor = streams.color.sensor, streams.depth.sensor
        return CameraInfo(
            name=str(device.get_info(rs.camera_info.name)),
            serial=str(device.get_info(rs.camera_info.serial_number)),
            firmware=str(device.get_info(rs.camera_info.firmware_version)),
            sdk_version=sdk_version(),
            usb=str(device.get_info(rs.camera_info.usb_type_descriptor)),
            color=to_pinhole(color_profile.as_video_stream_profile().get_intrinsics()),
            depth=to_pinhole(depth_profile.as_video_stream_profile().get_intrinsics()),
            T_cam_depth=to_transform(depth_profile.get_extrinsics_to(color_profile)),
            depth_scale_m=to_float(depth_sensor.as_depth_sensor().get_depth_scale()),
            simulated=self._source.simulated,
            options={f"color.{k}": v for k, v in options.read_all(color_sensor).items()}
            | {f"depth.{k}": v for k, v in options.read_all(depth_sensor).items()},
        )

    def _disconnect(self) -> None:
        self._link = None
        streams, self._streams = self._streams, None
        if streams:
            streams.stop()
        if self._source.usb_errors:
            log.warning("%d USB transfers failed: check cable and port", self._source.usb_errors)

    def _linked(self) -> _Link:
        if self._link is None:
            raise CameraError("The camera is not connected: use it as a context manager (with camera: …)")
        return self._link

    def _grab(self, after_ns: int) -> CameraSample:
        link = self._linked()
        color, depth = link.streams.wait(after_ns)
        if lost := self._lost_settings(link):
            log.warning("The camera lost its settings (%s): setting them again", "; ".join(lost))
            for sensor, wanted in self._wanted(link):
                options.apply(sensor, wanted)
            for _ in range(2):  # Frames on their way may still have been exposed with the old ones.
                color, depth = link.streams.next()
            if lost := self._lost_settings(link):
                raise SettingsLost(
                    f"The camera forgets its settings ({'; '.join(lost)}): unplug it for 10 s, then run the "
                    "same command again"
                )
        return CameraSample(
            rgb_u8=color.pixels(),
            depth_counts=link.register(depth.pixels()),
            depth_scale_m=link.info.depth_scale_m,
            t_color_ns=color.t_ns,
            t_depth_ns=depth.t_ns,
            frame_number_color=color.number,
            frame_number_depth=depth.number,
            temperature_c=_temperature_c(link.streams.depth.sensor, link.family),
        )

    def _wanted(self, link: _Link) -> tuple[tuple[Any, dict[str, float]], ...]:
        """Each sensor and what its options must read while shots are taken."""
        color = options.color_options(self._config) | options.AUTO_OFF | self.locked
        return (
            (link.streams.color.sensor, color),
            (link.streams.depth.sensor, options.depth_options(self._config, link.family)),
        )

    def _lost_settings(self, link: _Link) -> list[str]:
        return [
            phrase for sensor, wanted in self._wanted(link) for phrase in options.differences(sensor, wanted)
        ]


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


def _family_of(device: Any, config: CameraCell) -> options.Family:
    """What its product line is set to; raises CameraNotFound for another product than the cell's."""
    rs = load_sdk()
    name, serial = (str(device.get_info(i)) for i in (rs.camera_info.name, rs.camera_info.serial_number))
    if name.split()[-1].upper() != config.known.title.upper():
        raise CameraNotFound(
            f"Camera {serial} is an {name}, and the cell describes a {config.known.title}: correct "
            "camera.model or camera.serial"
        )
    return options.FAMILIES[str(device.get_info(rs.camera_info.product_line))]


def _is_warm(depth_sensor: Any, family: options.Family) -> bool:
    """Whether the temperature is valid, or the camera tells none."""
    is_told = options.read(depth_sensor, family.temperature) is not None
    return not is_told or _temperature_c(depth_sensor, family) is not None


def _temperature_c(depth_sensor: Any, family: options.Family) -> float | None:
    temperature = options.read(depth_sensor, family.temperature)
    return None if temperature is None or temperature < _VALID_C else temperature


@dataclass(frozen=True)
class RealSenseDriver:
    """A RealSense; implements ``CameraDriver``. product: how its software twin presents itself."""

    product: Product

    def camera(self, config: CameraCell, *, locked: Mapping[str, float] | None = None) -> RealSenseCamera:
        """The camera on USB with the serial number of the cell, not connected yet."""
        return RealSenseCamera(config, UsbSource(config.serial), locked=locked)

    def simulated(
        self,
        config: CameraCell,
        scene: Scene,
        arm_state: Callable[[], ArmState],
        *,
        locked: Mapping[str, float] | None = None,
    ) -> tuple[RealSenseCamera, SimulatedRealSense]:
        """The same driver in front of librealsense's software device."""
        device = SimulatedRealSense(scene, arm_state, config, product=self.product)
        return RealSenseCamera(config, device, locked=locked), device

    def probe(self) -> Iterable[ProbeRow]:
        """What librealsense sees, and an L515 on USB that it cannot see."""
        return probe()


L515: CameraDriver = RealSenseDriver(SOFTWARE_L515)
D435: CameraDriver = RealSenseDriver(software_d400("D435", "0B07"))
D435I: CameraDriver = RealSenseDriver(software_d400("D435I", "0B3A"))
D455: CameraDriver = RealSenseDriver(software_d400("D455", "0B5C"))
