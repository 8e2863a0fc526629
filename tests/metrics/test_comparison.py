"""Intervals over images and seeds hold what they promise; many questions do not make a finding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from synth.errors import InputError
from synth.metrics.comparison import (
    ERROR,
    SHARE,
    Draws,
    Metric,
    Range,
    draw_metric,
    holm,
    measure_difference,
    measure_mix,
    measure_share_closed,
    median,
    pool_spreads,
)

N_TRIALS = 200


def mean(errors: np.ndarray) -> np.ndarray:
    return errors.mean(axis=-1)


def drawn(*tables: np.ndarray, metric: Metric = median) -> list:
    """Each table's metric under the same drawing of images."""
    return [draw_metric(table, np.random.default_rng(0), metric) for table in tables]


def make_draws(by_seed: list[float], makers: tuple[int, ...] = ()) -> Draws:
    """A metric on which images have no influence."""
    values = np.array(by_seed, dtype=float)
    return Draws(values, np.repeat(values[:, None], 3, axis=1), 50, makers=makers)


def draw_errors(rng: np.random.Generator, n_seeds: int, n_images: int, seed_sigma: float) -> np.ndarray:
    """Errors of 10 on average: images differ by 2, seeds by ``seed_sigma``, the rest is noise of 1."""
    images, seeds = rng.normal(0, 2, n_images), rng.normal(0, seed_sigma, (n_seeds, 1))
    return 10 + images + seeds + rng.normal(0, 1, (n_seeds, n_images))


@pytest.mark.parametrize("seed_sigma", [0.0, 1.0])
def test_intervals_hold_the_truth(seed_sigma: float) -> None:
    """Of 200 experiments with 3 seeds of 60 images, 90 to 99 % of the intervals hold the true mean."""
    rng = np.random.default_rng(0)
    effects = [measure_mix(*drawn(draw_errors(rng, 3, 60, seed_sigma), metric=mean)) for _ in range(N_TRIALS)]
    share = np.mean([e.low <= 10 <= e.high for e in effects])
    assert 0.90 <= share <= 0.995


def test_equal_mixes_are_seldom_found_different() -> None:
    """p < 0.05 in at most 8 % of 200 comparisons of mixes that differ by chance alone."""
    rng = np.random.default_rng(1)
    p_values = []
    for _ in range(N_TRIALS):
        images = rng.normal(0, 2, 60)
        a, b = (10 + images + rng.normal(0, 0.5, (4, 1)) + rng.normal(0, 1, (4, 60)) for _ in range(2))
        p_values.append(measure_difference(*drawn(a, b, metric=mean)).p)
    assert np.mean(np.array(p_values) < 0.05) <= 0.08


def test_a_large_difference_is_found_and_signed() -> None:
    """A mix that is 3 worse on every image is found worse, and the interval holds 3."""
    rng = np.random.default_rng(2)
    a = draw_errors(rng, 3, 60, 0.1)
    effect = measure_difference(*drawn(a + 3, a))
    assert effect.value == pytest.approx(3)
    assert effect.excludes_zero
    assert effect.p < 0.002
    assert measure_difference(*drawn(a, a + 3)).value == pytest.approx(-3)


def test_pairing_takes_away_what_images_share() -> None:
    """Two mixes on the same images differ by far less than either is uncertain."""
    rng = np.random.default_rng(3)
    images = rng.normal(0, 5, 80)
    a, b = (20 + images + rng.normal(0, 0.3, (3, 80)) for _ in range(2))
    alone = measure_mix(*drawn(a, metric=mean))
    paired = measure_difference(*drawn(a, b, metric=mean))
    assert paired.high - paired.low < 0.2 * (alone.high - alone.low)


def test_the_share_of_a_gap_holds_the_truth() -> None:
    """A mix at 60 % of the way from 20 to 10: 90 to 99 % of the intervals hold 0.6."""
    rng = np.random.default_rng(7)
    n_holding = 0
    for _ in range(N_TRIALS):
        images = rng.normal(0, 2, 60)
        start, now, end = (
            level + images + rng.normal(0, 0.5, (3, 1)) + rng.normal(0, 1, (3, 60)) for level in (20, 14, 10)
        )
        share = measure_share_closed(*drawn(start, now, end, metric=mean))
        n_holding += share.low <= 0.6 <= share.high
    assert 0.90 <= n_holding / N_TRIALS <= 0.995


def test_one_seed_is_an_indication_over_images_alone() -> None:
    """With one seed the interval is the bootstrap's: 1.96 standard errors of the mean on either side."""
    rng = np.random.default_rng(4)
    errors = rng.normal(10, 2, (1, 400))
    effect = measure_mix(*drawn(errors, metric=mean))
    assert effect.is_one_training
    assert (effect.high - effect.low) / 2 == pytest.approx(norm.isf(0.025) * errors.std() / 20, rel=0.1)


def test_one_training_has_no_p() -> None:
    """Three equal mixes, each trained once: whatever is seen, nothing is asked of another training."""
    rng = np.random.default_rng(11)
    a, b = (draw_errors(rng, 1, 60, 1.0) for _ in range(2))
    assert measure_difference(*drawn(a, b, metric=mean)).p is None


@pytest.mark.parametrize("limits", [SHARE, ERROR, SHARE - SHARE])
@given(place=st.floats(0.0, 1.0), half_width=st.floats(0.0, 3.0), smaller=st.floats(0.0, 1.0))
def test_an_interval_stays_in_the_metrics_range(
    limits: Range, place: float, half_width: float, smaller: float
) -> None:
    """Whatever its width it holds the value, lies inside, and grows with the width."""
    value = limits.lowest + place * (min(limits.highest, 200.0) - limits.lowest)
    low, high = limits.interval(value, half_width)
    assert limits.lowest <= low <= value + 1e-12
    assert value - 1e-12 <= high <= limits.highest
    inner_low, inner_high = limits.interval(value, smaller * half_width)
    assert inner_low >= low - 1e-9
    assert inner_high <= high + 1e-9


def test_narrow_intervals_are_as_wide_as_asked() -> None:
    """Away from the ends the transform changes nothing."""
    for limits in (SHARE, ERROR):
        low, high = limits.interval(0.5, 0.001)
        assert (low, high) == pytest.approx((0.499, 0.501), abs=2e-6)


def test_spreads_are_pooled_where_they_agree() -> None:
    """Alike: one variance with the degrees of freedom of all. One that is ten times another: none."""
    alike = [make_draws([1, 2, 3]), make_draws([5, 6, 7.1]), make_draws([2, 3, 4])]
    pooled = pool_spreads(alike)
    assert pooled is not None
    assert pooled.df == 6
    assert pooled.variance == pytest.approx((1 + np.var([5, 6, 7.1], ddof=1) + 1) / 3)
    assert pool_spreads([make_draws([1, 2, 3]), make_draws([1, 20, 30])]) is None
    assert pool_spreads([make_draws([1.0]), make_draws([2.0])]) is None
    apart, together = (measure_difference(alike[0], alike[1], each) for each in (None, pooled))
    assert together.high - together.low < apart.high - apart.low


def test_trainings_are_nested_in_the_datasets_that_they_learnt_from() -> None:
    """Two translators, two trainings of each: what spreads is their two means, and both count alike."""
    nested = make_draws([1, 1.1, 5, 5.1], makers=(0, 0, 1, 1))
    assert nested.units.tolist() == pytest.approx([1.05, 5.05])
    plain = measure_mix(make_draws([1, 1.1, 5, 5.1]))
    held = measure_mix(nested)
    assert held.value == plain.value == pytest.approx(3.05)
    assert held.half_seeds == pytest.approx(t.isf(0.025, 1) * 4 / np.sqrt(2) / np.sqrt(2))
    assert measure_mix(make_draws([0, 2, 6], makers=(0, 0, 1))).value == pytest.approx(3.5)


def test_frames_of_one_film_are_drawn_together() -> None:
    """Ten films of ten equal frames say as much as ten images."""
    rng = np.random.default_rng(3)
    films = rng.normal(10, 2, 10)
    frames, names = np.repeat(films, 10)[None], [f"film {i // 10}" for i in range(100)]
    clustered = measure_mix(draw_metric(frames, np.random.default_rng(0), mean, clusters=names))
    alone = measure_mix(draw_metric(films[None], np.random.default_rng(0), mean))
    assert (clustered.n_units, clustered.n_images) == (10, 100)
    assert clustered.half_images == pytest.approx(alone.half_images, rel=0.1)


def test_p_agrees_with_the_interval() -> None:
    """p is under 0.05 exactly where the 95 % interval excludes 0."""
    rng = np.random.default_rng(5)
    for shift in np.linspace(-0.6, 0.6, 25):
        a, b = draw_errors(rng, 3, 40, 0.2), draw_errors(rng, 3, 40, 0.2)
        effect = measure_difference(*drawn(a + shift, b, metric=mean))
        assert (effect.p < 0.05) == effect.excludes_zero


def test_holm_by_hand() -> None:
    """The smallest p times three, the next times two, never smaller than the one before, at most 1."""
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.5, "b": 0.9}) == pytest.approx({"a": 1.0, "b": 1.0})
    assert holm({}) == {}


def test_what_cannot_be_compared_is_refused() -> None:
    """Other images, too few images: one sentence with what was got."""
    with pytest.raises(InputError, match="the same images, got 20 and 21"):
        measure_difference(*drawn(np.zeros((3, 20)), np.zeros((3, 21))))
    with pytest.raises(InputError, match="5 images or more, got 4"):
        measure_mix(*drawn(np.zeros((3, 4))))
