"""How many real images other training data are worth: a place on the curve that growing numbers of them make.

The curve is the metric of trainings with 10, 20, 40 … real images, made monotone (isotonic regression) and
read off between its points on a logarithmic scale. Beyond its ends nothing is read off: a place there is told
by the end of its interval that lies on the curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import isotonic_regression

from synth.errors import InputError
from synth.metrics.comparison import Draws, Spread, seed_error
from synth.metrics.intervals import CONFIDENCE, Floats

MIN_POINTS = 2


@dataclass(frozen=True)
class Worth:
    """A number of real images with its interval.

    value, low, high: inf or -inf where that place lies beyond the curve. smallest, largest: the curve's ends.
    """

    value: float
    low: float
    high: float
    smallest: int
    largest: int
    n_images: int
    n_seeds: int


def measure_worth(
    mix: Draws,
    curve: Sequence[tuple[int, Draws]],
    *,
    lower_is_better: bool,
    rng: np.random.Generator,
    pooled: Spread | None = None,
) -> Worth:
    """Where a mix's metric stands on the curve (numbers of real images, ascending).

    The interval holds the middle 95 % of places found when images are drawn again, the same for mix and
    curve, and trainings vary as their spread says. It may reach beyond the curve, whose end is then said.
    Raises InputError for a curve of fewer than two points.
    """
    if len(curve) < MIN_POINTS:
        raise InputError(f"a curve of the number of images needs {MIN_POINTS} points, got {len(curve)}")
    sign = -1.0 if lower_is_better else 1.0
    numbers = [n for n, _ in curve]
    place = _find(sign * mix.value, [sign * d.value for _, d in curve], numbers)
    heights = np.array([sign * _vary(d, rng, pooled) for d in (mix, *(d for _, d in curve))])
    again = np.array([_find(float(column[0]), column[1:].tolist(), numbers) for column in heights.T])
    low, high = np.quantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="nearest")
    return Worth(
        float(place), float(low), float(high), numbers[0], numbers[-1], mix.n_images, len(mix.by_seed)
    )


def _vary(mix: Draws, rng: np.random.Generator, pooled: Spread | None) -> Floats:
    """The metric when images and trainings are drawn again, [R]."""
    se, df = seed_error([(1.0, mix)], pooled)
    return mix.drawn + (se * rng.standard_t(df, mix.draws.shape[1]) if se else 0.0)


def _find(value: float, heights: Sequence[float], numbers: Sequence[int]) -> float:
    """The number at which the curve first reaches a height; ±inf beyond its ends."""
    logs = np.log(numbers)
    rising: Floats = isotonic_regression(np.asarray(heights, dtype=np.float64))
    if value < rising[0]:
        return -np.inf
    if value > rising[-1]:
        return np.inf
    after = int(np.searchsorted(rising, value))
    if after == 0 or rising[after] == rising[after - 1]:
        return float(numbers[after])
    share = (value - rising[after - 1]) / (rising[after] - rising[after - 1])
    return float(np.exp(logs[after - 1] + share * (logs[after] - logs[after - 1])))
