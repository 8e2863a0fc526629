"""What happens between connecting a RealSense and the first shot: warming up, metering once."""

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.hardware.cameras import realsense_options as options
from synth.hardware.cameras.realsense_sdk import load_sdk
from synth.hardware.cameras.realsense_stream import StampedFrame

_WARM_UP_S = 60.0
_FLAT_FRAMES = 4  # Depth noise is flat when this many frame-to-frame figures …
_FLAT_RATIO = 1.25  # … lie within this ratio of one another.
_AUTO_FRAMES = 12
_SETTLED_FRAMES = 4  # The last of them, whose median is kept.
_TARGET_LUMA = 110.0  # Of 255, where the camera has no automatic exposure of its own.
_LUMA_TOLERANCE = 0.08
_SEARCH_STEPS = 8

# Frame metadata in which the sensor says what its automatics chose; the option may show an old value.
_CHOSEN_IN = {"exposure": "actual_exposure", "gain": "gain_level", "white_balance": "white_balance"}

log = logging.getLogger(__name__)


def warm_up(next_depth: Callable[[], NDArray[np.uint16]], is_warm: Callable[[], bool]) -> None:
    """Take depth frames until the temperature is valid and their noise is flat, at most a minute.

    An L515 reports −9999 °C for its first seconds, and its depth noise changes while the laser warms.
    """
    deadline = time.monotonic() + _WARM_UP_S
    noise: list[float] = []
    last = next_depth().astype(np.int32)
    while time.monotonic() < deadline:
        now = next_depth().astype(np.int32)
        both = (last > 0) & (now > 0)
        noise.append(float(np.median(np.abs(now - last)[both])) if both.any() else 0.0)
        last = now
        recent = noise[-_FLAT_FRAMES:]
        is_flat = len(recent) == _FLAT_FRAMES and max(recent) <= _FLAT_RATIO * min(recent) + 1
        if is_flat and is_warm():
            return
    log.warning("The camera is not steady after %.0f s of warming up: depth may drift", _WARM_UP_S)


def meter(sensor: Any, next_frame: Callable[[], StampedFrame], exposure: float | None) -> dict[str, float]:
    """Exposure, gain and white balance to lock: the median of what the sensor's own automatics settled on.

    next_frame: gives the next colour frame. exposure: fixed by the cell, or None to
    meter it. Leaves the automatics off. Where the locked picture is not as bright as the metered one (a
    sensor that does not say what it chose, or has no automatics), the exposure is searched until it is.
    """
    options.apply(sensor, {"enable_auto_exposure": float(exposure is None), "enable_auto_white_balance": 1.0})
    frames = [next_frame() for _ in range(_AUTO_FRAMES)][-_SETTLED_FRAMES:]
    chosen = {
        name: np.median([_chosen(sensor, shot.frame, name) for shot in frames]) for name in options.LOCKED
    }
    if exposure is not None:
        chosen["exposure"] = exposure
        chosen["gain"] = sensor.get_option_range(load_sdk().option.gain).default
    locked = {name: options.to_valid(sensor, name, float(value)) for name, value in chosen.items()}
    options.apply(sensor, {**options.AUTO_OFF, **locked})
    if exposure is None:
        has_auto = sensor.supports(load_sdk().option.enable_auto_exposure)
        target = float(np.median([_luma(shot) for shot in frames])) if has_auto else _TARGET_LUMA
        locked["exposure"] = _search_exposure(sensor, next_frame, locked["exposure"], target)
    return locked


def _chosen(sensor: Any, frame: Any, name: str) -> float:
    """What the sensor says in the frame, else in its option."""
    rs = load_sdk()
    field = getattr(rs.frame_metadata_value, _CHOSEN_IN[name])
    if frame.supports_frame_metadata(field):
        value = float(frame.get_frame_metadata(field))
        allowed = sensor.get_option_range(getattr(rs.option, name))
        if allowed.min <= value <= allowed.max and value > 0:
            return value
    return options.read(sensor, name) or 0.0


def _search_exposure(
    sensor: Any, next_frame: Callable[[], StampedFrame], exposure: float, target_luma: float
) -> float:
    for _ in range(_SEARCH_STEPS):
        next_frame()  # Was perhaps exposed before the option took effect.
        luma = _luma(next_frame())
        if abs(luma - target_luma) <= _LUMA_TOLERANCE * target_luma:
            return exposure
        factor = np.clip(
            (target_luma / max(luma, 1.0)) ** 2.2, 0.25, 4.0
        )  # Roughly undoes the display curve.
        exposure = options.to_valid(sensor, "exposure", exposure * float(factor))
        options.apply(sensor, {"exposure": exposure})
    log.warning(
        "No exposure makes the picture as bright as wanted (%.0f of 255): check the lamps", target_luma
    )
    return exposure


def _luma(shot: StampedFrame) -> float:
    return float(shot.pixels()[::4, ::4].mean())
