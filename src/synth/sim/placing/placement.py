"""How a cut-out is laid into a picture, and within which bounds.

Whoever places works in unit coordinates: nine numbers from −1 to 1 a cut-out, in the order of `PARAMETERS`,
all 0 for "in the middle, as it was taken". Uniform in them is what `random` draws; a synthesizer's tanh
gives them.
"""

from dataclasses import dataclass
from math import log

import numpy as np

from synth.errors import InputError
from synth.geometry.se3 import Array

PARAMETERS = (
    "angle",
    "shear",
    "scale_x",
    "scale_y",
    "shift_x",
    "shift_y",
    "gain",
    "gamma",
    "blur",
)


@dataclass(frozen=True)
class Placement:
    """One cut-out as it is laid, in the picture's pixels at full size.

    centre_xy_px: where the middle of its mask's box goes. angle_deg: how far it is turned, from x towards y,
    clockwise as it is seen. shear: y grows by so much of x, before the turn. log_scale_xy: natural logarithms
    of its scales along its own axes, before all else. gain, gamma: light, linear, becomes gain · light^gamma.
    blur_px: spread (sigma) of a further blur.
    """

    centre_xy_px: tuple[float, float]
    angle_deg: float = 0.0
    shear: float = 0.0
    log_scale_xy: tuple[float, float] = (0.0, 0.0)
    gain: float = 1.0
    gamma: float = 1.0
    blur_px: float = 0.0

    def matrix(self) -> Array:
        """[2,2]: from the cut-out's pixels, about its box's middle, to the picture's, about the centre."""
        turn = np.deg2rad(self.angle_deg)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return np.asarray(rotation @ [[1, 0], [self.shear, 1]] @ np.diag(np.exp(self.log_scale_xy)))

    def extent(self, extent_wh: tuple[float, float]) -> Array:
        """[2]: width and height of the upright box around the transformed box of a mask, pixels."""
        return np.asarray(np.abs(self.matrix()) @ extent_wh)


@dataclass(frozen=True)
class Bounds:
    """How far placements may go to either side; InputError for numbers out of range.

    log_scale: least and greatest. aspect: 1 to scale both axes on their own, 0 to keep the shape.
    truncation: share of a laid box that may leave the picture. log_gain, log_gamma: natural logarithms.
    blur_px: at most; unit −1 and below 0 is none.
    """

    angle_deg: float = 180.0
    shear: float = 0.0
    log_scale: tuple[float, float] = (log(0.7), log(1.4))
    aspect: float = 0.0
    truncation: float = 0.0
    log_gain: float = 0.0
    log_gamma: float = 0.0
    blur_px: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.angle_deg <= 180:
            raise InputError(f"cut-outs turn by 0 to 180 degrees, got {self.angle_deg:g}")
        if not self.log_scale[0] <= 0 <= self.log_scale[1]:
            low, high = np.exp(self.log_scale)
            raise InputError(f"scales must reach from 1 or less to 1 or more, got {low:g} to {high:g}")
        if not 0 <= self.truncation <= 0.5:
            raise InputError(f"the share that may leave the picture is 0 to 0.5, got {self.truncation:g}")
        if not 0 <= self.aspect <= 1:
            raise InputError(f"aspect must be 0 to 1, got {self.aspect:g}")
        for name in ("shear", "log_gain", "log_gamma", "blur_px"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be 0 or more, got {getattr(self, name):g}")

    def place(self, unit: Array, extent_wh: tuple[float, float], size_wh: tuple[int, int]) -> Placement:
        """The placement of unit coordinates [9] in a picture.

        extent_wh: of the cut-out's mask, in the picture's pixels as it was taken.
        """
        angle, shear, scale_x, scale_y, shift_x, shift_y, gain, gamma, blur = unit.tolist()
        scales = np.array([self._log_scale(scale_x), self._log_scale(scale_y)])
        mean = scales.mean()
        log_x, log_y = (mean + self.aspect * (scales - mean)).tolist()
        bare = Placement((0, 0), self.angle_deg * angle, self.shear * shear, (log_x, log_y))
        box, size = bare.extent(extent_wh), np.asarray(size_wh, float)
        slack = np.maximum((size - box) / 2 + self.truncation * box, 0)
        x, y = (size / 2 + slack * (shift_x, shift_y)).tolist()
        return Placement(
            (x, y),
            bare.angle_deg,
            bare.shear,
            bare.log_scale_xy,
            float(np.exp(self.log_gain * gain)),
            float(np.exp(self.log_gamma * gamma)),
            self.blur_px * max(blur, 0.0),
        )

    def _log_scale(self, unit: float) -> float:
        low, high = self.log_scale
        return high * unit if unit >= 0 else -low * unit
