"""librealsense's software device with the streams, intrinsics, options and identity of a RealSense."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.cell.model import CameraCell
from synth.geometry.pinhole import Pinhole
from synth.hardware.cameras.realsense_sdk import load_sdk, to_extrinsics, to_intrinsics
from synth.hardware.simulated.automatics import POWER_ON_GAIN
from synth.hardware.simulated.optics import Optics

SERIAL = "f0000001"
WARM_C = 38.0

# Option: minimum, maximum, step, value at power-on.
_Options = Mapping[str, tuple[float, float, float, float]]

_COLOR_OPTIONS: _Options = {
    "exposure": (1, 10000, 1, 156),
    "gain": (0, 4096, 1, POWER_ON_GAIN),
    "white_balance": (2800, 6500, 10, 4600),
    "enable_auto_exposure": (0, 1, 1, 1),
    "enable_auto_white_balance": (0, 1, 1, 1),
    "auto_exposure_priority": (0, 1, 1, 1),
    "power_line_frequency": (0, 3, 1, 3),
    "global_time_enabled": (0, 1, 1, 0),
    "brightness": (-64, 64, 1, 0),
    "contrast": (0, 100, 1, 50),
    "saturation": (0, 100, 1, 64),
    "sharpness": (0, 100, 1, 50),
}
_L515_OPTIONS: _Options = {
    "visual_preset": (0, 6, 1, 4),
    "sensor_mode": (0, 2, 1, 0),
    "global_time_enabled": (0, 1, 1, 0),
    "laser_power": (0, 100, 1, 71),
    "receiver_gain": (8, 18, 1, 18),
    "confidence_threshold": (0, 3, 1, 1),
    "min_distance": (0, 16000, 1, 190),
    "noise_filtering": (0, 6, 1, 2),
    "pre_processing_sharpening": (0, 5, 0.1, 0),
    "post_processing_sharpening": (0, 3, 0.1, 1),
}


_D400_OPTIONS: _Options = {
    "visual_preset": (0, 5, 1, 0),
    "enable_auto_exposure": (0, 1, 1, 1),
    "exposure": (1, 165000, 1, 33000),
    "gain": (16, 248, 1, 16),
    "emitter_enabled": (0, 2, 1, 1),
    "laser_power": (0, 360, 30, 150),
    "global_time_enabled": (0, 1, 1, 0),
}


@dataclass(frozen=True)
class Product:
    """How a product presents itself. cold_c: what it reports as its temperature for its first seconds."""

    name: str
    product_id: str
    line: str
    firmware: str
    depth_sensor: str
    depth_options: _Options
    gain_range: tuple[float, float, float, float]
    temperature: str
    cold_c: float


SOFTWARE_L515 = Product(
    name="Intel RealSense L515",
    product_id="0B64",
    line="L500",
    firmware="01.05.08.01",
    depth_sensor="L500 Depth Sensor",
    depth_options=_L515_OPTIONS,
    gain_range=_COLOR_OPTIONS["gain"],
    temperature="apd_temperature",
    cold_c=-9999.0,
)


def software_d400(name: str, product_id: str) -> Product:
    """One of the D400 family: stereo depth, colour beside it. product_id: librealsense's."""
    return Product(
        name=f"Intel RealSense {name}",
        product_id=product_id,
        line="D400",
        firmware="05.15.01.00",
        depth_sensor="Stereo Module",
        depth_options=_D400_OPTIONS,
        gain_range=(0, 128, 1, POWER_ON_GAIN),
        temperature="asic_temperature",
        cold_c=25.0,
    )


class SoftwareRealSense:
    """One plugged-in device, options at their power-on values."""

    def __init__(self, optics: Optics, config: CameraCell, product: Product) -> None:
        rs = load_sdk()
        self._product = product
        self._color_options = {**_COLOR_OPTIONS, "gain": product.gain_range}
        self.device = rs.software_device()
        # 2.54 names the device itself, later ones do not.
        has_name = self.device.supports(rs.camera_info.name)
        say_name = self.device.update_info if has_name else self.device.register_info
        say_name(rs.camera_info.name, product.name)
        for field, text in {
            "serial_number": SERIAL,
            "firmware_version": product.firmware,
            "recommended_firmware_version": product.firmware,
            "product_id": product.product_id,
            "product_line": product.line,
            "usb_type_descriptor": "3.2",
            "physical_port": "software",
        }.items():
            self.device.register_info(getattr(rs.camera_info, field), text)
        self.depth = self.device.add_sensor(product.depth_sensor)
        self.color = self.device.add_sensor("RGB Camera")
        self._depth_profile = self.depth.add_video_stream(
            _video_stream(rs.stream.depth, rs.format.z16, 2, 1, optics.depth_camera, config.fps)
        )
        self._color_profile = self.color.add_video_stream(
            _video_stream(rs.stream.color, rs.format.rgb8, 3, 2, optics.color_camera, config.fps)
        )
        self._depth_profile.register_extrinsics_to(self._color_profile, to_extrinsics(optics.T_cam_depth))
        for sensor, table in self._tables:
            for name, values in table.items():
                sensor.add_option(getattr(rs.option, name), _range(*values), True)
        self.depth.add_read_only_option(rs.option.depth_units, optics.depth_scale_m)
        self.depth.add_option(
            getattr(rs.option, product.temperature), _range(-10_000, 200, 0.1, product.cold_c), False
        )

    @property
    def _tables(self) -> tuple[tuple[Any, _Options], ...]:
        return (self.color, self._color_options), (self.depth, self._product.depth_options)

    def read(self, name: str) -> float:
        """A colour option."""
        return float(self.color.get_option(getattr(load_sdk().option, name)))

    def write(self, name: str, value: float) -> None:
        """What the device's own automatics do to a colour option."""
        self.color.set_option(getattr(load_sdk().option, name), value)

    def set_temperature(self, *, is_warm: bool) -> None:
        option = getattr(load_sdk().option, self._product.temperature)
        self.depth.set_read_only_option(option, WARM_C if is_warm else self._product.cold_c)

    def forget_settings(self) -> None:
        """Every option back to its power-on value."""
        rs = load_sdk()
        for sensor, table in self._tables:
            for name, values in table.items():
                sensor.set_option(getattr(rs.option, name), float(values[3]))

    def push_color(self, rgb_u8: NDArray[np.uint8], number: int, stamp_ms: float) -> None:
        """Hand librealsense one colour frame; its metadata says what the automatics chose."""
        rs = load_sdk()
        for field, option in (
            ("actual_exposure", "exposure"),
            ("gain_level", "gain"),
            ("white_balance", "white_balance"),
        ):
            self.color.set_metadata(getattr(rs.frame_metadata_value, field), round(self.read(option)))
        self._push(self.color, self._color_profile, rgb_u8, number, stamp_ms)

    def push_depth(self, counts: NDArray[np.uint16], number: int, stamp_ms: float) -> None:
        """Hand librealsense one depth frame."""
        self._push(self.depth, self._depth_profile, counts, number, stamp_ms)

    def _push(self, sensor: Any, profile: Any, pixels: NDArray[Any], number: int, stamp_ms: float) -> None:
        rs = load_sdk()
        pixels = np.ascontiguousarray(pixels)
        frame = rs.software_video_frame()  # A new one each time: librealsense takes over its memory.
        frame.pixels = pixels
        frame.stride = pixels.strides[0]
        frame.bpp = pixels.strides[1]
        frame.timestamp = stamp_ms
        frame.domain = rs.timestamp_domain.global_time
        frame.frame_number = number
        frame.profile = profile.as_video_stream_profile()
        sensor.on_video_frame(frame)


def _range(low: float, high: float, step: float, at_power_on: float) -> Any:
    allowed = load_sdk().option_range()
    allowed.min, allowed.max, allowed.step, allowed.default = low, high, step, at_power_on
    return allowed


def _video_stream(
    kind: Any, pixel_format: Any, bytes_per_pixel: int, uid: int, camera: Pinhole, fps: int
) -> Any:
    stream = load_sdk().video_stream()
    stream.type, stream.fmt, stream.bpp, stream.uid, stream.index = (
        kind,
        pixel_format,
        bytes_per_pixel,
        uid,
        0,
    )
    stream.width, stream.height = camera.size_wh
    stream.fps = fps
    stream.intrinsics = to_intrinsics(camera)
    return stream
