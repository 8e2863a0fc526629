"""Whether one way of training is better than another: over images, over seeds, and over many questions.

Every arm is trained once a seed and measured on the same test images, so an arm's errors are a table
[seeds, images]. Two things are uncertain: which images are in the test set, and how a training turns out::

    se_images   spread of the metric, averaged over seeds, when images are drawn again (bootstrap), the same
                draw for all seeds and for both arms of a difference
    se_seeds    s / √k, s the spread of the k seeds' metrics
    half width  √( (z se_images)² + (t_{k−1} se_seeds)² )

t_{k−1} is Student's, since k is small. One seed has no second term: its interval covers the images alone, and
what rests on it is an indication.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, t

from synth.errors import InputError
from synth.metrics.intervals import CONFIDENCE, N_RESAMPLES, demand_units

Floats = NDArray[np.float64]
Metric = Callable[[Floats], Floats]
"""Takes errors [...,N] of N images and gives the metric [...]."""

MIN_IMAGES = 5
_SMALLEST_P = 1e-12

median: Metric = partial(np.median, axis=-1)


@dataclass(frozen=True)
class Effect:
    """A metric, or a difference of one between two arms, with its interval.

    p: of the hypothesis that the truth is 0, two-sided, from the same standard errors; nan for a metric that
    is no difference.
    """

    value: float
    low: float
    high: float
    p: float
    n_images: int
    n_seeds: int

    @property
    def is_indication(self) -> bool:
        """Whether it rests on one seed."""
        return self.n_seeds == 1

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


def measure_arm(errors: Floats, rng: np.random.Generator, metric: Metric = median) -> Effect:
    """The metric of one arm from its errors [seeds, images], averaged over seeds.

    Raises InputError for fewer than MIN_IMAGES images.
    """
    return _measure(errors, np.zeros_like(errors), rng, metric, is_difference=False)


def measure_difference(a: Floats, b: Floats, rng: np.random.Generator, metric: Metric = median) -> Effect:
    """The metric of arm a less that of arm b, errors [seeds, images] of the same seeds and images in order.

    Raises InputError for tables of other shapes or fewer than MIN_IMAGES images.
    """
    if a.shape != b.shape:
        raise InputError(
            f"two arms are compared on the same seeds and images, got {a.shape[0]} seeds of {a.shape[1]} "
            f"images and {b.shape[0]} of {b.shape[1]}"
        )
    return _measure(a, b, rng, metric, is_difference=True)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p values: small ones hold although many questions were asked (Holm 1979)."""
    adjusted, highest = {}, 0.0
    ordered = sorted(p_values, key=lambda name: p_values[name])
    for i, name in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - i) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def _measure(
    a: Floats, b: Floats, rng: np.random.Generator, metric: Metric, *, is_difference: bool
) -> Effect:
    n_seeds, n_images = a.shape
    demand_units(n_images, MIN_IMAGES)
    by_seed = metric(a) - metric(b)
    rows = rng.integers(n_images, size=(N_RESAMPLES, n_images))
    draws = (metric(a[:, rows]) - metric(b[:, rows])).mean(axis=0)  # [N_RESAMPLES]
    se_images = float(draws.std(ddof=1))
    se_seeds = float(by_seed.std(ddof=1) / np.sqrt(n_seeds)) if n_seeds > 1 else 0.0
    value = float(by_seed.mean())

    def half_width(p: float) -> float:
        seeds = t.isf(p / 2, n_seeds - 1) * se_seeds if n_seeds > 1 else 0.0
        return float(np.hypot(norm.isf(p / 2) * se_images, seeds))

    width = half_width(1 - CONFIDENCE)
    p = _find_p(abs(value), half_width) if is_difference else np.nan
    return Effect(value, value - width, value + width, p, n_images, n_seeds)


def _find_p(size: float, half_width: Callable[[float], float]) -> float:
    """The p at which the interval just touches 0."""
    if size <= half_width(1.0):
        return 1.0
    if size >= half_width(_SMALLEST_P):
        return _SMALLEST_P
    return float(brentq(lambda p: half_width(p) - size, _SMALLEST_P, 1.0))
