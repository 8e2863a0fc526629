"""How well boxes were found: COCO's and VOC's average precision, precision and recall, under two protocols.

Boxes are matched to the truth once, by pycocotools; every figure is then a function of how often each image
stands in a resample, so that a bootstrap over images costs sums and no matching.

A figure goes with the name of its protocol: a confidence limit can only lower average precision, since what
was thrown away adds no recall, so the paper's figures are not the field's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any, TypeVar
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from synth.errors import InputError
from synth.metrics.intervals import Floats

IOU_THRESHOLDS: Floats = np.linspace(0.5, 0.95, 10)
T = TypeVar("T", bound=np.generic)
_RECALLS: Floats = np.linspace(0.0, 1.0, 101)
_CHUNK = 4_000_000  # Entries of a table [R,D] that are worked on at once.


@dataclass(frozen=True)
class Protocol:
    """What counts as a detection.

    min_confidence: detections below it are dropped. max_detections: how many of an image are kept, the most
    confident ones, of each class by itself as in COCO. at_best_f1: whether precision and recall are those at
    the confidence where F1 is highest, or those of all detections kept.
    """

    name: str
    min_confidence: float
    max_detections: int
    at_best_f1: bool = False


PAPER = Protocol("paper", 0.5, 10)
"""Güitta López, "Comparative analysis of real image datasets vs. synthetic image datasets in industrial
environments", section 4.2: confidence 0.5, ten predictions an image. Its annex A lists what was changed in
YOLOv5's validation; interpolation over recall is COCO's here."""

STANDARD = Protocol("standard", 0.001, 100, at_best_f1=True)
"""Lin et al., "Microsoft COCO" (2014): 100 detections an image; confidence 0.001 and precision and recall at
the best F1 are Ultralytics' habit, without its smoothing of the F1 curve."""

PROTOCOLS: Mapping[str, Protocol] = {protocol.name: protocol for protocol in (STANDARD, PAPER)}


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections of one class beside the truth, D over all N images, most confident first.

    image: [D], 0..N−1. confidence: [D]. hits: [10,D], whether a detection is matched at each of
    IOU_THRESHOLDS. n_true: [N], true boxes of each image. voc_hits: [D], the same at IoU 0.5 as Pascal VOC
    matches: a detection belongs to the true box that it overlaps most, and misses where that one is taken.

    The figures take weights [R,N], how often each image stands in each resample (``resample_counts``), and
    give [R]: nan for a resample without a true box, 0 for one with true boxes and no detection. They are what
    a test set with that many copies of its images gives, detections of equal confidence in image order, as
    pycocotools has them, and copies of one side by side. All raise InputError for weights of another shape.
    """

    protocol: Protocol
    image: NDArray[np.int64]
    confidence: Floats
    hits: NDArray[np.bool_]
    n_true: NDArray[np.int64]
    voc_hits: NDArray[np.bool_]

    def map50(self, weights: Floats) -> Floats:
        """Average precision at IoU 0.5."""
        return self.at_iou(weights, 0)

    def map50_95(self, weights: Floats) -> Floats:
        """Average precision, mean over IOU_THRESHOLDS."""
        return self._in_chunks(weights, lambda part: self._average_precision(part, self.hits))

    def voc_map50(self, weights: Floats) -> Floats:
        """Pascal VOC's average precision of 2010 on, at all points: the area under the envelope of precision
        over recall; by its own matching, at IoU 0.5, boxes measured as everywhere here (no pixel is added).
        """
        return self._in_chunks(weights, self._area_under_envelope)

    def at_iou(self, weights: Floats, i_threshold: int) -> Floats:
        """Average precision at one of IOU_THRESHOLDS."""
        hits = self.hits[i_threshold : i_threshold + 1]
        return self._in_chunks(weights, lambda part: self._average_precision(part, hits))

    def precision(self, weights: Floats) -> Floats:
        """Share of detections that are hits at IoU 0.5, at the confidence of the protocol."""
        return self._in_chunks(weights, lambda part: self._precision_recall(part)[0])

    def recall(self, weights: Floats) -> Floats:
        """Share of true boxes that are hit at IoU 0.5, at the confidence of the protocol."""
        return self._in_chunks(weights, lambda part: self._precision_recall(part)[1])

    def checked(self, weights: Floats) -> Floats:
        """Weights of the right shape."""
        weights = np.asarray(weights, dtype=np.float64)
        if weights.ndim != 2 or weights.shape[1] != len(self.n_true):
            raise InputError(
                f"weights must be [R,{len(self.n_true)}], a row a resample, got {list(weights.shape)}"
            )
        return weights

    def _in_chunks(self, weights: Floats, compute: Callable[[Floats], Floats]) -> Floats:
        weights = self.checked(weights)
        values = np.full(len(weights), np.nan)
        usable = np.flatnonzero(weights @ self.n_true > 0)
        for rows in split_rows(usable, len(self.image)):
            values[rows] = compute(weights[rows]) if len(self.image) else 0.0
        return values

    def _average_precision(self, weights: Floats, hits: NDArray[np.bool_]) -> Floats:
        """COCO's 101-point interpolation, mean over the T rows of ``hits`` [T,D], as accumulate() has it.

        Precision falls at every miss, so its envelope has corners at hits alone, and only these are kept. A
        recall of the 101 belongs to the first hit that reaches it.
        """
        n_true = (weights @ self.n_true)[:, None]  # [R,1]
        each = weights[:, self.image]  # [R,D]
        n_found = each.cumsum(axis=1)  # [R,D]
        total = np.zeros(len(weights))
        for hit in hits:
            n_hit = each[:, hit].cumsum(axis=1)  # [R,H]
            precision = n_hit / (n_found[:, hit] + np.spacing(1))  # [R,H]
            envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]  # [R,H]
            n_reached = np.searchsorted(_RECALLS, n_hit / n_true, side="right")  # [R,H]
            total += (envelope * np.diff(n_reached, axis=1, prepend=0)).sum(axis=1)
        return total / (len(_RECALLS) * len(hits))

    def _area_under_envelope(self, weights: Floats) -> Floats:
        n_true = (weights @ self.n_true)[:, None]  # [R,1]
        each = weights[:, self.image]  # [R,D]
        hits = each[:, self.voc_hits]  # [R,H]
        n_found = np.maximum(each.cumsum(axis=1)[:, self.voc_hits], np.spacing(1))  # [R,H]
        precision = hits.cumsum(axis=1) / n_found
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]  # [R,H]
        # Rows lie one after the other, so that they are added up alike however many there are.
        area: Floats = np.ascontiguousarray(envelope * hits).sum(axis=1) / n_true[:, 0]
        return area

    def _precision_recall(self, weights: Floats) -> tuple[Floats, Floats]:
        n_true = weights @ self.n_true  # [R]
        each = weights[:, self.image]  # [R,D]
        n_found = each.cumsum(axis=1)  # [R,D]
        n_hit = (each * self.hits[0]).cumsum(axis=1)  # [R,D]
        best = np.full((len(weights), 1), each.shape[1] - 1)  # [R,1]
        if self.protocol.at_best_f1:
            # A limit keeps all detections of one confidence or none of them.
            limits = np.flatnonzero(np.diff(self.confidence, append=-1.0))
            f1 = 2 * n_hit[:, limits] / (n_found[:, limits] + n_true[:, None])
            best = limits[f1.argmax(axis=1)][:, None]
        found = np.take_along_axis(n_found, best, axis=1)[:, 0]
        hit = np.take_along_axis(n_hit, best, axis=1)[:, 0]
        return np.divide(hit, found, out=np.zeros_like(hit), where=found > 0), hit / n_true


class Measurable(Interface):
    """`Matches` of one class, or those of several together."""

    @property
    def protocol(self) -> Protocol: ...
    @property
    def n_true(self) -> NDArray[np.int64]: ...
    def map50(self, weights: Floats) -> Floats: ...
    def map50_95(self, weights: Floats) -> Floats: ...
    def voc_map50(self, weights: Floats) -> Floats: ...
    def precision(self, weights: Floats) -> Floats: ...
    def recall(self, weights: Floats) -> Floats: ...


M = TypeVar("M", bound=Measurable)
METRICS: Mapping[str, Callable[[Any, Floats], Floats]] = {
    "map50": lambda found, weights: found.map50(weights),
    "map50_95": lambda found, weights: found.map50_95(weights),
    "precision": lambda found, weights: found.precision(weights),
    "recall": lambda found, weights: found.recall(weights),
    "voc_map50": lambda found, weights: found.voc_map50(weights),
}


def split_rows(rows: NDArray[T], n_detections: int) -> Iterator[NDArray[T]]:
    """Rows of resamples in parts small enough to be worked on at once."""
    n_rows = max(1, _CHUNK // max(1, n_detections))
    for start in range(0, len(rows), n_rows):
        yield rows[start : start + n_rows]


def match(
    predicted: Sequence[NDArray[Any]], true_boxes: Sequence[NDArray[Any]], protocol: Protocol
) -> Matches:
    """Detections beside the truth as pycocotools' COCOeval.evaluate() matches them, at all sizes of boxes.

    predicted: an array [D,5] an image, x0, y0, x1, y1 in pixels and confidence in 0..1. true_boxes: an array
    [M,4] an image, x0, y0, x1, y1 in pixels. An image without any has [0,5] or [0,4]. Greedy: detections in
    falling confidence, each takes the free true box that it overlaps most.

    Raises InputError for arrays of another shape, numbers that are not finite, corners in the wrong order, a
    true box without area, a confidence outside 0..1, or another number of images on one side.
    """
    if len(predicted) != len(true_boxes):
        n_images = f"{len(predicted)} and {len(true_boxes)}"
        raise InputError(f"predictions and true boxes must be of the same images, got {n_images} images")
    kept = []
    for i, array in enumerate(predicted):
        rows = _checked(array, 5, f"predictions of image {i}")
        if ((rows[:, 4] < 0) | (rows[:, 4] > 1)).any():
            raise InputError(f"predictions of image {i} have a confidence outside 0 to 1")
        kept.append(rows[rows[:, 4] >= protocol.min_confidence])
    truth = [_checked(array, 4, f"true boxes of image {i}") for i, array in enumerate(true_boxes)]
    for i, rows in enumerate(truth):
        if (rows[:, 2:] == rows[:, :2]).any():
            raise InputError(f"true boxes of image {i} hold one without area, which nothing can overlap")
    entries = _evaluate(kept, truth, protocol.max_detections)
    confidence = np.concatenate([np.zeros(0), *(entry["dtScores"] for entry in entries)])
    image = np.array([e["image_id"] for e in entries for _ in e["dtScores"]], dtype=np.int64)
    matched = np.concatenate([np.zeros((10, 0)), *(entry["dtMatches"] for entry in entries)], axis=1)
    order = np.argsort(-confidence, kind="stable")
    n_true = np.array([len(rows) for rows in truth], dtype=np.int64)
    voc = [_match_as_voc(kept[i], truth[i], protocol.max_detections) for i in dict.fromkeys(image.tolist())]
    voc_hits = np.concatenate([np.zeros(0, np.bool_), *voc])
    return Matches(protocol, image[order], confidence[order], matched[:, order] > 0, n_true, voc_hits[order])


def measure(matches: Sequence[Measurable], metric: str, weights: Floats) -> tuple[Floats, Floats]:
    """A metric of a mix, one entry a seed, all of the same images: by seed [k] and in draws [k,R].

    metric: a key of METRICS. weights: [R,N]; give all mixes of a comparison the same. Raises InputError
    for an unknown metric, for seeds with other images or other protocols, or for weights of another shape.
    """
    if metric not in METRICS:
        raise InputError(f"there is no metric {metric!r}: choose from {', '.join(METRICS)}")
    return measure_seeds(matches, METRICS[metric], weights)


def measure_seeds(
    matches: Sequence[M], figure: Callable[[M, Floats], Floats], weights: Floats
) -> tuple[Floats, Floats]:
    """The same for any figure of the matches."""
    if not matches:
        raise InputError("a metric needs the matches of one seed or more, got none")
    first = matches[0]
    if not all(np.array_equal(each.n_true, first.n_true) for each in matches):
        raise InputError("seeds are measured on the same images, got true boxes that differ between seeds")
    if len(found := {each.protocol.name: None for each in matches}) > 1:
        raise InputError(f"seeds are measured under one protocol, got {' and '.join(found)}")
    once = np.ones((1, len(first.n_true)))
    by_seed = np.concatenate([figure(each, once) for each in matches])
    return by_seed, np.stack([figure(each, weights) for each in matches])


def _checked(array: NDArray[Any], width: int, what: str) -> Floats:
    rows = np.asarray(array, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != width:
        columns = "x0, y0, x1, y1" + (", confidence" if width == 5 else "")
        raise InputError(f"{what} must be [n,{width}] ({columns}), got {list(rows.shape)}")
    if not np.isfinite(rows).all():
        raise InputError(f"{what} hold numbers that are not finite")
    if (rows[:, 2:4] < rows[:, :2]).any():
        raise InputError(
            f"{what} must be x0, y0, x1, y1 with x0 ≤ x1 and y0 ≤ y1: one is not (is it x, y, w, h?)"
        )
    return rows


def _match_as_voc(rows: Floats, truth: Floats, max_detections: int) -> NDArray[np.bool_]:
    """Whether each detection [D,5] of an image, the most confident first, hits at IoU 0.5."""
    rows = rows[np.argsort(-rows[:, 4], kind="stable")][:max_detections]
    hits, taken = np.zeros(len(rows), np.bool_), np.zeros(len(truth), np.bool_)
    if not len(truth):
        return hits
    low = np.maximum(rows[:, None, :2], truth[None, :, :2])
    high = np.minimum(rows[:, None, 2:4], truth[None, :, 2:4])
    both = (high - low).clip(0).prod(axis=2)  # [D,M]
    areas = [(boxes[:, 2:4] - boxes[:, :2]).prod(axis=1) for boxes in (rows, truth)]
    overlap = both / (areas[0][:, None] + areas[1][None] - both)
    for i, best in enumerate(overlap.argmax(axis=1)):
        hits[i] = overlap[i, best] >= IOU_THRESHOLDS[0] and not taken[best]
        taken[best] |= hits[i]
    return hits


def _evaluate(
    predicted: Sequence[Floats], true_boxes: Sequence[Floats], max_detections: int
) -> list[dict[str, Any]]:
    """pycocotools' entry of every image that has a box, in their order; detections most confident first."""
    with redirect_stdout(StringIO()):
        evaluation = COCOeval(_to_coco(true_boxes), _to_coco(predicted), "bbox")
        evaluation.params.iouThrs = IOU_THRESHOLDS
        evaluation.params.maxDets = [max_detections]
        evaluation.params.areaRng = [[0.0, np.inf]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
    return [image for image in evaluation.evalImgs if image is not None]


def _to_coco(boxes: Sequence[Floats]) -> COCO:
    """Rows x0, y0, x1, y1 and perhaps confidence, one array an image, as COCO's index of xywh boxes."""
    owned = [(i, row) for i, rows in enumerate(boxes) for row in rows.tolist()]
    annotations = [
        {
            "id": number,  # From 1: pycocotools writes 0 where nothing is matched.
            "image_id": i,
            "category_id": 1,
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": (x1 - x0) * (y1 - y0),
            "iscrowd": 0,
            "score": confidence[0] if confidence else 1.0,
        }
        for number, (i, (x0, y0, x1, y1, *confidence)) in enumerate(owned, start=1)
    ]
    images = [{"id": i} for i in range(len(boxes))]
    coco = COCO()
    coco.dataset = {"images": images, "categories": [{"id": 1}], "annotations": annotations}
    coco.createIndex()
    return coco
