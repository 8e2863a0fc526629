"""How many real images other training data are worth: a place on the curve that growing numbers of them make.

The curve is the metric of trainings with 10, 20, 40 … real images, made monotone (isotonic regression) and
read off between its points on a logarithmic scale. Beyond its ends nothing is read off: the answer is then
"more than" or "fewer than" the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import isotonic_regression

from synth.errors import InputError
from synth.metrics.comparison import Draws
from synth.metrics.intervals import CONFIDENCE, Floats

MIN_POINTS = 2


@dataclass(frozen=True)
class Worth:
    """A number of real images with its interval.

    value, low, high: None where that place lies beyond the curve; is_more then says at which end. smallest,
    largest: the curve's ends.
    """

    value: float | None
    low: float | None
    high: float | None
    smallest: int
    largest: int
    is_more: bool
    n_images: int
    n_seeds: int


def measure_worth(
    mix: Draws, curve: Sequence[tuple[int, Draws]], *, lower_is_better: bool, rng: np.random.Generator
) -> Worth:
    """Where a mix's metric stands on the curve (numbers of real images, ascending).

    The interval holds the middle 95 % of places found when images are drawn again, the same for mix and
    curve, and seeds with them. Raises InputError for a curve of fewer than two points.
    """
    if len(curve) < MIN_POINTS:
        raise InputError(f"a curve of the number of images needs {MIN_POINTS} points, got {len(curve)}")
    sign = -1.0 if lower_is_better else 1.0
    numbers = [n for n, _ in curve]
    n_draws = mix.draws.shape[1]
    place = _find(sign * mix.by_seed.mean(), [sign * float(d.by_seed.mean()) for _, d in curve], numbers)
    again = np.array(
        [
            _find(
                sign * float(_draw_seeds(mix, i, rng)),
                [sign * float(_draw_seeds(d, i, rng)) for _, d in curve],
                numbers,
            )
            for i in range(n_draws)
        ]
    )
    low, high = np.quantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="nearest")

    def inside(x: float) -> float | None:
        return float(x) if np.isfinite(x) else None

    return Worth(
        inside(place),
        inside(low),
        inside(high),
        numbers[0],
        numbers[-1],
        is_more=place == np.inf,
        n_images=mix.n_images,
        n_seeds=len(mix.by_seed),
    )


def _draw_seeds(mix: Draws, i: int, rng: np.random.Generator) -> float:
    k = len(mix.by_seed)
    return float(mix.draws[rng.integers(k, size=k), i].mean())


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
