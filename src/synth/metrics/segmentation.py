"""How well pixels were told apart: IoU, F1 and boundary F1 of each class, and pixel accuracy.

Pixels are counted over the whole set before anything is divided (one confusion matrix), so a figure is no
mean over images. Pixels whose truth is void count nowhere. A prediction of void is a pixel that was left
open: it is missed, and is no false pixel of a class. Every figure is a function of how often each image
stands in a resample, as in `synth.metrics.detection`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError
from synth.metrics.intervals import Floats

Counts = NDArray[np.int64]

BOUNDARY_TOLERANCE_PX = 2.0
"""How far a boundary may be from the true one unless told otherwise, pixels."""


@dataclass(frozen=True, eq=False)
class ImageCounts:
    """Pixels of one image, [C] each unless said.

    confusion: [C,C + 1], a row a true class, a column a predicted one, the last one void. boundary: [C,4],
    boundary pixels: true, true with a predicted one near, predicted, predicted with a true one near, by
    tolerance_px.
    """

    tolerance_px: float
    n_true: Counts
    n_predicted: Counts
    n_both: Counts
    confusion: Counts
    boundary: Counts


def count_image(
    truth: NDArray[Any],
    predicted: NDArray[Any],
    n_classes: int,
    *,
    void: int = 255,
    tolerance_px: float = BOUNDARY_TOLERANCE_PX,
) -> ImageCounts:
    """Count one image.

    truth, predicted: class ids [H,W], 0 to n_classes − 1, or void. Raises InputError for maps that differ in
    size, are no whole numbers, or hold another id.
    """
    for ids, what in ((truth, "truth"), (predicted, "prediction")):
        if ids.ndim != 2 or ids.dtype.kind not in "iu":
            raise InputError(f"the {what} must be class ids [H,W], got {list(ids.shape)} {ids.dtype}")
        if ((ids < 0) | ((ids >= n_classes) & (ids != void))).any():
            wrong = ids[(ids < 0) | ((ids >= n_classes) & (ids != void))][0]
            raise InputError(
                f"the {what} holds id {wrong}, and classes are 0 to {n_classes - 1}, void {void}"
            )
    if truth.shape != predicted.shape:
        raise InputError(
            f"truth and prediction must be of one size, got {list(truth.shape)} and {list(predicted.shape)}"
        )
    known = truth != void
    true_ids = np.where(known, truth, n_classes).astype(np.int64)
    ids = np.where(known & (predicted != void), predicted, n_classes).astype(np.int64)
    pairs = true_ids * (n_classes + 1) + ids
    table = np.bincount(pairs.ravel(), minlength=(n_classes + 1) ** 2)
    confusion = table.reshape(n_classes + 1, n_classes + 1)[:-1]  # [C,C + 1]
    return ImageCounts(
        tolerance_px,
        confusion.sum(axis=1),
        confusion[:, :-1].sum(axis=0),
        confusion.diagonal().copy(),
        confusion,
        _count_boundaries(true_ids, ids, n_classes, tolerance_px),
    )


def _count_boundaries(truth: Counts, predicted: Counts, n_classes: int, tolerance_px: float) -> Counts:
    """[C,4], of ids [H,W] whose void is n_classes."""
    reach = int(tolerance_px)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (x**2 + y**2 <= tolerance_px**2).astype(np.uint8)
    edges = find_boundary(truth, n_classes), find_boundary(predicted, n_classes)
    counts = np.zeros((n_classes, 4), np.int64)
    shown = np.unique(np.concatenate([truth[edges[0]], predicted[edges[1]]]))
    for i in shown:
        of = [((truth == i) & edges[0]).astype(np.uint8), ((predicted == i) & edges[1]).astype(np.uint8)]
        near = [cv2.dilate(each, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0) for each in of]
        counts[i] = [of[0].sum(), (of[0] & near[1]).sum(), of[1].sum(), (of[1] & near[0]).sum()]
    return counts


def find_boundary(ids: NDArray[Any], void: int) -> NDArray[np.bool_]:
    """Pixels [H,W] with another class above, below, left or right; void has no boundary and makes none."""
    edge = np.zeros(ids.shape, np.bool_)
    for a, b in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        differ = (ids[a] != ids[b]) & (ids[a] != void) & (ids[b] != void)
        edge[a] |= differ
        edge[b] |= differ
    return edge


@dataclass(frozen=True, eq=False)
class PixelCounts:
    """Counts of N images of C classes.

    n_true, n_predicted, n_both: [N,C]. confusion: [C,C + 1] of all images. boundary: [N,C,4].

    Figures take weights [R,N], how often each image stands in each resample
    (`synth.metrics.intervals.resample_counts`), and give [R], or [R,C] by class: nan where nothing can be
    said. METRICS tells which classes a mean is over. All raise InputError for weights of another shape.
    """

    names: tuple[str, ...]
    tolerance_px: float
    n_true: Counts
    n_predicted: Counts
    n_both: Counts
    confusion: Counts
    boundary: Counts

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes that no true pixel is of."""
        return tuple(name for name, n in zip(self.names, self.n_true.sum(axis=0), strict=True) if not n)

    @property
    def pixel_shares(self) -> Floats:
        """The share of each class in the true pixels, [C]."""
        total = self.n_true.sum(axis=0)
        return np.asarray(total / max(1, total.sum()), dtype=np.float64)

    def iou_by_class(self, weights: Floats) -> Floats:
        """Intersection over union, [R,C]."""
        true, predicted, both = self._sums(weights)
        return _divide(both, true + predicted - both)

    def f1_by_class(self, weights: Floats) -> Floats:
        """F1 of pixels, 2 IoU / (1 + IoU), [R,C]."""
        true, predicted, both = self._sums(weights)
        return _divide(2 * both, true + predicted)

    def boundary_f1_by_class(self, weights: Floats) -> Floats:
        """F1 of boundary pixels, [R,C]; one is right where the other map has one of its class within
        tolerance_px (after Csurka, Larlus and Perronnin, "What is a good evaluation measure for semantic
        segmentation?", 2013, who mean over images; here pixels of all images are counted).
        """
        n = np.einsum("rn,nck->rck", self.checked(weights), self.boundary.astype(np.float64))
        n_true, n_found, n_predicted, n_right = np.moveaxis(n, -1, 0)
        recall, precision = (
            np.nan_to_num(_divide(*pair)) for pair in ((n_found, n_true), (n_right, n_predicted))
        )
        f1 = np.nan_to_num(_divide(2 * recall * precision, recall + precision))
        return np.where(n_true + n_predicted > 0, f1, np.nan)

    def miou(self, weights: Floats) -> Floats:
        """Mean IoU over the classes, [R]."""
        return _mean(self.iou_by_class(weights))

    def mf1(self, weights: Floats) -> Floats:
        """Mean F1 over the classes, [R]."""
        return _mean(self.f1_by_class(weights))

    def boundary_f1(self, weights: Floats) -> Floats:
        """Mean boundary F1 over the classes, [R]."""
        return _mean(self.boundary_f1_by_class(weights))

    def pixel_accuracy(self, weights: Floats) -> Floats:
        """Share of pixels whose class is right, [R]."""
        true, _, both = self._sums(weights)
        return _divide(both.sum(axis=1), true.sum(axis=1))

    def checked(self, weights: Floats) -> Floats:
        """Weights of the right shape."""
        weights = np.asarray(weights, dtype=np.float64)
        if weights.ndim != 2 or weights.shape[1] != len(self.n_true):
            raise InputError(
                f"weights must be [R,{len(self.n_true)}], a row a resample, got {list(weights.shape)}"
            )
        return weights

    def _sums(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """True, predicted and right pixels of each class, [R,C] each."""
        weights = self.checked(weights)
        true, predicted, both = (weights @ n for n in (self.n_true, self.n_predicted, self.n_both))
        return true, predicted, both


@dataclass(frozen=True)
class Metric:
    """One figure. absent: whether classes that no true pixel is of count in it, as a sentence."""

    figure: Callable[[PixelCounts, Floats], Floats]
    absent: str


_WHERE_SEEN = "a class counts where true or predicted pixels are of it: absent and predicted is 0"
METRICS: Mapping[str, Metric] = {
    "miou": Metric(PixelCounts.miou, _WHERE_SEEN),
    "mf1": Metric(PixelCounts.mf1, _WHERE_SEEN),
    "pixel_accuracy": Metric(PixelCounts.pixel_accuracy, "no mean over classes: absent ones do not count"),
    "boundary_f1": Metric(
        PixelCounts.boundary_f1,
        "a class counts where it has a true or a predicted boundary: with one of both it is 0",
    ),
}


def gather(images: Iterable[ImageCounts], names: Sequence[str]) -> PixelCounts:
    """The counts of all images, taken in one by one.

    Raises InputError where there are none, and for images that were counted with several tolerances.
    """
    rows: list[tuple[Counts, ...]] = []
    tolerances: set[float] = set()
    confusion = np.zeros((len(names), len(names) + 1), np.int64)
    for image in images:
        rows.append((image.n_true, image.n_predicted, image.n_both, image.boundary))
        confusion += image.confusion
        tolerances.add(image.tolerance_px)
    if not rows:
        raise InputError("there is no image: nothing can be measured")
    if len(tolerances) > 1:
        raise InputError(f"boundaries are counted with one tolerance, got {sorted(tolerances)} pixels")
    n_true, n_predicted, n_both, boundary = (np.stack(each) for each in zip(*rows, strict=True))
    return PixelCounts(tuple(names), tolerances.pop(), n_true, n_predicted, n_both, confusion, boundary)


def measure(counts: Sequence[PixelCounts], metric: str, weights: Floats) -> tuple[Floats, Floats]:
    """A metric of one network's seeds, all on the same images: by seed [k] and in draws [k,R].

    metric: a key of METRICS. weights: [R,N]; give all networks of a comparison the same. Raises InputError
    for an unknown metric, for seeds with other images or another tolerance, or for weights of another shape.
    """
    if metric not in METRICS:
        raise InputError(f"there is no metric {metric!r}: choose from {', '.join(METRICS)}")
    if not counts:
        raise InputError("a metric needs the counts of one seed or more, got none")
    first = counts[0]
    if not all(np.array_equal(each.n_true, first.n_true) for each in counts):
        raise InputError("seeds are measured on the same images, got true pixels that differ between seeds")
    if len({each.tolerance_px for each in counts}) > 1:
        raise InputError("seeds are measured with one boundary tolerance, got several")
    once = np.ones((1, len(first.n_true)))
    figure = METRICS[metric].figure
    by_seed = np.concatenate([figure(each, once) for each in counts])
    return by_seed, np.stack([figure(each, weights) for each in counts])


def _divide(a: Floats, b: Floats) -> Floats:
    """a / b, nan where b is 0."""
    ratio: Floats = np.divide(a, b, out=np.full(np.shape(b), np.nan), where=np.asarray(b) > 0)
    return ratio


def _mean(by_class: Floats) -> Floats:
    """[R] of [R,C], over the classes that have a figure; nan where none has."""
    known = np.isfinite(by_class)
    return _divide(np.where(known, by_class, 0.0).sum(axis=1), known.sum(axis=1).astype(np.float64))
