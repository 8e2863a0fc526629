"""How many real images something is worth: read off planted curves, and honest about chance and the ends."""

from collections.abc import Sequence

import numpy as np
import pytest

from synth.errors import InputError
from synth.metrics.comparison import Draws
from synth.metrics.data_size import Worth, measure_worth

NUMBERS = (10, 20, 40, 80, 160)


def make_draws(height: float, n_seeds: int = 2) -> Draws:
    """A metric without any chance in it."""
    return Draws(np.full(n_seeds, height), np.full((n_seeds, 3), height), 50)


def find(height: float, heights: Sequence[float], *, lower_is_better: bool = True) -> Worth:
    curve = [(n, make_draws(h)) for n, h in zip(NUMBERS, heights, strict=False)]
    rng = np.random.default_rng(0)
    return measure_worth(make_draws(height), curve, lower_is_better=lower_is_better, rng=rng)


ERRORS = (20.0, 15.0, 12.0, 8.0, 7.0)


@pytest.mark.parametrize(("height", "number"), list(zip(ERRORS, NUMBERS, strict=True)))
@pytest.mark.parametrize("sign", [1, -1])
def test_a_point_of_the_curve_is_worth_its_number(height: float, number: int, sign: int) -> None:
    """As good as the training with N images: N, and an interval of N alone where nothing is by chance; also
    where higher is better, and whatever the spacing of the heights.
    """
    worth = find(sign * height, [sign * h for h in ERRORS], lower_is_better=sign == 1)
    for found in (worth.value, worth.low, worth.high):
        assert found == pytest.approx(number)
    assert (worth.smallest, worth.largest, worth.n_images, worth.n_seeds) == (10, 160, 50, 2)


def test_between_two_points_the_scale_is_logarithmic() -> None:
    """Half way between the errors of 20 and 40 images: their geometric mean."""
    assert find(13.5, ERRORS).value == pytest.approx(np.sqrt(20 * 40))


def test_better_is_never_worth_less() -> None:
    """Along falling errors the number rises or stays, also on a curve that is not monotone itself."""
    for heights in (ERRORS, (20.0, 15.0, 16.0, 8.0, 9.0)):
        found = [find(height, heights).value for height in np.linspace(20.0, 8.6, 60)]
        assert (np.diff(np.array(found, dtype=float)) >= -1e-9).all()
        assert found[0] < found[-1]


def test_a_flat_part_is_worth_its_smallest_number() -> None:
    """Where 20 to 80 images do equally well, that is what 20 do; a bump is levelled first."""
    flat = (20.0, 12.0, 12.0, 12.0, 7.0)
    assert find(12.0, flat).value == pytest.approx(20)
    assert 80 < find(11.9, flat).value < 90
    assert 19 < find(12.1, flat).value < 20
    bumpy = (20.0, 11.0, 13.0, 12.0, 7.0)
    assert find(12.0, bumpy).value == pytest.approx(20)


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_the_ends_no_number_is_said(sign: int) -> None:
    """Better than the most images or worse than the fewest: the place lies beyond that end."""
    heights = [sign * h for h in ERRORS]
    better, worse = (find(sign * h, heights, lower_is_better=sign == 1) for h in (6.9, 20.1))
    for worth, end in ((better, np.inf), (worse, -np.inf)):
        assert (worth.value, worth.low, worth.high) == (end, end, end)


def draw(rng: np.random.Generator, planted: float, noise: float, n: int = 60, seeds: int = 3) -> Worth:
    """One experiment: errors of n shared images by every training; the truth falls with log N."""
    images = rng.gamma(6, 1 / 6, n)
    rows = rng.integers(n, size=(60, n))

    def measure(number: float) -> Draws:
        typical = 25 - 4 * np.log(number)
        errors = typical * images * rng.normal(1, 0.3, (seeds, n)) * rng.normal(1, noise, (seeds, 1))
        return Draws(errors.mean(axis=1), errors[:, rows].mean(axis=2), n)

    curve = [(number, measure(number)) for number in NUMBERS]
    return measure_worth(measure(planted), curve, lower_is_better=True, rng=rng)


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_the_interval_holds_the_planted_number(noise: float) -> None:
    """In 54 of 60 experiments or more, without and with chance in the seeds; and it excludes something: most
    intervals lie within the curve, and hold neither 15 nor 110 of planted 40.
    """
    rng = np.random.default_rng(0)
    worths = [draw(rng, 40, noise) for _ in range(60)]
    ends = [(w.low, w.high) for w in worths]
    assert sum(low <= 40 <= high for low, high in ends) >= 54
    assert sum(low > 15 and high < 110 for low, high in ends) >= 40
    assert 30 < np.median([w.value for w in worths]) < 55


def test_a_place_beyond_the_end_has_an_interval_too() -> None:
    """Of 60 experiments whose truth lies just inside the end, at most 5 say for sure that it lies beyond."""
    rng = np.random.default_rng(1)
    worths = [draw(rng, 155, 0.05) for _ in range(60)]
    assert sum(w.value == np.inf for w in worths) >= 10
    assert sum(w.low == np.inf for w in worths) <= 5


@pytest.mark.parametrize("n", [0, 1])
def test_a_curve_of_one_point_is_refused(n: int) -> None:
    """Two points are the least, and both numbers are said."""
    with pytest.raises(InputError, match=f"needs 2 points, got {n}"):
        find(10.0, ERRORS[:n])
