"""Measures of the distance between two sets: known answers, honest intervals, invariances."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from synth.errors import InputError
from synth.metrics.domain_distance import (
    above_floor,
    classifier_auc,
    colour_emd,
    colour_histograms,
    gradient_emd,
    histogram_emd,
    kernel_distance,
    kernel_drop,
    real_floor,
    standardise,
)
from synth.metrics.intervals import Estimate


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def slow_kernel_distance(a: NDArray, b: NDArray) -> float:
    """The estimator as it is written in the paper, pair by pair."""

    def k(x: NDArray, y: NDArray) -> float:
        return (float(x @ y) / len(x) + 1) ** 3

    n, m = len(a), len(b)
    aa = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    bb = sum(k(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return aa + bb - 2 * sum(k(x, y) for x in a for y in b) / (n * m)


def cubic_mmd_of_gaussians(shift: float, n_features: int) -> float:
    """MMD² of N(0, I) and N(shift, I) under (x·y / D + 1)³: Σ C(3, p) ‖difference of p-th moments‖² / Dᵖ."""
    D, square = n_features, n_features * shift**2
    first, second = square, square**2
    third = square**3 + 6 * square**2 + (3 * D + 6) * square
    return 3 * first / D + 3 * second / D**2 + third / D**3


class TestKernelDistance:
    def test_agrees_with_the_sum_over_pairs(self, rng: np.random.Generator):
        """The fast form is the paper's estimator."""
        a, b = rng.normal(size=(9, 5)), rng.normal(0.3, 1.2, size=(7, 5))
        assert kernel_distance(a, b, rng).value == pytest.approx(slow_kernel_distance(a, b), rel=1e-12)

    def test_known_answer_of_two_gaussians(self, rng: np.random.Generator):
        """The interval holds what the moments of two Gaussians say."""
        estimate = kernel_distance(rng.normal(size=(800, 4)), rng.normal(0.5, 1, size=(800, 4)), rng)
        assert estimate.low < cubic_mmd_of_gaussians(0.5, 4) < estimate.high
        assert estimate.value == pytest.approx(cubic_mmd_of_gaussians(0.5, 4), rel=0.2)

    def test_one_distribution_covers_zero(self, rng: np.random.Generator):
        """Two sets of one distribution: the interval holds zero."""
        estimate = kernel_distance(*rng.normal(size=(2, 80, 16)), rng)
        assert estimate.low <= 0 <= estimate.high

    def test_a_set_against_itself_is_no_distance(self, rng: np.random.Generator):
        """Nothing above zero, neither with many images nor with two, of which half the resamples hold one."""
        for n in (2, 3, 50):
            a = rng.normal(size=(n, 6))
            estimate = kernel_distance(a, a, rng)
            assert estimate.value <= 0
            assert np.isfinite([estimate.low, estimate.high]).all()

    @pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0.95, 1.0), (0.5, 0.89, 0.99)])
    def test_intervals_hold_the_truth(
        self,
        rng: np.random.Generator,
        shift: float,
        least: float,
        most: float,
    ):
        """95 % intervals hold the truth that often, more often where there is no difference, and lie around
        the value: doubles in a resample do not push them up.
        """
        truth, n_holding, above = cubic_mmd_of_gaussians(shift, 16), 0, []
        for _ in range(200):
            a, b = rng.normal(size=(50, 16)), rng.normal(shift, 1, size=(50, 16))
            estimate = kernel_distance(a, b, rng, n_resamples=200)
            n_holding += estimate.low <= truth <= estimate.high
            above.append((estimate.high - estimate.value) / (estimate.high - estimate.low))
        assert least <= n_holding / 200 <= most
        assert np.mean(above) == pytest.approx(0.5, abs=0.06)

    def test_order_and_rotation_do_not_matter(self, rng: np.random.Generator):
        """Images may come in any order, and features may be turned."""
        a, b = rng.normal(size=(20, 6)), rng.normal(0.4, 1, size=(30, 6))
        turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
        value = kernel_distance(a, b, rng).value
        assert kernel_distance(a[::-1], b, rng).value == pytest.approx(value, rel=1e-9)
        assert kernel_distance(a @ turn, b @ turn, rng).value == pytest.approx(value, rel=1e-9)
        assert kernel_distance(b, a, rng).value == pytest.approx(value, rel=1e-9)

    def test_refuses_what_it_cannot_measure(self, rng: np.random.Generator):
        """One image, differing widths and numbers that are not finite are named."""
        with pytest.raises(InputError, match="2 images or more, got 1"):
            kernel_distance(np.ones((1, 3)), np.ones((5, 3)), rng)
        with pytest.raises(InputError, match=r"got \[4, 3\] and \[4, 2\]"):
            kernel_distance(np.ones((4, 3)), np.ones((4, 2)), rng)
        with pytest.raises(InputError, match="not finite"):
            kernel_distance(np.full((4, 3), np.nan), np.ones((4, 3)), rng)


class TestKernelDrop:
    def test_is_the_difference_and_sees_it_sharper(self, rng: np.random.Generator):
        """The drop is before minus after, and pairing makes its interval narrower than two separate ones."""
        real, noise = rng.normal(size=(60, 8)), rng.normal(size=(60, 8))
        before, after = noise + 1.0, noise + 0.6
        drop = kernel_drop(before, after, real, rng)
        first, second = kernel_distance(before, real, rng), kernel_distance(after, real, rng)
        assert drop.value == pytest.approx(first.value - second.value)
        assert drop.low > 0
        assert drop.high - drop.low < (first.high - first.low) + (second.high - second.low)

    def test_no_change_is_no_drop(self, rng: np.random.Generator):
        """The same images before and after drop by exactly nothing."""
        images, real = rng.normal(size=(2, 20, 4))
        drop = kernel_drop(images, images, real, rng)
        assert (drop.value, drop.low, drop.high) == (0, 0, 0)

    def test_needs_the_same_images(self, rng: np.random.Generator):
        """Unpaired sets are refused with both counts."""
        with pytest.raises(InputError, match="got 5 and 6"):
            kernel_drop(np.ones((5, 2)), np.ones((6, 2)), np.ones((5, 2)), rng)


class TestClassifierAuc:
    def test_one_distribution_is_a_guess(self, rng: np.random.Generator):
        """Where there is nothing to see the interval holds a half, in 90 of 100 data sets at least."""
        estimates = [classifier_auc(*rng.normal(size=(2, 40, 12)), rng) for _ in range(30)]
        assert np.mean([e.low <= 0.5 <= e.high for e in estimates]) >= 0.9
        assert np.mean([e.value for e in estimates]) == pytest.approx(0.5, abs=0.04)

    def test_sees_the_area_that_theory_gives(self, rng: np.random.Generator):
        """Two Gaussians 1.5 apart along one of four features: Φ(1.5/√2) = 0.856."""
        a, b = rng.normal(size=(2, 400, 4))
        b[:, 2] += 1.5
        estimate = classifier_auc(a, b, rng)
        assert estimate.value == pytest.approx(0.856, abs=0.03)
        assert 0.5 < estimate.low < 0.856 < estimate.high

    def test_apart_is_one_whatever_the_scale(self, rng: np.random.Generator):
        """Sets that do not touch reach 1; scale and shift of a feature change nothing."""
        a, b = rng.normal(size=(30, 3)), rng.normal(20, 1, size=(25, 3))
        assert classifier_auc(a, b, rng).value == 1
        scale = np.array([1e3, 1.0, 1e-3])
        near = rng.normal(0.5, 1, size=(25, 3))
        plain, scaled = (
            classifier_auc(a * s, near * s, np.random.default_rng(5)) for s in (np.ones(3), scale)
        )
        assert scaled.value == pytest.approx(plain.value, abs=1e-3)

    def test_few_images(self, rng: np.random.Generator):
        """Four images a set are enough, three are refused."""
        assert 0 <= classifier_auc(*rng.normal(size=(2, 4, 3)), rng).value <= 1
        with pytest.raises(InputError, match="4 images or more, got 3"):
            classifier_auc(rng.normal(size=(3, 2)), rng.normal(size=(9, 2)), rng)


def make_images(rng: np.random.Generator, n: int, mean: float, spread: float = 12.0) -> NDArray[np.uint8]:
    return np.clip(rng.normal(mean, spread, (n, 24, 32, 3)), 0, 255).astype(np.uint8)


class TestEmd:
    def test_colour_is_exact(self, rng: np.random.Generator):
        """The mean over channels of scipy's Wasserstein distance of all pixels."""
        a, b = make_images(rng, 4, 90), make_images(rng, 6, 130, 30)
        expected = np.mean([wasserstein_distance(a[..., c].ravel(), b[..., c].ravel()) for c in range(3)])
        assert colour_emd(a, b, rng).value == pytest.approx(expected, rel=1e-9)

    def test_colour_measures_a_shift(self, rng: np.random.Generator):
        """Every pixel 7 counts lighter in red alone is a third of 7."""
        a = make_images(rng, 5, 120)
        assert colour_emd(a, a + np.array([7, 0, 0], np.uint8), rng).value == pytest.approx(7 / 3)

    def test_images_weigh_alike_whatever_their_size(self, rng: np.random.Generator):
        """A large picture counts no more than a small one."""
        small, large = np.full((4, 4, 3), 50, np.uint8), np.full((40, 40, 3), 150, np.uint8)
        both, middle = [small, large], [np.full((8, 8, 3), 100, np.uint8)] * 2
        assert colour_emd(both, middle, rng).value == pytest.approx(50)

    def test_gradient_measures_steepness(self, rng: np.random.Generator):
        """Ramps of 2 and of 5 counts a pixel are 3 counts a pixel apart, edges of the picture aside."""

        def ramp(step: int) -> NDArray[np.uint8]:
            row = (step * np.arange(50)).astype(np.uint8)
            return np.repeat(np.tile(row, (40, 1))[..., None], 3, axis=2)

        inner = 48 / 50  # The outermost columns reflect, and have no gradient.
        distance = gradient_emd([ramp(2)] * 2, [ramp(5)] * 2, rng).value
        assert distance == pytest.approx(3 * inner, abs=0.11)

    def test_gradient_sees_blur_and_not_brightness(self, rng: np.random.Generator):
        """A lighter picture has the same gradients, a blurred one has not."""
        a = make_images(rng, 4, 100)
        blurred = [cv2.GaussianBlur(image, (0, 0), 1.5) for image in a]
        assert gradient_emd(a, a + np.uint8(30), rng).value == pytest.approx(0, abs=0.05)
        assert gradient_emd(a, blurred, rng).value > 1

    def test_identical_sets_cover_zero(self, rng: np.random.Generator):
        """A set against itself is at no distance, and its interval begins there."""
        a = make_images(rng, 6, 100)
        for estimate in (colour_emd(a, a, rng), gradient_emd(a, a, rng)):
            assert estimate.value == 0
            assert estimate.low == 0

    @pytest.mark.parametrize("shift", [0.0, 8.0])
    def test_intervals_hold_the_truth(self, rng: np.random.Generator, shift: float):
        """Sets whose pictures differ in brightness: the interval holds their true distance, zero included, in
        nine of ten data sets.
        """
        values = np.arange(60, 188, 2)

        def histograms(n: int, mean: float) -> NDArray[np.float64]:
            centre = rng.normal(mean, 6, (n, 1, 1))
            density = np.exp(-0.5 * ((values - centre) / 12) ** 2)
            return density / density.sum(axis=2, keepdims=True)

        estimates = [
            histogram_emd(histograms(40, 120), histograms(40, 120 + shift), rng, bin_width=2, n_resamples=200)
            for _ in range(60)
        ]
        assert np.mean([e.low <= shift <= e.high for e in estimates]) >= 0.9

    def test_refuses_other_images(self, rng: np.random.Generator):
        """Floats and grey pictures are named by shape and type."""
        with pytest.raises(InputError, match=r"\[8, 8\] uint8"):
            colour_emd([np.zeros((8, 8), np.uint8)] * 2, [np.zeros((8, 8), np.uint8)] * 2, rng)
        with pytest.raises(InputError, match="float64"):
            gradient_emd([np.zeros((8, 8, 3))] * 2, [np.zeros((8, 8, 3))] * 2, rng)


class TestFloor:
    def test_says_what_zero_means(self, rng: np.random.Generator):
        """Between real pictures a distance is not zero: the floor says how much that is, another look's is
        above it, and that of another set of the same kind is not.
        """
        real, other, apart = (
            colour_histograms([image for m in means for image in make_images(rng, 1, m)])
            for means in (rng.normal(120, 6, 40), rng.normal(120, 6, 40), rng.normal(150, 6, 40))
        )
        floor = real_floor(histogram_emd, real, rng, n_halvings=10)
        assert floor.n == 20
        assert 0.3 < floor.value < 6
        assert above_floor(histogram_emd(apart, real, rng), floor).low > 0
        assert above_floor(histogram_emd(other, real, rng), floor).low < 0

    def test_of_an_unbiased_measure_holds_zero(self, rng: np.random.Generator):
        """The kernel distance between halves spreads around zero."""
        floor = real_floor(kernel_distance, rng.normal(size=(60, 8)), rng, n_halvings=20)
        assert floor.low < 0 < floor.high

    def test_above_floor_allows_for_both(self):
        """Figures subtract, and the ends of both intervals add up."""
        left = above_floor(Estimate(10, 9, 11, 30), Estimate(2, 1, 4, 15))
        assert left == Estimate(8, 5, 10, 30)

    def test_needs_halves(self, rng: np.random.Generator):
        """Fewer than four real images have no halves to compare."""
        with pytest.raises(InputError, match="4 images or more"):
            real_floor(kernel_distance, np.ones((3, 2)), rng)


def test_standardise_uses_the_reference(rng: np.random.Generator):
    """The reference comes out with zero mean and unit variance, others by the same shift and scale."""
    reference = rng.normal(5, 3, size=(100, 4))
    own = standardise(reference, reference)
    assert own.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-12)
    assert own.std(axis=0) == pytest.approx(np.ones(4))
    moved = standardise(reference + 1, reference)
    assert moved - own == pytest.approx(np.tile(1 / reference.std(axis=0), (100, 1)))


def test_standardise_bounds_what_one_feature_can_do(rng: np.random.Generator):
    """A feature that hardly varies in the reference is magnified ten times as much as the others at most."""
    reference = rng.normal(size=(200, 8))
    reference[:, 6] = 2
    reference[:, 7] *= 1e-9
    other = reference + 1
    assert np.abs(standardise(other, reference)[:, 6:]).max() < 12
    assert (standardise(np.ones((3, 2)), np.ones((5, 2))) == 0).all()
