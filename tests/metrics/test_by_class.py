"""Figures of several classes are COCO's, class by class and in the mean."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from synth.errors import InputError
from synth.metrics.by_class import ClassMatches, find_best_confidence, match_classes
from synth.metrics.comparison import Draws, measure_mix
from synth.metrics.detection import (
    IOU_THRESHOLDS,
    METRICS,
    PAPER,
    PROTOCOLS,
    STANDARD,
    Matches,
    Protocol,
    match,
    measure,
)
from synth.metrics.intervals import resample_counts

NAMES = ("date", "fig", "hazelnut", "walnut", "sweet")
Boxes = list[np.ndarray]


def make_scenes(seed: int, n_images: int = 14) -> tuple[Boxes, Boxes]:
    """Truth of four classes, one of them rare, and predictions with misses, near hits, doubles, boxes of the
    wrong class and of a class that is nowhere true; a bare image, one without a prediction.
    """
    rng = np.random.default_rng(seed)
    predicted, truth = [], []
    for i in range(n_images):
        n = int(rng.integers(0, 7))
        corners = rng.uniform(0, 150, (n, 2))
        kinds = rng.choice(3, n, p=[0.5, 0.3, 0.2])
        true = np.column_stack([corners, corners + rng.uniform(20, 80, (n, 2)), kinds])
        if i in (3, 9):
            true = np.vstack([true, [5, 5, 60, 70, 3]])
        found = true[rng.random(len(true)) < 0.85].repeat(rng.integers(1, 3), axis=0)
        wrong = rng.random(len(found)) < 0.2
        found[wrong, 4] = rng.integers(0, 5, wrong.sum())
        confidence = rng.choice(np.arange(1, 200), len(found), replace=False) / 200
        moved = found[:, :4] + rng.normal(0, 4, (len(found), 4))
        truth.append(true)
        predicted.append(np.column_stack([moved, confidence, found[:, 4]]))
    predicted[0], truth[1] = np.empty((0, 6)), np.empty((0, 5))
    return predicted, truth


def coco_own(predicted: Boxes, truth: Boxes, protocol: Protocol) -> np.ndarray:
    """COCOeval's own precision [10,101,C] of all classes at once, each -1 where a class is nowhere true."""
    with redirect_stdout(StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(len(truth))],
            "categories": [{"id": c} for c in range(len(NAMES))],
            "annotations": [
                {"id": n, "image_id": i, "category_id": int(c), "bbox": [x, y, u - x, v - y], "iscrowd": 0}
                | {"area": (u - x) * (v - y)}
                for n, (i, (x, y, u, v, c)) in enumerate(
                    ((i, row) for i, rows in enumerate(truth) for row in rows.tolist()), start=1
                )
            ],
        }
        coco.createIndex()
        found = [
            {"image_id": i, "category_id": int(c), "bbox": [x, y, u - x, v - y], "score": confidence}
            for i, rows in enumerate(predicted)
            for x, y, u, v, confidence, c in rows.tolist()
            if confidence >= protocol.min_confidence
        ]
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.params.maxDets = [1, 2, protocol.max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"][:, :, :, 0, 2])


def once(matches: Matches | ClassMatches) -> np.ndarray:
    return np.ones((1, len(matches.n_true)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_class_and_the_mean_are_pycocotools_own(seed: int, protocol: Protocol) -> None:
    """Average precision of each class at each IoU, both means of each class, and the means over classes."""
    predicted, truth = make_scenes(seed)
    theirs = coco_own(predicted, truth, protocol)
    ours = match_classes(predicted, truth, NAMES, protocol)
    assert list(ours.of) == list(NAMES[:4])
    for c, (name, one) in enumerate(ours.of.items()):
        assert one.n_true.sum() == sum((rows[:, 4] == c).sum() for rows in truth), name
        assert one.map50_95(once(one)) == pytest.approx(theirs[:, :, c].mean(), abs=1e-6)
        assert one.map50(once(one)) == pytest.approx(theirs[0, :, c].mean(), abs=1e-6)
    shown = theirs[:, :, (theirs > -1).any(axis=(0, 1))]
    assert ours.map50_95(once(ours)) == pytest.approx(shown.mean(), abs=1e-6)
    for i in range(len(IOU_THRESHOLDS)):
        assert ours.at_iou(once(ours), i) == pytest.approx(shown[i].mean(), abs=1e-6)
    assert 0.05 < ours.map50_95(once(ours))[0] < ours.map50(once(ours))[0] < 0.95


def test_a_resample_is_the_test_set_with_those_copies() -> None:
    """Every figure of a resample is that of the copied images, a class that has vanished left out of its
    mean, whose own figure is nan; average precision is COCOeval's on the copies.
    """
    predicted, truth = make_scenes(5)
    matches = match_classes(predicted, truth, NAMES, STANDARD)
    weights = resample_counts(len(truth), 40, np.random.default_rng(1))
    weights[0, [3, 9]] = 0
    gone = np.isnan(matches.of["walnut"].map50(weights))
    assert gone[0]
    assert 0 < gone.sum() < 40
    drawn = {name: metric(matches, weights) for name, metric in METRICS.items()}
    for r in range(12):
        rows = np.repeat(np.arange(len(truth)), weights[r].astype(int))
        copies = [predicted[i] for i in rows], [truth[i] for i in rows]
        again = match_classes(*copies, NAMES, STANDARD)
        assert ("walnut" in again.of) != gone[r]
        for name, metric in METRICS.items():
            assert drawn[name][r] == pytest.approx(metric(again, once(again))[0]), name
        theirs = coco_own(*copies, STANDARD)
        assert drawn["map50_95"][r] == pytest.approx(theirs[theirs > -1].mean(), abs=1e-6)


def test_intervals_are_made_of_the_resamples_that_have_the_class() -> None:
    """A rare class has a finite interval, equal to that of its finite draws alone."""
    predicted, truth = make_scenes(5)
    rare = match_classes(predicted, truth, NAMES, STANDARD).of["walnut"]
    by_seed, draws = measure([rare], "map50", resample_counts(14, 300, np.random.default_rng(0)))
    effect = measure_mix(Draws(by_seed, draws, 14))
    kept = draws[:, np.isfinite(draws[0])]
    assert 0 < kept.shape[1] < 300
    assert effect == measure_mix(Draws(by_seed, kept, 14))
    assert np.isfinite([effect.low, effect.high]).all()


def test_precision_and_recall_are_at_one_confidence() -> None:
    """The limit with the highest mean F1 over the classes shown, found by trying every one."""
    predicted, truth = make_scenes(2)
    matches = match_classes(predicted, truth, NAMES, STANDARD)
    best = (-1.0, 0.0, 0.0, 0.0)
    for limit in sorted({row[4] for rows in predicted for row in rows}, reverse=True):
        counts = []
        for one in matches.of.values():
            kept = one.confidence >= limit
            counts.append((one.hits[0][kept].sum(), kept.sum(), one.n_true.sum()))
        f1 = float(np.mean([2 * hit / (found + true) for hit, found, true in counts]))
        if f1 > best[0] + 1e-9:
            precision = np.mean([hit / found if found else 0.0 for hit, found, _ in counts])
            best = (f1, limit, float(precision), float(np.mean([hit / true for hit, _, true in counts])))
    assert find_best_confidence(list(matches.of.values()), once(matches)) == pytest.approx(best[1])
    assert matches.precision(once(matches)) == pytest.approx(best[2])
    assert matches.recall(once(matches)) == pytest.approx(best[3])
    paper = match_classes(predicted, truth, NAMES, PAPER)
    each = [one.recall(once(one))[0] for one in paper.of.values()]
    assert paper.recall(once(paper)) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_one_class_by_name_is_one_class(protocol: Protocol) -> None:
    """To the last digit, in every resample; the best confidence is that of the highest F1."""
    predicted, truth = make_scenes(3)
    found = [rows[rows[:, 5] == 0] for rows in predicted]
    true = [rows[rows[:, 4] == 0] for rows in truth]
    named = match_classes(found, true, NAMES, protocol)
    plain = match([rows[:, :5] for rows in found], [rows[:, :4] for rows in true], protocol)
    weights = resample_counts(len(truth), 50, np.random.default_rng(0))
    for metric in METRICS.values():
        assert np.array_equal(metric(named, weights), metric(plain, weights), equal_nan=True)
    hits = plain.hits[0].cumsum()
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + plain.n_true.sum())
    assert find_best_confidence([plain], once(plain)) == plain.confidence[f1.argmax()]


def test_without_any_detection_everything_is_nought() -> None:
    """No figure is nan where something is true, whatever was said; nothing true in a resample is nan."""
    _, truth = make_scenes(1)
    matches = match_classes([np.empty((0, 6))] * len(truth), truth, NAMES, STANDARD)
    bare = np.zeros((1, len(truth)))
    bare[0, 1] = len(truth)
    for metric in METRICS.values():
        assert metric(matches, once(matches)) == 0.0
        assert np.isnan(metric(matches, bare)).all()


def test_what_cannot_be_matched_is_one_sentence() -> None:
    """Rows without a class, no true box at all, weights of another test set."""
    predicted, truth = make_scenes(1)
    with pytest.raises(
        InputError, match=r"predictions of image 0 must be \[n,6\], the last column the class"
    ):
        match_classes([np.empty((0, 5))], truth[:1], NAMES, STANDARD)
    with pytest.raises(InputError, match="no true box in any image"):
        match_classes([np.empty((0, 6))], [np.empty((0, 5))], NAMES, STANDARD)
    with pytest.raises(InputError, match=r"weights must be \[R,14\]"):
        match_classes(predicted, truth, NAMES, STANDARD).precision(np.ones((1, 3)))
