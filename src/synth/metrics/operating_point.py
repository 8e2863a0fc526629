"""What a detector does in use: the boxes that it shows at one confidence, counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import box_iou

MIN_CONFIDENCE = 0.5
MIN_IOU = 0.5


@dataclass(frozen=True)
class OperatingPoint:
    """Counts over test images, one entry a seed.

    hits: true boxes that a shown box of their class overlaps with an IoU of MIN_IOU or more. false_boxes:
    shown boxes that hit nothing, doubles and boxes of a wrong class among them. median_iou: of the hits of
    all seeds, None without any.
    """

    n_images: int
    n_true: int
    hits: tuple[int, ...]
    false_boxes: tuple[int, ...]
    median_iou: float | None

    @property
    def false_per_image(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.false_boxes)) / self.n_images


def measure_operating_point(
    predicted: Sequence[Sequence[NDArray[Any]]], true_boxes: Sequence[NDArray[Any]]
) -> OperatingPoint:
    """Hits and false boxes at MIN_CONFIDENCE.

    predicted: for each seed an array [D,5] an image, x0, y0, x1, y1 in pixels and confidence. true_boxes:
    [M,4] an image. With several classes [D,6] and [M,5], last the class's number. Greedy as in
    `synth.metrics.detection`: the surest box first takes the free true box of its class that it overlaps
    most.
    """
    hits, false_boxes, overlaps = [], [], []
    for seed in predicted:
        found = [_overlaps(boxes, truth) for boxes, truth in zip(seed, true_boxes, strict=True)]
        hits.append(sum(len(ious) for ious, _ in found))
        false_boxes.append(sum(n_false for _, n_false in found))
        overlaps += [iou for ious, _ in found for iou in ious]
    return OperatingPoint(
        n_images=len(true_boxes),
        n_true=sum(len(boxes) for boxes in true_boxes),
        hits=tuple(hits),
        false_boxes=tuple(false_boxes),
        median_iou=float(np.median(overlaps)) if overlaps else None,
    )


def _overlaps(boxes: NDArray[Any], truth: NDArray[Any]) -> tuple[list[float], int]:
    """IoU of every hit in one image, and how many shown boxes hit nothing."""
    shown = [row for row in boxes[np.argsort(-boxes[:, 4], kind="stable")] if row[4] >= MIN_CONFIDENCE]
    free = list(truth)
    ious: list[float] = []
    for row in shown:
        each = [box_iou(row[:4], true[:4]) if (row[5:] == true[4:]).all() else 0.0 for true in free]
        if each and max(each) >= MIN_IOU:
            ious.append(max(each))
            del free[int(np.argmax(each))]
    return ious, len(shown) - len(ious)
