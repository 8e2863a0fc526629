"""Options of a RealSense sensor by name: set, read back, compare."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synth.cell.model import CameraCell
from synth.errors import SettingsLost
from synth.hardware.cameras.realsense_sdk import load_sdk, to_float


@dataclass(frozen=True)
class Family:
    """What the depth sensors of a product line are set to.

    presets: the enumeration in librealsense, and its member for each preset that a cell may name.
    sensor_modes: by rows of the depth image, where it is an option. always: further options. temperature: the
    option that tells it.
    """

    enumeration: str
    presets: Mapping[str, str]
    sensor_modes: Mapping[int, float]
    always: Mapping[str, float]
    temperature: str


FAMILIES = {
    "L500": Family(
        "l500_visual_preset",  # librealsense deprecates its "default".
        {
            "short_range": "short_range",
            "low_ambient": "low_ambient_light",
            "no_ambient": "no_ambient_light",
            "max_range": "max_range",
        },
        {480: 0.0, 768: 1.0, 240: 2.0},  # RS2_SENSOR_MODE_VGA, XGA, QVGA; the wheel has no names.
        {},
        "apd_temperature",
    ),
    "D400": Family(
        "rs400_visual_preset",
        {name: name for name in ("high_accuracy", "high_density", "default")},
        {},
        {"emitter_enabled": 1.0, "enable_auto_exposure": 1.0},
        "asic_temperature",
    ),
}
"""By the product line that a device reports."""

_MAINS = {50: 1.0, 60: 2.0}  # rs.option.power_line_frequency: 0 off, 1 50 Hz, 2 60 Hz.

LOCKED = ("exposure", "gain", "white_balance")
AUTO_OFF = {"enable_auto_exposure": 0.0, "enable_auto_white_balance": 0.0}


def color_options(config: CameraCell) -> dict[str, float]:
    """What the colour sensor is always set to.

    Auto-exposure priority off: it lowers the frame rate in dim light and makes the brightness pump.
    Global time on: the device clock drifts against the host's otherwise.
    """
    return {
        "global_time_enabled": 1.0,
        "auto_exposure_priority": 0.0,
        "power_line_frequency": _MAINS[config.mains_hz],
    }


def depth_options(config: CameraCell, family: Family) -> dict[str, float]:
    """What the depth sensor is always set to.

    The sensor mode comes first: a preset is chosen for a resolution.
    """
    preset = getattr(getattr(load_sdk(), family.enumeration), family.presets[config.preset])
    modes = family.sensor_modes
    return {
        "global_time_enabled": 1.0,
        **({"sensor_mode": modes[config.depth_size_wh[1]]} if modes else {}),
        "visual_preset": float(int(preset)),
        **family.always,
    }


def apply(sensor: Any, wanted: Mapping[str, float]) -> None:
    """Set every option that the sensor has and read it back; raises SettingsLost when one reads otherwise."""
    rs = load_sdk()
    for name, value in wanted.items():
        option = getattr(rs.option, name)
        if sensor.supports(option) and not sensor.is_option_read_only(option):
            sensor.set_option(option, value)
    lost = differences(sensor, wanted)
    if lost:
        raise SettingsLost(
            f"The camera does not keep its settings ({'; '.join(lost)}): close other programs that use it, "
            "unplug it for 10 s, then run the same command again"
        )


def differences(sensor: Any, wanted: Mapping[str, float]) -> list[str]:
    """One phrase for each option that the sensor has and that reads otherwise than wanted."""
    rs = load_sdk()
    lost = []
    for name, value in wanted.items():
        option = getattr(rs.option, name)
        if not sensor.supports(option):
            continue
        found = sensor.get_option(option)
        step = sensor.get_option_range(option).step
        if abs(found - value) > max(0.5 * step, 1e-3 * abs(value)):
            lost.append(f"{name} was set to {value:g} and reads {found:g}")
    return lost


def read(sensor: Any, name: str) -> float | None:
    """One option's value; None where the sensor lacks it."""
    option = getattr(load_sdk().option, name)
    return float(sensor.get_option(option)) if sensor.supports(option) else None


def read_all(sensor: Any) -> dict[str, float]:
    """Every option that the sensor has and can read, by name."""
    values = {}
    for option in sensor.get_supported_options():
        with contextlib.suppress(RuntimeError):  # Some cannot be read while streaming.
            values[option.name] = to_float(sensor.get_option(option))
    return values


def to_valid(sensor: Any, name: str, value: float) -> float:
    """The value nearest to ``value`` that the option accepts."""
    allowed = sensor.get_option_range(getattr(load_sdk().option, name))
    steps = round((value - allowed.min) / allowed.step) if allowed.step > 0 else 0
    nearest = allowed.min + steps * allowed.step if allowed.step > 0 else value
    return float(min(max(nearest, allowed.min), allowed.max))
