"""Figures of detection are COCO's, and a resample given as weights is the resample."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from synth.errors import InputError
from synth.metrics import detection
from synth.metrics.detection import (
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

Boxes = list[np.ndarray]

NO_PREDICTION, NO_TRUTH = np.empty((0, 5)), np.empty((0, 4))
KNOWN = np.array([[0.0, 0, 100, 100], [200, 0, 300, 100]])


def make_scenes(seed: int, n_images: int = 12) -> tuple[Boxes, Boxes]:
    """Predictions and truth with misses, near hits, duplicates, boxes of nothing, crowding, bare images and
    confidences of two digits, so that many are equal between images, though never within one."""
    rng = np.random.default_rng(seed)
    predicted, truth = [], []
    for _ in range(n_images):
        corners = rng.uniform(0, 120, (rng.integers(0, 6), 2))
        true = np.hstack([corners, corners + rng.uniform(20, 80, corners.shape)])
        found = true[rng.random(len(true)) < 0.8].repeat(rng.integers(1, 4), axis=0)
        stray = rng.uniform(0, 100, (rng.integers(0, 4), 2))
        boxes = np.concatenate([found + rng.normal(0, 4, found.shape), np.hstack([stray, stray + 40])])
        confidence = rng.choice(np.arange(1, 100), len(boxes), replace=False) / 100
        truth.append(true)
        predicted.append(np.hstack([boxes, confidence[:, None]]))
    predicted[0], truth[1] = NO_PREDICTION, NO_TRUTH
    predicted[2], truth[2] = NO_PREDICTION, NO_TRUTH
    return predicted, truth


def figures(matches: Matches) -> dict[str, float]:
    once = np.ones((1, len(matches.n_true)))
    return {name: float(metric(matches, once)[0]) for name, metric in METRICS.items()}


def tied(predicted: Boxes) -> Boxes:
    """The same with confidences of one digit, so that many are equal within an image, too."""
    return [np.hstack([rows[:, :4], np.ceil(rows[:, 4:] * 10) / 10]) for rows in predicted]


def coco_own(predicted: Boxes, truth: Boxes, protocol: Protocol) -> tuple[float, float]:
    """mAP and mAP50 as COCOeval itself sums them up."""
    images = [{"id": i} for i in range(len(truth))]
    true = [(i, *row.tolist()) for i, rows in enumerate(truth) for row in rows]
    found = [(i, *row.tolist()) for i, rows in enumerate(predicted) for row in rows]
    with redirect_stdout(StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": images,
            "categories": [{"id": 1}],
            "annotations": [
                {"id": n, "image_id": i, "category_id": 1, "bbox": [x, y, u - x, v - y], "iscrowd": 0}
                | {"area": (u - x) * (v - y)}
                for n, (i, x, y, u, v) in enumerate(true, start=1)
            ],
        }
        coco.createIndex()
        results = coco.loadRes(
            [
                {"image_id": i, "category_id": 1, "bbox": [x, y, u - x, v - y], "score": confidence}
                for i, x, y, u, v, confidence in found
                if confidence >= protocol.min_confidence
            ]
        )
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.params.maxDets = [1, 2, protocol.max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    if protocol.max_detections == 100:  # The only limit for which summarize() gives mAP.
        return float(evaluation.stats[0]), float(evaluation.stats[1])
    return float(evaluation.eval["precision"][:, :, 0, 0, 2].mean()), float(evaluation.stats[1])


def literal_average_precision(predicted: Boxes, truth: Boxes, threshold: float) -> float:
    """The definition read aloud, one detection after the other."""

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        width = min(a[2], b[2]) - max(a[0], b[0])
        height = min(a[3], b[3]) - max(a[1], b[1])
        shared = max(width, 0) * max(height, 0)
        return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)

    detections = [(row[4], i, row) for i, rows in enumerate(predicted) for row in rows]
    detections.sort(key=lambda detection: -detection[0])
    taken, hits = set(), []
    for _, i, row in detections:
        free = [(overlap(row, box), j) for j, box in enumerate(truth[i]) if (i, j) not in taken]
        best, j = max(free, default=(0.0, -1))
        hits.append(best >= threshold)
        if best >= threshold:
            taken.add((i, j))
    n_true, n_hit, curve = sum(map(len, truth)), 0, []
    for n_found, hit in enumerate(hits, start=1):
        n_hit += hit
        curve.append((n_hit / n_true, n_hit / n_found))
    total = 0.0
    for recall in np.linspace(0, 1, 101):
        total += max((precision for reached, precision in curve if reached >= recall), default=0.0)
    return total / 101


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
@pytest.mark.parametrize("ties_within", [False, True])
def test_average_precision_is_pycocotools_own(seed: int, protocol: Protocol, ties_within: bool) -> None:
    """With every image once, both average precisions are those that COCOeval itself gives."""
    predicted, truth = make_scenes(seed)
    predicted = tied(predicted) if ties_within else predicted
    ours = figures(match(predicted, truth, protocol))
    assert (ours["map50_95"], ours["map50"]) == pytest.approx(coco_own(predicted, truth, protocol), abs=1e-6)
    assert 0.05 < ours["map50_95"] < ours["map50"] < 0.95


def test_average_precision_is_torchmetrics() -> None:
    """torchmetrics' mean average precision is the same figure."""
    import torch  # Here, since these two take longer to import than all tests to run.
    from torchmetrics.detection import MeanAveragePrecision

    predicted, truth = make_scenes(20)
    theirs = MeanAveragePrecision(box_format="xyxy", iou_type="bbox", backend="pycocotools")
    theirs.update(
        [
            {
                "boxes": torch.tensor(rows[:, :4]),
                "scores": torch.tensor(rows[:, 4]),
                "labels": torch.zeros(len(rows), dtype=torch.int64),
            }
            for rows in predicted
        ],
        [
            {"boxes": torch.tensor(rows), "labels": torch.zeros(len(rows), dtype=torch.int64)}
            for rows in truth
        ],
    )
    result = theirs.compute()
    ours = figures(match(predicted, truth, STANDARD))
    assert ours["map50_95"] == pytest.approx(float(result["map"]), abs=1e-3)
    assert ours["map50"] == pytest.approx(float(result["map_50"]), abs=1e-3)


@pytest.mark.parametrize("seed", range(30, 34))
def test_average_precision_is_its_definition(seed: int) -> None:
    """Greedy matching and interpolation written out by hand give the same figures."""
    predicted, truth = make_scenes(seed)
    ours = figures(match(predicted, truth, STANDARD))
    literal = [literal_average_precision(predicted, truth, iou) for iou in np.linspace(0.5, 0.95, 10)]
    assert ours["map50"] == pytest.approx(literal[0], abs=1e-3)
    assert ours["map50_95"] == pytest.approx(np.mean(literal), abs=1e-3)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    counts=st.lists(st.integers(0, 3), min_size=7, max_size=7),
    protocol=st.sampled_from(list(PROTOCOLS.values())),
)
def test_a_weight_is_that_many_copies(seed: int, counts: list[int], protocol: Protocol) -> None:
    """Every figure of a weighted test set is that of the set in which the images really stand so often."""
    predicted, truth = make_scenes(seed, n_images=7)
    rows = np.repeat(np.arange(7), counts)
    literal = figures(match([predicted[i] for i in rows], [truth[i] for i in rows], protocol))
    matches = match(predicted, truth, protocol)
    weighted = {
        name: float(metric(matches, np.array([counts], float))[0]) for name, metric in METRICS.items()
    }
    assert weighted == pytest.approx(literal, abs=1e-12, nan_ok=True)


def test_precision_and_recall_do_not_hang_on_the_order_of_ties() -> None:
    """A confidence limit keeps all detections of one confidence or none, whichever stands first."""
    hit, miss = [0.0, 0, 100, 100, 0.7], [400.0, 0, 500, 100, 0.7]
    for rows in ([hit, miss], [miss, hit]):
        found = figures(match([np.array(rows)], [KNOWN[:1]], STANDARD))
        assert (found["precision"], found["recall"]) == (0.5, 1.0)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_perfect_and_nothing(protocol: Protocol) -> None:
    """All found and nothing else is 1 in every figure; nothing found is 0 in every figure."""
    perfect = [np.hstack([KNOWN, [[0.9], [0.8]]]), NO_PREDICTION]
    truth = [KNOWN, NO_TRUTH]
    assert figures(match(perfect, truth, protocol)) == pytest.approx(dict.fromkeys(METRICS, 1.0))
    assert figures(match([NO_PREDICTION] * 2, truth, protocol)) == dict.fromkeys(METRICS, 0.0)
    strays = [np.array([[400.0, 0, 500, 100, 0.9]])] * 2
    assert figures(match(strays, truth, protocol)) == dict.fromkeys(METRICS, 0.0)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_resample_without_truth_has_no_figure(protocol: Protocol) -> None:
    """Where no true box was drawn, every figure is nan, and other resamples are none the worse."""
    strays = [np.hstack([KNOWN, [[0.9], [0.8]]])] * 2
    matches = match(strays, [KNOWN, NO_TRUTH], protocol)
    for metric in METRICS.values():
        values = metric(matches, np.array([[0.0, 2], [2, 0]]))
        assert np.isnan(values[0])
        assert values[1] == pytest.approx(1.0)
    assert all(np.isnan(value) for value in figures(match([], [], protocol)).values())


def test_golden_values() -> None:
    """An example counted by hand.

    In falling confidence: hit .9, duplicate .8, hit .7, stray .6, hit .3, stray .1, of three true boxes.
    Standard: F1 is 2·3/(5+3) at .3 and lower elsewhere; interpolated precision is 1 for 34 recalls, 2/3 for
    33 and 3/5 for 34. Paper: four detections are left, two of them hits, and the last 34 recalls are never
    reached. Of VOC's all points each hit counts a third.
    """
    stray = [400.0, 0, 500, 100]
    first = [[*KNOWN[0], 0.9], [*KNOWN[0], 0.8], [*stray, 0.6], [*KNOWN[1], 0.3]]
    second = [[*stray, 0.1], [*KNOWN[0], 0.7]]
    predicted, truth = [np.array(first), np.array(second)], [KNOWN, KNOWN[:1]]
    standard = {"map50": (34 + 22 + 20.4) / 101, "precision": 3 / 5, "recall": 1.0}
    paper = {"map50": (34 + 22) / 101, "precision": 2 / 4, "recall": 2 / 3}
    standard["voc_map50"], paper["voc_map50"] = (1 + 2 / 3 + 3 / 5) / 3, (1 + 2 / 3) / 3
    for protocol, golden in ((STANDARD, standard), (PAPER, paper)):
        golden["map50_95"] = golden["map50"]
        assert figures(match(predicted, truth, protocol)) == pytest.approx(golden)


def test_overlap_decides_at_each_threshold() -> None:
    """A box with an IoU of 0.72 is a hit at five of the ten thresholds, whatever its size in pixels."""
    for scale in (0.01, 1.0, 10_000.0):
        predicted = np.array([[0, 0, 100 * scale, 72 * scale, 0.9]])
        matches = match([predicted], [KNOWN[:1] * scale], PAPER)
        assert matches.hits[:, 0].tolist() == [True] * 5 + [False] * 5
        assert figures(matches)["map50_95"] == pytest.approx(0.5)


def test_the_papers_limits() -> None:
    """Paper keeps confidence 0.5, drops what is below and all but the ten most confident of an image."""
    box = np.tile(KNOWN[0], (3, 1))
    limits = match([np.column_stack([box, [0.49, 0.5, 0.51]])], [KNOWN], PAPER)
    assert limits.confidence.tolist() == [0.51, 0.5]
    strays = np.tile([400.0, 0, 500, 100], (10, 1))
    many = np.column_stack([np.concatenate([KNOWN[:1], strays]), [0.6, *np.linspace(0.7, 0.9, 10)]])
    assert figures(match([many], [KNOWN[:1]], PAPER))["recall"] == 0.0
    assert figures(match([many], [KNOWN[:1]], STANDARD))["recall"] == 1.0
    assert len(match([many, many], [KNOWN, KNOWN], PAPER).image) == 20


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many resamples are worked on at once changes no figure."""
    matches = match(*make_scenes(3), STANDARD)
    weights = resample_counts(12, 50, np.random.default_rng(0))
    whole = {name: metric(matches, weights) for name, metric in METRICS.items()}
    monkeypatch.setattr(detection, "_CHUNK", 7 * len(matches.image))
    for name, metric in METRICS.items():
        assert np.array_equal(metric(matches, weights), whole[name])


def test_measure_uses_the_same_resamples_for_all_seeds() -> None:
    """A metric by seed and its draws, each row the seed's own figures under the weights that were given."""
    predicted, truth = make_scenes(5)
    mix = [match(predicted, truth, STANDARD), match(make_scenes(6)[0], truth, STANDARD)]
    weights = resample_counts(12, 40, np.random.default_rng(0))
    for name in METRICS:
        by_seed, draws = measure(mix, name, weights)
        assert by_seed.tolist() == [figures(each)[name] for each in mix]
        assert np.array_equal(draws, [METRICS[name](each, weights) for each in mix])


def test_measure_refuses_what_cannot_be_compared() -> None:
    """An unknown metric, no seed, other images or other protocols are refused with a sentence."""
    predicted, truth = make_scenes(5)
    matches, weights = match(predicted, truth, STANDARD), np.ones((1, 12))
    with pytest.raises(InputError, match="no metric 'map': choose from map50, map50_95, precision, recall"):
        measure([matches], "map", weights)
    with pytest.raises(InputError, match="one seed or more"):
        measure([], "map50", weights)
    with pytest.raises(InputError, match="same images"):
        measure([matches, match(*make_scenes(6), STANDARD)], "map50", weights)
    with pytest.raises(InputError, match="one protocol, got standard and paper"):
        measure([matches, match(predicted, truth, PAPER)], "map50", weights)
    with pytest.raises(InputError, match=r"\[R,12\], a row a resample, got \[1, 11\]"):
        measure([matches], "map50", np.ones((1, 11)))


@pytest.mark.parametrize(
    ("predicted", "true", "said"),
    [
        (np.empty((0,)), KNOWN, r"predictions of image 0 must be \[n,5\] .* got \[0\]"),
        (np.ones((3, 4)), KNOWN, r"predictions of image 0 must be \[n,5\] .* got \[3, 4\]"),
        (NO_PREDICTION, np.ones((3, 5)), r"true boxes of image 0 must be \[n,4\] .* got \[3, 5\]"),
        (
            np.array([[0, 0, np.nan, 9, 0.5]]),
            KNOWN,
            "predictions of image 0 hold numbers that are not finite",
        ),
        (np.array([[0, 0, 9, 9, np.nan]]), KNOWN, "predictions of image 0 hold numbers that are not finite"),
        (
            NO_PREDICTION,
            np.array([[0, 0, np.inf, 9]]),
            "true boxes of image 0 hold numbers that are not finite",
        ),
        (np.array([[0, 0, 9, 9, 50.0]]), KNOWN, "predictions of image 0 have a confidence outside 0 to 1"),
        (np.array([[0, 0, 9, 9, -0.1]]), KNOWN, "predictions of image 0 have a confidence outside 0 to 1"),
        (np.array([[90, 0, 9, 9, 0.5]]), KNOWN, "predictions of image 0 must be x0, y0, x1, y1 with x0 ≤ x1"),
        (NO_PREDICTION, np.array([[90.0, 90, 40, 40]]), "true boxes of image 0 must be x0, y0, x1, y1 with"),
        (NO_PREDICTION, np.array([[9.0, 0, 9, 40]]), "true boxes of image 0 hold one without area"),
    ],
)
def test_bad_boxes_are_refused(predicted: np.ndarray, true: np.ndarray, said: str) -> None:
    """What is no box is named with its image before anything is matched."""
    with pytest.raises(InputError, match=said):
        match([predicted], [true], STANDARD)


def test_other_images_are_refused() -> None:
    """Predictions of fewer images than there is truth for are not the same test set."""
    with pytest.raises(InputError, match="same images, got 1 and 2 images"):
        match([NO_PREDICTION], [KNOWN, KNOWN], STANDARD)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """pycocotools' progress does not reach the terminal."""
    match(*make_scenes(1), STANDARD)
    assert capsys.readouterr().out == ""
