"""A figure with the interval in which it would fall again: bootstrap over images.

The unit of resampling is the image, since pixels, patches and instances of one image are not independent of
each other. Intervals are percentile intervals (Efron, "Bootstrap methods: another look at the jackknife",
1979).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError

Floats = NDArray[np.float64]

N_RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure, the ends of its interval, and the number of images it rests on (of two sets, the smaller)."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g}, n = {self.n})"


def bootstrap(
    statistic: Callable[..., float],
    *samples: NDArray[Any],
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> Estimate:
    """``statistic(*samples)`` and its percentile interval; each sample is resampled by rows, independently.

    samples: arrays [N,...], one row an image. Quantities that belong to the same image go side by side into
    one array, so that they stay together. Raises InputError for a sample of fewer than two rows.
    """
    for sample in samples:
        demand_units(len(sample), 2)
    draws = np.array(
        [statistic(*(s[rng.integers(len(s), size=len(s))] for s in samples)) for _ in range(n_resamples)]
    )
    return percentile_estimate(statistic(*samples), draws, min(map(len, samples)))


def resample_counts(
    n: int, n_resamples: int, rng: np.random.Generator, clusters: Sequence[Hashable] | None = None
) -> Floats:
    """How often each of n images stands in each resample, [n_resamples,n].

    clusters: [n] what belongs together, such as the frames of one film, is drawn as one (the cluster
    bootstrap: Field and Welsh 2007). Without them a row sums to n.
    """
    names = list(dict.fromkeys(clusters)) if clusters is not None else range(n)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    if clusters is not None:
        place = {name: i for i, name in enumerate(names)}
        counts = counts[:, [place[cluster] for cluster in clusters]]
    return counts.astype(np.float64)


def percentile_estimate(value: float, draws: Floats, n: int) -> Estimate:
    """The interval that holds the middle 95 % of the draws [R]."""
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(value), float(low), float(high), n)


def distance_estimate(value: float, draws: Floats, n: int) -> Estimate:
    """The interval of a distance, which is never negative and therefore too large where the truth is small.

    Chance adds to a small distance, and resampling adds the same once more, so percentiles alone would never
    reach zero. The low end is the lower of the percentile and its reflection at the value (the basic
    bootstrap), cut off at zero; the high end is the percentile.
    """
    plain = percentile_estimate(value, draws, n)
    return Estimate(plain.value, max(0.0, min(plain.low, 2 * plain.value - plain.high)), plain.high, n)


def demand_units(n: int, at_least: int) -> None:
    """Raises InputError when there are too few images."""
    if n < at_least:
        raise InputError(f"this measure needs {at_least} images or more, got {n}: give it more images")
