"""What a simulated camera's own automatics do: one step towards the wanted brightness, one towards grey."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

EXPOSURE_UNIT_US = 100.0  # UVC's unit of exposure time.
POWER_ON_GAIN = 64
_TARGET_LUMA = 140.0
_MAX_AUTO_EXPOSURE = 330  # A frame's time at 30 frames/s; beyond it gain must help.
_MAX_AUTO_GAIN = 1024


class Sensor(Protocol):
    """A colour sensor's options by librealsense's names."""

    def read(self, name: str) -> float:
        """An option's value."""
        ...

    def write(self, name: str, value: float) -> None:
        """Set an option."""
        ...


def adjust(sensor: Sensor, rgb_u8: NDArray[np.uint8], *, max_gain: float = _MAX_AUTO_GAIN) -> None:
    """Follow a picture [H,W,3] with those automatics that are on."""
    mean = rgb_u8[::4, ::4].reshape(-1, 3).mean(axis=0)
    if sensor.read("enable_auto_exposure"):
        factor = np.clip((_TARGET_LUMA / max(float(mean.mean()), 1.0)) ** 2.0, 0.4, 2.5)
        product = sensor.read("exposure") * sensor.read("gain") * factor
        exposure = float(np.clip(round(product / POWER_ON_GAIN), 1, _MAX_AUTO_EXPOSURE))
        most = min(_MAX_AUTO_GAIN, max_gain)
        sensor.write("exposure", exposure)
        sensor.write("gain", float(np.clip(round(product / exposure), POWER_ON_GAIN, most)))
    if sensor.read("enable_auto_white_balance"):
        factor = np.clip((mean[2] + 1) / (mean[0] + 1), 0.9, 1.1)
        kelvin = np.clip(round(sensor.read("white_balance") * factor, -1), 2800, 6500)
        sensor.write("white_balance", float(kelvin))
