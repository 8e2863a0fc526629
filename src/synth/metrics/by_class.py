"""How well boxes of several classes were found: each class by itself, and the mean over classes.

Each class is matched and measured as if there were no other, which is what pycocotools does; the mean is
over the classes that the test images show. So a class that a network never learnt counts with 0 where test
images show it, and boxes of a class that no test image shows count nowhere here;
`synth.metrics.operating_point` counts them as false.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError
from synth.metrics import detection
from synth.metrics.detection import Matches, Protocol, match
from synth.metrics.intervals import Floats

FEW_TRUTHS = 10
"""With fewer true boxes a class's figures are an indication."""


@dataclass(frozen=True, eq=False)
class ClassMatches:
    """The matches of each class that has a true box, by name, all of the same N images.

    The figures take weights [R,N] and give [R] as those of `Matches`. Each is the mean over the classes that
    have a true box in that resample, nan where none has. A class that vanishes from a resample is left out of
    its mean, not counted as 0: that is what COCOeval says of a test set with those copies of its images, and
    how well an absent class would have been found nobody knows.
    """

    of: Mapping[str, Matches]

    @property
    def protocol(self) -> Protocol:
        """That of every class."""
        return next(iter(self.of.values())).protocol

    @property
    def n_true(self) -> NDArray[np.int64]:
        """True boxes of each class in each image, [N,C]."""
        return np.stack([one.n_true for one in self.of.values()], axis=1)

    def map50(self, weights: Floats) -> Floats:
        """Average precision at IoU 0.5."""
        return self._mean(lambda one: one.map50(weights))

    def map50_95(self, weights: Floats) -> Floats:
        """Average precision, mean over IOU_THRESHOLDS."""
        return self._mean(lambda one: one.map50_95(weights))

    def voc_map50(self, weights: Floats) -> Floats:
        """Pascal VOC's average precision at IoU 0.5, at all points."""
        return self._mean(lambda one: one.voc_map50(weights))

    def at_iou(self, weights: Floats, i_threshold: int) -> Floats:
        """Average precision at one of IOU_THRESHOLDS."""
        return self._mean(lambda one: one.at_iou(weights, i_threshold))

    def precision(self, weights: Floats) -> Floats:
        """Precision of each class at the one confidence of the protocol, 0 for a class of which nothing is
        found there.

        At the best F1 that is the confidence at which the mean of the classes' F1 is highest, as Ultralytics
        has it: who uses a detector sets one confidence for all classes.
        """
        return self._at_one_confidence(weights)[0]

    def recall(self, weights: Floats) -> Floats:
        """Recall of each class at that confidence."""
        return self._at_one_confidence(weights)[1]

    def _mean(self, figure: Callable[[Matches], Floats]) -> Floats:
        return _mean([figure(one) for one in self.of.values()])

    def _at_one_confidence(self, weights: Floats) -> tuple[Floats, Floats]:
        """Mean precision and mean recall, [R] each."""
        every = list(self.of.values())
        if len(every) == 1 or not self.protocol.at_best_f1:
            return self._mean(lambda one: one.precision(weights)), self._mean(lambda one: one.recall(weights))
        weights = every[0].checked(weights)
        parts = [
            _measure_at(every, rows, find_best_confidence(every, rows))
            for rows in detection.split_rows(weights, sum(len(one.image) for one in every))
        ]
        return np.concatenate([p for p, _ in parts]), np.concatenate([r for _, r in parts])


def match_classes(
    predicted: Sequence[NDArray[Any]],
    true_boxes: Sequence[NDArray[Any]],
    names: Sequence[str],
    protocol: Protocol,
) -> ClassMatches:
    """Detections of several classes beside the truth, each class matched by itself as `match` does.

    predicted: an array [D,6] an image, x0, y0, x1, y1 in pixels, confidence and the class's place in names.
    true_boxes: an array [M,5] an image, x0, y0, x1, y1 and the class's place. Raises InputError as `match`
    does, and where there is no true box at all.
    """
    found = [_with_class(rows, 6, f"predictions of image {i}") for i, rows in enumerate(predicted)]
    truth = [_with_class(rows, 5, f"true boxes of image {i}") for i, rows in enumerate(true_boxes)]
    shown = sorted({int(c) for rows in truth for c in rows[:, 4]})
    if not shown:
        raise InputError("there is no true box in any image: nothing can be measured")
    return ClassMatches(
        {
            names[c]: match(
                [rows[rows[:, 5] == c, :5] for rows in found],
                [rows[rows[:, 4] == c, :4] for rows in truth],
                protocol,
            )
            for c in shown
        }
    )


def find_best_confidence(classes: Sequence[Matches], weights: Floats) -> Floats:
    """For each resample, [R], the confidence from which the mean of the classes' F1 at IoU 0.5 is highest.

    A class without a true box in a resample has no part in it. 0 where nothing is detected.
    """
    confidence = np.concatenate([one.confidence for one in classes])
    if not len(confidence):
        return np.zeros(len(weights))
    order = np.argsort(-confidence, kind="stable")
    # F1 of a class changes at its own detections alone: its changes in their order add up to it.
    changes = []
    for one in classes:
        each = weights[:, one.image]  # [R,D]
        n_true = (weights @ one.n_true)[:, None]  # [R,1]
        n_hit, n_found = (each * one.hits[0]).cumsum(axis=1), each.cumsum(axis=1)
        f1 = np.divide(2 * n_hit, n_found + n_true, out=np.zeros_like(n_hit), where=n_true > 0)
        changes.append(np.diff(f1, axis=1, prepend=0.0))
    total = np.concatenate(changes, axis=1)[:, order].cumsum(axis=1)
    # A limit keeps all detections of one confidence or none; sums that differ by rounding are equal.
    limits = np.flatnonzero(np.diff(confidence[order], append=-1.0))
    best: Floats = confidence[order][limits[total[:, limits].round(12).argmax(axis=1)]]
    return best


def _measure_at(classes: Sequence[Matches], weights: Floats, confidence: Floats) -> tuple[Floats, Floats]:
    """Mean precision and mean recall of detections of that confidence and more, [R] each."""
    precision, recall = [], []
    for one in classes:
        each = weights[:, one.image]  # [R,D]
        n_true = weights @ one.n_true  # [R]
        n_kept = np.searchsorted(-one.confidence, -confidence, side="right")  # [R]
        kept = np.arange(each.shape[1]) < n_kept[:, None]  # [R,D]
        n_found, n_hit = (each * kept).sum(axis=1), (each * kept * one.hits[0]).sum(axis=1)
        shown = n_true > 0
        of_found = np.divide(n_hit, n_found, out=np.zeros_like(n_hit), where=n_found > 0)
        precision.append(np.where(shown, of_found, np.nan))
        recall.append(np.divide(n_hit, n_true, out=np.full_like(n_hit, np.nan), where=shown))
    return _mean(precision), _mean(recall)


def _mean(by_class: Sequence[Floats]) -> Floats:
    """[R], over the classes that have a figure in the resample; nan where none has."""
    values = np.stack(by_class)  # [C,R]
    known = np.isfinite(values)
    n_known = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean: Floats = np.divide(total, n_known, out=np.full(len(total), np.nan), where=n_known > 0)
    return mean


def _with_class(array: NDArray[Any], width: int, what: str) -> Floats:
    rows = np.asarray(array, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise InputError(f"{what} must be [n,{width}], the last column the class, got {list(rows.shape)}")
    return rows
