"""Whether one way of training is better than another: over images, over seeds, and over many questions.

Every mix is trained once a seed and measured on the same test images, so a mix's errors are a table
[seeds, images]. Two things are uncertain: which images are in the test set, and how a training turns out::

    se_images   spread of the metric, averaged over seeds, when images are drawn again (bootstrap), the same
                draw for all seeds and for both mixes of a difference
    se_seeds    s / √k, s the spread of the k seeds' metrics
    half width  √( (z se_images)² + (t_{k−1} se_seeds)² )

t_{k−1} is Student's, since k is small. One seed has no second term: its interval covers the images alone, and
what rests on it is an indication.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, t

from synth.errors import InputError
from synth.metrics.intervals import CONFIDENCE, N_RESAMPLES, demand_units

Floats = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)
Metric = Callable[[Floats], Floats]
"""Takes errors [...,N] of N images and gives the metric [...]."""

MIN_IMAGES = 5
_SMALLEST_P = 1e-12

median: Metric = partial(np.median, axis=-1)


@dataclass(frozen=True)
class Effect:
    """A metric, or a difference of one between two mixes, with its interval.

    p: of the hypothesis that the truth is 0, two-sided, from the same standard errors; None for a mix's own
    metric.
    """

    value: float
    low: float
    high: float
    p: float | None
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


@dataclass(frozen=True, eq=False)
class Draws:
    """A metric of one mix: of each seed [k], and of each seed when images are drawn again [k,R].

    nan stands for a drawing that has nothing to measure; intervals are made from the others. Draws of mixes
    that are compared must come from the same drawing of images.
    """

    by_seed: Floats
    draws: Floats
    n_images: int


def draw_metric(errors: Floats, rng: np.random.Generator, metric: Metric = median) -> Draws:
    """The metric of errors [seeds, images], and what it is when images are drawn again.

    A generator in the same state draws the same images. Raises InputError for fewer than MIN_IMAGES images.
    """
    n_images = errors.shape[1]
    demand_units(n_images, MIN_IMAGES)
    rows = rng.integers(n_images, size=(N_RESAMPLES, n_images))
    return Draws(metric(errors), metric(errors[:, rows]), n_images)


def measure_mix(mix: Draws) -> Effect:
    """The metric of one mix, averaged over seeds."""
    return _estimate(mix.by_seed, mix.draws.mean(axis=0), mix.n_images, with_p=False)


def measure_difference(a: Draws, b: Draws) -> Effect:
    """The metric of mix a less that of mix b; raises InputError for other seeds or images."""
    _check_pairs(a, b)
    return _estimate(a.by_seed - b.by_seed, (a.draws - b.draws).mean(axis=0), a.n_images)


def measure_share_closed(start: Draws, now: Draws, end: Draws) -> Effect:
    """How much of the gap between mixes start and end a mix closes: (start − now) / (start − end).

    The interval is that of the ratio to first order (the delta method), so it means something only where the
    gap itself is clearly not 0. Raises InputError as a difference does.
    """
    _check_pairs(start, now, end)
    gain, gap = start.by_seed - now.by_seed, start.by_seed - end.by_seed
    share = gain.mean() / gap.mean()
    draws = ((start.draws - now.draws) - share * (start.draws - end.draws)).mean(axis=0) / gap.mean()
    return _estimate((gain - share * gap) / gap.mean(), draws, start.n_images, value=float(share))


def holm(p_values: Mapping[K, float]) -> dict[K, float]:
    """Adjusted p values: small ones hold although many questions were asked (Holm 1979)."""
    adjusted: dict[K, float] = {}
    highest = 0.0
    ordered = sorted(p_values, key=lambda name: p_values[name])
    for i, name in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - i) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def _check_pairs(*mixes: Draws) -> None:
    shapes = [(len(mix.by_seed), mix.n_images) for mix in mixes]
    if len(set(shapes)) > 1:
        found = " and ".join(f"{n_seeds} seeds of {n_images} images" for n_seeds, n_images in shapes)
        raise InputError(f"mixes are compared on the same seeds and images, got {found}")


def _estimate(
    by_seed: Floats, draws: Floats, n_images: int, *, value: float | None = None, with_p: bool = True
) -> Effect:
    """by_seed: [seeds]. draws: [N_RESAMPLES], of their mean. value: the effect's, if not that mean."""
    n_seeds = len(by_seed)
    se_images = float(draws[np.isfinite(draws)].std(ddof=1))
    se_seeds = float(by_seed.std(ddof=1) / np.sqrt(n_seeds)) if n_seeds > 1 else 0.0
    value = float(by_seed.mean()) if value is None else value

    def half_width(p: float) -> float:
        seeds = t.isf(p / 2, n_seeds - 1) * se_seeds if n_seeds > 1 else 0.0
        return float(np.hypot(norm.isf(p / 2) * se_images, seeds))

    width = half_width(1 - CONFIDENCE)
    p = _find_p(abs(value), half_width) if with_p else None
    return Effect(value, value - width, value + width, p, n_images, n_seeds)


def _find_p(size: float, half_width: Callable[[float], float]) -> float:
    """The p at which the interval just touches 0."""
    if size <= half_width(1.0):
        return 1.0
    if size >= half_width(_SMALLEST_P):
        return _SMALLEST_P
    return float(brentq(lambda p: half_width(p) - size, _SMALLEST_P, 1.0))
