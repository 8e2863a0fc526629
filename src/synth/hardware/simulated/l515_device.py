"""A librealsense software device that reports an L515's streams, intrinsics, options and identity."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.cell.model import CameraCell
from synth.geometry.pinhole import Pinhole
from synth.hardware.cameras.realsense_sdk import load_sdk, to_extrinsics, to_intrinsics
from synth.hardware.simulated.optics import Optics

SERIAL = "f0000001"
COLD_C = -9999.0  # What an L515 reports for its first seconds.
WARM_C = 38.0
POWER_ON_GAIN = 64

# Option: minimum, maximum, step, value at power-on.
_COLOR_OPTIONS = {
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
_DEPTH_OPTIONS = {
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


class SoftwareL515:
    """One plugged-in device, options at their power-on values."""

    def __init__(self, optics: Optics, config: CameraCell) -> None:
        rs = load_sdk()
        self.device = rs.software_device()
        self.device.update_info(rs.camera_info.name, "Intel RealSense L515")
        for field, text in {
            "serial_number": SERIAL,
            "firmware_version": "01.05.08.01",
            "recommended_firmware_version": "01.05.08.01",
            "product_id": "0B64",
            "product_line": "L500",
            "usb_type_descriptor": "3.2",
            "physical_port": "software",
        }.items():
            self.device.register_info(getattr(rs.camera_info, field), text)
        self.depth = self.device.add_sensor("L500 Depth Sensor")
        self.color = self.device.add_sensor("RGB Camera")
        self._depth_profile = self.depth.add_video_stream(
            _video_stream(rs.stream.depth, rs.format.z16, 2, 1, optics.depth_camera, config.fps)
        )
        self._color_profile = self.color.add_video_stream(
            _video_stream(rs.stream.color, rs.format.rgb8, 3, 2, optics.color_camera, config.fps)
        )
        self._depth_profile.register_extrinsics_to(self._color_profile, to_extrinsics(optics.T_cam_depth))
        for sensor, table in ((self.color, _COLOR_OPTIONS), (self.depth, _DEPTH_OPTIONS)):
            for name, values in table.items():
                sensor.add_option(getattr(rs.option, name), _range(*values), True)
        self.depth.add_read_only_option(rs.option.depth_units, optics.depth_scale_m)
        self.depth.add_option(rs.option.apd_temperature, _range(-10_000, 200, 0.1, COLD_C), False)

    def read(self, name: str) -> float:
        """A colour option."""
        return float(self.color.get_option(getattr(load_sdk().option, name)))

    def write(self, name: str, value: float) -> None:
        """What the device's own automatics do to a colour option."""
        self.color.set_option(getattr(load_sdk().option, name), value)

    def set_temperature(self, celsius: float) -> None:
        self.depth.set_read_only_option(load_sdk().option.apd_temperature, celsius)

    def forget_settings(self) -> None:
        """Every option back to its power-on value."""
        rs = load_sdk()
        for sensor, table in ((self.color, _COLOR_OPTIONS), (self.depth, _DEPTH_OPTIONS)):
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
