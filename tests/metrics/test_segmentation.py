"""Scores of label maps against torchmetrics, against plain loops, and in resamples."""

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from synth.errors import InputError
from synth.metrics.intervals import resample_counts
from synth.metrics.segmentation import (
    METRICS,
    PixelCounts,
    count_image,
    find_boundary,
    gather,
    measure,
)

NAMES = ("road", "sky", "car", "pole", "never")
VOID, N = 255, 4


def draw_maps(seed: int, n_classes: int = N) -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and prediction of three images in blocks; void in the truth; one class is nowhere."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(3):
        blocks = rng.integers(0, n_classes, (4, 5)).astype(np.uint8)
        truth = blocks.repeat(4, axis=0).repeat(4, axis=1)
        predicted = np.where(rng.random(truth.shape) < 0.2, rng.integers(0, n_classes, truth.shape), truth)
        truth[rng.random(truth.shape) < 0.1] = VOID
        pairs.append((truth, predicted.astype(np.uint8)))
    return pairs


def count(pairs: list[tuple[np.ndarray, np.ndarray]], **options: float) -> PixelCounts:
    return gather((count_image(*pair, len(NAMES), **options) for pair in pairs), NAMES)  # type: ignore[arg-type]


def once(counts: PixelCounts) -> np.ndarray:
    return np.ones((1, len(counts.n_true)))


def test_iou_is_torchmetrics() -> None:
    """The global one, without void; the mean skips a class neither true nor predicted, as theirs."""
    pairs = draw_maps(0)
    counts = count(pairs)
    truth, predicted = (
        torch.from_numpy(np.stack(side).astype(np.int64)) for side in zip(*pairs, strict=True)
    )
    mean, each = (
        MulticlassJaccardIndex(len(NAMES), average=average, ignore_index=VOID)(predicted, truth).numpy()
        for average in ("macro", "none")
    )
    assert counts.miou(once(counts))[0] == pytest.approx(float(mean), abs=1e-6)
    by_class = counts.iou_by_class(once(counts))[0]
    assert by_class[:N] == pytest.approx(each[:N], abs=1e-6)
    assert np.isnan(by_class[N])
    assert each[N] == 0
    assert counts.absent == ("never",)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_plain_loops(seed: int) -> None:
    """IoU, F1, accuracy and shares, by sets of pixels; a class that is only predicted counts as 0."""
    pairs = draw_maps(seed)
    for truth, _ in pairs:
        truth[truth == 3] = 0
    pairs[0][1][:2] = VOID
    counts = count(pairs)
    truth, predicted = (np.concatenate([ids.ravel() for ids in side]) for side in zip(*pairs, strict=True))
    truth, predicted = truth[truth != VOID], predicted[truth != VOID]
    iou, f1 = [], []
    for i in range(N):
        true, found = set(np.flatnonzero(truth == i)), set(np.flatnonzero(predicted == i))
        iou.append(len(true & found) / len(true | found))
        f1.append(2 * len(true & found) / (len(true) + len(found)))
    assert iou[3] == 0
    assert counts.iou_by_class(once(counts))[0, :N] == pytest.approx(iou)
    assert counts.miou(once(counts))[0] == pytest.approx(np.mean(iou))
    assert counts.mf1(once(counts))[0] == pytest.approx(np.mean(f1))
    assert counts.pixel_accuracy(once(counts))[0] == pytest.approx((truth == predicted).mean())
    assert counts.pixel_shares[:N] == pytest.approx(np.bincount(truth, minlength=N) / len(truth))
    assert counts.absent == ("pole", "never")
    assert counts.confusion.sum() == len(truth)
    assert counts.confusion[:, -1].sum() == (predicted == VOID).sum()


@pytest.mark.parametrize("tolerance_px", [0.0, 1.0, 1.5, 3.0])
def test_boundary_f1_is_that_of_every_pair_of_pixels(tolerance_px: float) -> None:
    """By the distance of each boundary pixel to all others of its class; what lies at void is no boundary."""
    pairs = draw_maps(1)
    counts = count(pairs, tolerance_px=tolerance_px)
    sums = np.zeros((N, 4))
    for truth, predicted in pairs:
        hidden = np.where(truth == VOID, VOID, predicted)
        for i in range(N):
            a, b = (brute_boundary(ids, i) for ids in (truth, hidden))
            away_px = np.hypot(*(np.subtract.outer(p, q) for p, q in zip(a.T, b.T, strict=True)))
            near = [(away_px <= tolerance_px).any(axis=axis) for axis in (1, 0)]
            sums[i] += [len(a), near[0].sum(), len(b), near[1].sum()]
    recall, precision = sums[:, 1] / sums[:, 0], sums[:, 3] / sums[:, 2]
    expected = 2 * recall * precision / (recall + precision)
    assert counts.boundary_f1_by_class(once(counts))[0, :N] == pytest.approx(expected)
    assert np.isnan(counts.boundary_f1_by_class(once(counts))[0, N])
    assert counts.boundary_f1(once(counts))[0] == pytest.approx(expected.mean())


def brute_boundary(ids: np.ndarray, of: int) -> np.ndarray:
    height, width = ids.shape
    found = []
    for y, x in np.argwhere(ids == of).tolist():
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        inside = [ids[p] for p in around if 0 <= p[0] < height and 0 <= p[1] < width]
        if any(other not in (of, VOID) for other in inside):
            found.append((y, x))
    return np.array(found)


def test_a_boundary_has_two_sides() -> None:
    """A map of one class has none, the edge of the image is none, and of two classes each has its own."""
    ids = np.zeros((3, 4), np.uint8)
    assert not find_boundary(ids, VOID).any()
    ids[:, 2:] = 1
    assert find_boundary(ids, VOID).tolist() == [[False, True, True, False]] * 3


def test_a_resample_is_a_set_with_those_copies() -> None:
    """Every metric under weights is that of a set in which images stand so often; seeds stand beside it."""
    pairs = draw_maps(2)
    counts, other = count(pairs), count([*pairs[:2], (pairs[2][0], np.zeros_like(pairs[2][1]))])
    weights = np.vstack([[2, 0, 1], resample_counts(3, 5, np.random.default_rng(0))])
    copies = count([pairs[0], pairs[0], pairs[2]])
    for metric, its in METRICS.items():
        by_seed, draws = measure([counts, other], metric, weights)
        assert (by_seed.shape, draws.shape) == ((2,), (2, 6))
        assert draws[0, 0] == pytest.approx(its.figure(copies, once(copies))[0])
        assert by_seed[0] == pytest.approx(its.figure(counts, once(counts))[0])
        assert by_seed[1] < by_seed[0]


def test_what_cannot_be_measured_is_one_sentence() -> None:
    """Maps of other sizes, of no ids or of unknown ones; seeds of other images or tolerances; no image."""
    ids = np.zeros((3, 4), np.uint8)
    for truth, predicted, said in (
        (ids, ids[:2], r"of one size, got \[3, 4\] and \[2, 4\]"),
        (ids, ids / 2, r"the prediction must be class ids \[H,W\], got \[3, 4\] float64"),
        (ids + 9, ids, "the truth holds id 9, and classes are 0 to 4, void 255"),
    ):
        with pytest.raises(InputError, match=said):
            count_image(truth, predicted, len(NAMES))
    counts = count(draw_maps(0))
    for seeds, metric, said in (
        ([counts], "iou", "there is no metric 'iou': choose from miou"),
        ([], "miou", "one seed or more"),
        ([counts, count(draw_maps(1))], "miou", "true pixels that differ"),
        ([counts, count(draw_maps(0), tolerance_px=1)], "miou", "one boundary tolerance"),
    ):
        with pytest.raises(InputError, match=said):
            measure(seeds, metric, np.ones((1, 3)))
    with pytest.raises(InputError, match=r"weights must be \[R,3\]"):
        counts.miou(np.ones((1, 2)))
    with pytest.raises(InputError, match="there is no image"):
        gather([], NAMES)
    with pytest.raises(InputError, match="one tolerance, got"):
        gather([count_image(ids, ids, 5, tolerance_px=t) for t in (1, 2)], NAMES)
