"""Intervals hold the truth as often as they claim, and resample images, not pixels."""

import numpy as np
import pytest

from synth.errors import InputError
from synth.metrics.intervals import Estimate, bootstrap, distance_estimate, resample_counts


def test_coverage_of_a_median():
    """A 95 % interval of a median of skewed figures holds the truth in 95 of 100 data sets, within chance."""
    rng = np.random.default_rng(0)
    truth = np.log(2)
    n_holding = 0
    for _ in range(200):
        sample = rng.exponential(size=60)
        estimate = bootstrap(lambda x: float(np.median(x)), sample, rng=rng, n_resamples=200)
        n_holding += estimate.low <= truth <= estimate.high
    assert 0.88 <= n_holding / 200 <= 0.99


def test_coverage_of_a_difference_of_two_samples():
    """Samples of different sizes are resampled each by itself."""
    rng = np.random.default_rng(1)
    n_holding = 0
    for _ in range(200):
        a, b = rng.normal(1.0, 1.0, 30), rng.normal(0.0, 3.0, 80)
        estimate = bootstrap(lambda x, y: float(x.mean() - y.mean()), a, b, rng=rng, n_resamples=200)
        n_holding += estimate.low <= 1.0 <= estimate.high
        assert estimate.n == 30
    assert 0.88 <= n_holding / 200 <= 0.99


def test_rows_stay_together():
    """What stands in one row belongs to one image: paired figures stay paired."""
    rng = np.random.default_rng(2)
    before = rng.normal(size=50)
    pairs = np.stack([before, before - 1], axis=1)
    estimate = bootstrap(lambda x: float((x[:, 0] - x[:, 1]).mean()), pairs, rng=rng)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((1, 1, 1))


def test_width_shrinks_with_the_root_of_n():
    """Four times the images, half the interval."""
    rng = np.random.default_rng(3)

    def width(n: int) -> float:
        estimate = bootstrap(lambda x: float(x.mean()), rng.normal(size=n), rng=rng)
        return estimate.high - estimate.low

    assert np.mean([width(400) for _ in range(8)]) == pytest.approx(
        np.mean([width(100) for _ in range(8)]) / 2, rel=0.15
    )


def test_same_seed_same_interval():
    """Chance comes from the generator that was passed in and from nowhere else."""
    sample = np.arange(20.0)
    first, second = (
        bootstrap(lambda x: float(x.mean()), sample, rng=np.random.default_rng(7)) for _ in range(2)
    )
    assert first == second


def test_resample_counts_are_a_resample():
    """Each row draws n times out of n images."""
    counts = resample_counts(9, 500, np.random.default_rng(0))
    assert counts.shape == (500, 9)
    assert (counts.sum(axis=1) == 9).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(9), abs=0.2)


def test_a_distance_can_reach_zero():
    """The low end of a distance is never below zero, and reaches it where the draws are twice the value."""
    draws = np.linspace(1.5, 2.5, 101)
    assert distance_estimate(1.0, draws, 10) == Estimate(1.0, 0.0, pytest.approx(2.475), 10)
    far = distance_estimate(10.0, draws + 8, 10)
    assert far.low == pytest.approx(9.525)


def test_one_image_has_no_interval():
    """One image says nothing about spread, and the message says how many are needed."""
    with pytest.raises(InputError, match="needs 2 images or more, got 1"):
        bootstrap(lambda x: float(x.mean()), np.array([1.0]), rng=np.random.default_rng(0))


def test_an_estimate_reads_aloud():
    """An estimate prints as figure, interval and count."""
    assert str(Estimate(0.1234, 0.1, 0.2, 40)) == "0.1234 (0.1 to 0.2, n = 40)"
