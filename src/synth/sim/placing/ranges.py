"""How far cut-outs may go: as it was asked for, or as far as train boxes show."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import log

import numpy as np

from synth.errors import InputError
from synth.geometry.se3 import Array
from synth.sim.placing.placement import Bounds

_QUANTILES = (0.05, 0.95)
_WIDEST = log(4.0)
_MOST_SCALE, _MOST_SHEAR, _MOST_BLUR_PX = 10.0, 2.0, 20.0


@dataclass(frozen=True)
class Ranges:
    """What was asked for; None for what was not. InputError for what is out of range.

    turn_deg: to either side. shear: at most. scale: least and greatest. truncation: share of a part that may
    leave the picture. gain, gamma: 1.3 for 1/1.3 to 1.3. extra_blur_px: sigma at most.
    """

    turn_deg: float | None = None
    shear: float | None = None
    scale: tuple[float, float] | None = None
    truncation: float | None = None
    gain: float | None = None
    gamma: float | None = None
    extra_blur_px: float | None = None

    def __post_init__(self) -> None:
        if self.scale is not None:
            low, high = self.scale
            if not 0 < low <= high:
                raise InputError(
                    f"--scale runs from the least to the greatest, as 0.7-1.4; got {low:g}-{high:g}"
                )
            if low < 1 / _MOST_SCALE or high > _MOST_SCALE:
                raise InputError(
                    f"--scale stays within {1 / _MOST_SCALE:g}-{_MOST_SCALE:g}, got {low:g}-{high:g}"
                )
        for name in ("gain", "gamma"):
            if (value := getattr(self, name)) is not None and not 1 <= value <= 10:
                raise InputError(f"--{name} must be 1 to 10: 1.3 means 1/1.3 to 1.3; got {value:g}")
        if self.shear is not None and not 0 <= self.shear <= _MOST_SHEAR:
            raise InputError(f"--shear must be 0 to {_MOST_SHEAR:g}, got {self.shear:g}")
        if self.extra_blur_px is not None and not 0 <= self.extra_blur_px <= _MOST_BLUR_PX:
            raise InputError(f"--extra-blur must be 0 to {_MOST_BLUR_PX:g} px, got {self.extra_blur_px:g}")
        self.bounds((0.0, 0.0))

    @property
    def are_given(self) -> bool:
        """Whether any was asked for."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def bounds(self, log_scale: tuple[float, float]) -> Bounds:
        """The bounds. log_scale: where no scale was asked for."""
        return Bounds(
            angle_deg=180.0 if self.turn_deg is None else self.turn_deg,
            shear=self.shear or 0.0,
            log_scale=log_scale if self.scale is None else (log(self.scale[0]), log(self.scale[1])),
            truncation=self.truncation or 0.0,
            log_gain=log(self.gain or 1.0),
            log_gamma=log(self.gamma or 1.0),
            blur_px=self.extra_blur_px or 0.0,
        )


def measure_log_scale(boxes_of_class: Mapping[str, Array]) -> tuple[float, float]:
    """How far sizes of boxes [n,4] of one class lie apart, each beside its class's median: from 5 to 95 %.

    Least and greatest, natural logarithms, never to the wrong side of 0; a single box shows nothing.
    """
    spread = [np.zeros(1)]
    for boxes in boxes_of_class.values():
        log_size = np.log((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)) / 2
        spread.append(log_size - np.median(log_size))
    low, high = np.clip(np.quantile(np.concatenate(spread), _QUANTILES), -_WIDEST, _WIDEST).tolist()
    return min(low, 0.0), max(high, 0.0)


def parse_scale(text: str | None) -> tuple[float, float] | None:
    """``0.7-1.4``; None for nothing said. Raises InputError for anything else."""
    if text is None:
        return None
    low, dash, high = text.partition("-")
    try:
        if not dash:
            raise ValueError
        return float(low), float(high)
    except ValueError:
        raise InputError(f"--scale says two numbers, such as 0.7-1.4, got {text!r:.40}") from None
