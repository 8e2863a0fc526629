"""Pascal VOC's average precision, beside a version that shares no code with it."""

from itertools import pairwise

import numpy as np
import pytest

from synth.metrics.by_class import match_classes
from synth.metrics.detection import STANDARD, match
from synth.metrics.intervals import resample_counts


def voc_ap(predicted: list[np.ndarray], truth: list[np.ndarray], iou: float = 0.5) -> float:
    """The development kit's of 2010 on, in plain loops: each detection goes to the true box that it overlaps
    most, and is false where that one is taken; the area under precision made falling.
    """
    said = sorted(((row[4], i, row) for i, rows in enumerate(predicted) for row in rows), key=lambda x: -x[0])
    taken: set[tuple[int, int]] = set()
    n_true, hits, points = sum(map(len, truth)), 0, [(0.0, 1.0)]
    for n_said, (_, i, (x0, y0, x1, y1, _)) in enumerate(said, start=1):
        best, place = -1.0, -1
        for k, (a0, b0, a1, b1) in enumerate(truth[i]):
            both = max(0.0, min(x1, a1) - max(x0, a0)) * max(0.0, min(y1, b1) - max(y0, b0))
            overlap = both / ((x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - both)
            if overlap > best:
                best, place = overlap, k
        if best >= iou and (i, place) not in taken:
            taken.add((i, place))
            hits += 1
        points.append((hits / n_true, hits / n_said))
    area, highest = 0.0, 0.0
    for (before, _), (recall, precision) in reversed(list(pairwise(points))):
        highest = max(highest, precision)
        area += (recall - before) * highest
    return area


def draw(rng: np.random.Generator, n_images: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Crowded pictures: true boxes that overlap one another, detections near them or anywhere."""
    predicted, truth = [], []
    for _ in range(n_images):
        low = rng.uniform(0, 30, (rng.integers(0, 5), 2))
        true = np.concatenate([low, low + rng.uniform(10, 30, low.shape)], axis=1)
        near = (
            true[rng.integers(0, len(true), 6)] + rng.normal(0, 3, (6, 4)) if len(true) else np.empty((0, 4))
        )
        far = np.sort(rng.uniform(0, 60, (3, 2, 2)), axis=1).reshape(3, 4)
        boxes = np.concatenate([near[(near[:, 2:] > near[:, :2]).all(axis=1)], far])
        predicted.append(np.column_stack([boxes, rng.uniform(0.01, 1, len(boxes))]))
        truth.append(true)
    return predicted, truth


@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_an_independent_version_says(seed: int) -> None:
    """On crowded pictures, as they are and with copies of some, where COCO's figure is another one."""
    rng = np.random.default_rng(seed)
    predicted, truth = draw(rng, 12)
    matches = match(predicted, truth, STANDARD)
    weights = np.concatenate([np.ones((1, 12)), resample_counts(12, 2, rng, None)])
    for each, found in zip(weights, matches.voc_map50(weights), strict=True):
        rows = np.repeat(np.arange(12), each.astype(int))
        wanted = voc_ap([predicted[i] for i in rows], [truth[i] for i in rows])
        assert found == pytest.approx(wanted, abs=1e-9)
    assert matches.voc_map50(weights)[0] != pytest.approx(matches.map50(weights)[0], abs=1e-4)


def test_a_second_detection_of_the_nearest_box_is_false() -> None:
    """VOC never gives it the next free box, as COCO does."""
    truth = [np.array([[0.0, 0, 10, 10], [2.0, 0, 12, 10]])]
    predicted = [np.array([[0.0, 0, 10, 10, 0.9], [0.5, 0, 10.5, 10, 0.8]])]
    matches = match(predicted, truth, STANDARD)
    assert matches.hits[0].tolist() == [True, True]
    assert matches.voc_hits.tolist() == [True, False]
    assert matches.voc_map50(np.ones((1, 1)))[0] == pytest.approx(0.5)


def test_classes_are_averaged() -> None:
    """Each by itself; nothing found is 0, and a resample without a true box has no figure."""
    truth = [np.array([[0.0, 0, 10, 10, 0]]), np.array([[0.0, 0, 10, 10, 1]]), np.empty((0, 5))]
    predicted = [np.array([[0.0, 0, 10, 10, 0.9, 0]]), np.empty((0, 6)), np.empty((0, 6))]
    matches = match_classes(predicted, truth, ("a", "b"), STANDARD)
    found = matches.voc_map50(np.array([[1.0, 1, 1], [1, 0, 1], [0, 0, 1]]))
    assert found[:2] == pytest.approx([0.5, 1.0])
    assert np.isnan(found[2])
