"""Whether one way of training is better than another: over images, over trainings, and over many questions.

Every mix is trained once a seed and measured on the same test images, so a mix's errors are a table
[seeds, images]. Two things are uncertain: which images are in the test set, and how a training turns out::

    se_images   spread of the metric, averaged over seeds, when images are drawn again (bootstrap), the same
                draw for all seeds and for both mixes of a difference; √(n/(n−1)) of it, for n drawn units
    se_seeds    √( Σ c² s² / k ), s the spread of a mix's k trainings, c how often the mix counts in a figure
    half width  √( (t_{n−1} se_images)² + (t_df se_seeds)² )

The trainings of two mixes are not paired, since equal seeds share little once the data differ: df is Welch's
(Satterthwaite 1946), which stays right where one mix spreads more than another. Where the spreads of all
mixes of a contest agree (Bartlett's test, p above 0.5) they are pooled, with the degrees of freedom of all,
but never below the spread of the mixes asked about; benchmarks/verdicts.py measures what these intervals
hold. One training has no second term: its interval is of that training alone, and has no p.

An interval stays in the range of its metric, since a spread shrinks towards the ends (`Range.interval`).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import bartlett, t

from synth.errors import InputError
from synth.metrics.intervals import CONFIDENCE, N_RESAMPLES, demand_units, resample_counts

Floats = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)
Metric = Callable[[Floats], Floats]
"""Takes errors [...,N] of N images and gives the metric [...]."""

MIN_IMAGES = 5
AGREEING_P = 0.5
"""Above it spreads are pooled.

At 0.05 intervals that ask about a mix that spreads three times as much as the others hold the truth in as few
as 86 % of cases, at 0.5 in 93 % or more (docs/results.md); benchmarks/verdicts.py measures what stands.
"""
_SMALLEST_P = 1e-12

median: Metric = partial(np.median, axis=-1)


@dataclass(frozen=True)
class Range:
    """What values a metric can have, the ends included."""

    lowest: float = -np.inf
    highest: float = np.inf

    def __sub__(self, other: "Range") -> "Range":
        """Of a difference."""
        return Range(self.lowest - other.highest, self.highest - other.lowest)

    def interval(self, value: float, half_width: float) -> tuple[float, float]:
        """An interval around a value that stays inside, as wide as half_width says where there is room.

        It holds every truth from which the value is no farther than the half width would be there: of a share
        the spread goes with √(θ(1 − θ)), of an error with √θ (the score interval, Wilson 1927).
        """
        span = self.highest - self.lowest
        if half_width == 0 or np.isinf(self.lowest):
            return value - half_width, value + half_width
        if np.isinf(span):
            place = value - self.lowest
            spread = min(half_width**2 / place, half_width) if place > 0 else half_width
            reach = np.sqrt(spread * place + spread**2 / 4)
            middle = place + spread / 2
            return self.lowest + float(max(middle - reach, 0.0)), self.lowest + float(middle + reach)
        place, half = (value - self.lowest) / span, half_width / span
        floor = min(half, 0.5) * (1 - min(half, 0.5)) / 4
        spread = half**2 / max(place * (1 - place), floor, np.finfo(float).tiny)
        reach = np.sqrt(spread * place * (1 - place) + spread**2 / 4)
        low, high = (place + spread / 2 - reach) / (1 + spread), (place + spread / 2 + reach) / (1 + spread)
        return self.lowest + span * max(0.0, float(low)), self.lowest + span * min(1.0, float(high))


SHARE, ERROR, FREE = Range(0.0, 1.0), Range(0.0), Range()


@dataclass(frozen=True)
class Effect:
    """A metric, or a difference of one between two mixes, with its interval.

    p: of the hypothesis that the truth is 0, two-sided, from the same standard errors; None for a mix's own
    metric and for single trainings. half_images, half_seeds: what the half width would be if only images or
    only trainings were uncertain. n_units: what was drawn again, images or groups of them.
    """

    value: float
    low: float
    high: float
    p: float | None
    n_images: int
    n_seeds: int
    half_images: float = 0.0
    half_seeds: float = 0.0
    n_units: int = 0

    @property
    def is_one_training(self) -> bool:
        """Whether nothing is known of how another training would turn out."""
        return self.n_seeds == 1

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, eq=False)
class Draws:
    """A metric of one mix: of each training [k], and of each when images are drawn again [k,R].

    nan stands for a drawing that has nothing to measure; intervals are made from the others. Draws of mixes
    that are compared must come from the same drawing of images. limits: the metric's range. n_units: how many
    things were drawn, where they are not images. makers: [k] which of several datasets of its name each
    training learnt from; trainings are then nested in datasets.
    """

    by_seed: Floats
    draws: Floats
    n_images: int
    limits: Range = FREE
    n_units: int | None = None
    makers: tuple[int, ...] = ()

    @cached_property
    def shares(self) -> Floats:
        """What each training counts [k], summing to 1: every dataset alike, and every training of one."""
        makers = np.asarray(self.makers or (0,) * len(self.by_seed))
        alike = np.array([np.count_nonzero(makers == maker) for maker in makers])
        return 1.0 / (alike * len(np.unique(makers)))

    @property
    def units(self) -> Floats:
        """What spreads independently: each dataset's mean or, of one dataset, each training."""
        makers = np.asarray(self.makers)
        if len(np.unique(makers)) < 2:
            return self.by_seed
        return np.array([self.by_seed[makers == maker].mean() for maker in np.unique(makers)])

    @property
    def value(self) -> float:
        """The metric."""
        return float(self.shares @ self.by_seed)

    @property
    def drawn(self) -> Floats:
        """The metric when images are drawn again, [R]."""
        return np.asarray(self.shares @ self.draws)


@dataclass(frozen=True)
class Spread:
    """The variance of one training, pooled over the mixes of a contest, and its degrees of freedom."""

    variance: float
    df: float


def draw_metric(
    errors: Floats,
    rng: np.random.Generator,
    metric: Metric = median,
    limits: Range = ERROR,
    clusters: Sequence[Hashable] | None = None,
) -> Draws:
    """The metric of errors [seeds, images], and what it is when images are drawn again.

    clusters: [images] what belongs together and is drawn as one. A generator in the same state draws the same
    images. Raises InputError for fewer than MIN_IMAGES images.
    """
    n_images = errors.shape[1]
    demand_units(n_images, MIN_IMAGES)
    if clusters is None or len(set(clusters)) == n_images:
        rows = rng.integers(n_images, size=(N_RESAMPLES, n_images))
        return Draws(metric(errors), metric(errors[:, rows]), n_images, limits)
    counts = resample_counts(n_images, N_RESAMPLES, rng, clusters).astype(int)
    again = [metric(errors[:, np.repeat(np.arange(n_images), row)]) for row in counts]
    return Draws(metric(errors), np.stack(again, axis=1), n_images, limits, count_units(clusters))


def count_units(clusters: Sequence[Hashable] | None) -> int | None:
    """How many things are drawn again where images belong to clusters."""
    return None if clusters is None else len(set(clusters))


def pool_spreads(mixes: Sequence[Draws]) -> Spread | None:
    """The spread that all mixes of a contest share; None where they do not agree or too little is known."""
    if any(mix.makers and len(set(mix.makers)) > 1 for mix in mixes):
        return None
    known = [mix.by_seed for mix in mixes if len(mix.by_seed) > 1]
    if len(known) < 2 or any(np.ptp(values) == 0 for values in known):
        return None
    if bartlett(*known).pvalue <= AGREEING_P:
        return None
    degrees = np.array([len(values) - 1 for values in known])
    variances = np.array([values.var(ddof=1) for values in known])
    return Spread(float((degrees * variances).sum() / degrees.sum()), float(degrees.sum()))


def measure_mix(mix: Draws, pooled: Spread | None = None) -> Effect:
    """The metric of one mix, averaged over trainings. pooled: what `pool_spreads` says of its contest."""
    return _estimate(mix.value, [(1.0, mix)], mix.limits, pooled, with_p=False)


def measure_difference(a: Draws, b: Draws, pooled: Spread | None = None) -> Effect:
    """The metric of mix a less that of mix b; raises InputError for other images."""
    return _estimate(a.value - b.value, [(1.0, a), (-1.0, b)], a.limits - b.limits, pooled)


def measure_share_closed(start: Draws, now: Draws, end: Draws, pooled: Spread | None = None) -> Effect:
    """How much of the gap between mixes start and end a mix closes: (start − now) / (start − end).

    The interval is that of the ratio to first order (the delta method), so it means something only where the
    gap itself is clearly not 0. Raises InputError as a difference does.
    """
    gap = start.value - end.value
    share = (start.value - now.value) / gap
    parts = [((1 - share) / gap, start), (-1 / gap, now), (share / gap, end)]
    return _estimate(share, parts, FREE, pooled)


def holm(p_values: Mapping[K, float]) -> dict[K, float]:
    """Adjusted p values: small ones hold although many questions were asked (Holm 1979)."""
    adjusted: dict[K, float] = {}
    highest = 0.0
    ordered = sorted(p_values, key=lambda name: p_values[name])
    for i, name in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - i) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def _estimate(
    value: float,
    parts: Sequence[tuple[float, Draws]],
    limits: Range,
    pooled: Spread | None,
    *,
    with_p: bool = True,
) -> Effect:
    """A sum of mixes' metrics, each times its factor."""
    _check_pairs([mix for _, mix in parts])
    first = parts[0][1]
    n_units = first.n_units or first.n_images
    drawn = sum(factor * mix.drawn for factor, mix in parts)
    drawn = np.asarray(drawn)[np.isfinite(drawn)]
    se_images = float(drawn.std(ddof=1)) * np.sqrt(n_units / (n_units - 1))
    se_seeds, df = seed_error(parts, pooled)

    def half_width(p: float) -> float:
        seeds = t.isf(p / 2, df) * se_seeds if se_seeds else 0.0
        return float(np.hypot(t.isf(p / 2, n_units - 1) * se_images, seeds))

    level = 1 - CONFIDENCE
    low, high = limits.interval(value, half_width(level))
    n_seeds = min(len(mix.by_seed) for _, mix in parts)
    return Effect(
        value,
        low,
        high,
        _find_p(value, limits, half_width) if with_p and n_seeds > 1 else None,
        first.n_images,
        n_seeds,
        float(t.isf(level / 2, n_units - 1) * se_images),
        float(t.isf(level / 2, df) * se_seeds) if se_seeds else 0.0,
        n_units,
    )


def seed_error(parts: Sequence[tuple[float, Draws]], pooled: Spread | None) -> tuple[float, float]:
    """The standard error by trainings of a sum of mixes' metrics, each times its factor, and its degrees of
    freedom; (0, inf) where a mix has one training.
    """
    units = [(factor**2 / len(mix.units), mix.units) for factor, mix in parts]
    if any(len(values) < 2 for _, values in units):
        return 0.0, np.inf
    terms = np.array([weight * values.var(ddof=1) for weight, values in units])
    variance, degrees = float(terms.sum()), np.array([len(values) - 1 for _, values in units])
    if pooled is not None:
        together = pooled.variance * sum(weight for weight, _ in units)
        return float(np.sqrt(max(together, variance))), pooled.df
    if variance == 0:
        return 0.0, np.inf
    return float(np.sqrt(variance)), float(variance**2 / (terms**2 / degrees).sum())


def _check_pairs(mixes: Sequence[Draws]) -> None:
    if len({(mix.n_images, mix.draws.shape[1]) for mix in mixes}) > 1:
        found = " and ".join(str(mix.n_images) for mix in mixes)
        raise InputError(f"mixes are compared on the same images, got {found} of them")


def _find_p(value: float, limits: Range, half_width: Callable[[float], float]) -> float:
    """The p at which the interval just touches 0."""

    def room(p: float) -> float:
        low, high = limits.interval(value, half_width(p))
        return low if value > 0 else -high

    if value == 0 or room(1.0) <= 0:
        return 1.0
    if room(_SMALLEST_P) >= 0:
        return _SMALLEST_P
    return float(brentq(room, _SMALLEST_P, 1.0))
