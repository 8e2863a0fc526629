"""A trained YOLO for whoever trains against it, and what targets of all families share."""

from collections.abc import Sequence
from math import log
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.train.frozen import frozen
from synth.train.models.yolo import find_stride
from synth.train.tasks.detection.boxes import class_of
from synth.train.tasks.detection.images import GREY
from synth.train.tasks.task import Target

FOUND_IOU = 0.5
"""From this overlap on a prediction counts as one of a true box."""

MISSED = -log(1e-4)
"""`Target.classification` of a box that is not found; nothing is above it, and no gradient comes from it."""


class DetectionTarget(Target):
    """Of pictures [N,3,H,W], which grey fills up to multiples of the network's stride.

    truth: boxes x0 y0 x1 y1 in pixels of each, and their class's name where classes have names; no gradient
    goes into them, nor into predicted ones. Boxes of a class that the network never learnt have no loss; they
    count as missed.
    """

    def __init__(self, net: nn.Module, classes: Sequence[str] = ()) -> None:
        self._net, self._places = net, {name: i for i, name in enumerate(classes)}

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """Ultralytics' box, class and distribution-focal losses together, picture by picture."""
        pictures = fill_up(images, find_stride(self._net))
        with frozen(self._net):
            return torch.stack(
                [self._loss_of_one(image[None], boxes) for image, boxes in zip(pictures, truth, strict=True)]
            )

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """1 less the mean over true boxes of the largest confidence in the true class among predictions,
        before suppression of doubles, that overlap the true box by an IoU of 0.5; 0 without a true box.
        """
        return to_hardness(self._find(images, truth).sigmoid(), truth)

    def classification(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """The mean over true boxes of −log of that confidence, at most `MISSED`; 0 without a true box."""
        return to_classification(functional.logsigmoid(self._find(images, truth)), truth)

    def judge(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Both of one pass."""
        found = self._find(images, truth)
        sure = found.detach().sigmoid()
        return to_classification(functional.logsigmoid(found), truth), to_hardness(sure, truth)

    def _find(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """[N,M]: the logit of each true box, M the most in a picture; −∞ where it is missed and beyond."""
        with frozen(self._net):
            said, raw = self._net(fill_up(images, find_stride(self._net)))[:2]
        logits = raw.get("one2many", raw)["scores"]  # [N,C,A]; `said` is [N,4+C,A]: x y w h in pixels first.
        boxes, places = self._to_tensors(truth, said)
        overlap = _measure_iou(boxes, said[:, :4].detach())  # [N,M,A]
        own = logits.gather(1, places.clamp(min=0)[:, :, None].expand_as(overlap))
        hidden = (overlap < FOUND_IOU) | (places < 0)[:, :, None]
        best: Tensor = own.masked_fill(hidden, -torch.inf).amax(dim=2)
        return best

    def _to_tensors(self, truth: Sequence[Any], like: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes [N,M,4] and their class's place [N,M], −1 for one never learnt and where there is no box."""
        most = max((len(true) for true in truth), default=0)
        empty = [[0.0] * 4]
        boxes = [[*(_edges(box) for box in true), *empty * (most - len(true))] for true in truth]
        places = [[*map(self._place, true), *[None] * (most - len(true))] for true in truth]
        filled = [[-1 if place is None else place for place in row] for row in places]
        return (
            torch.tensor(boxes, dtype=like.dtype, device=like.device).reshape(len(truth), most, 4),
            torch.tensor(filled, dtype=torch.int64, device=like.device).reshape(len(truth), most),
        )

    def _loss_of_one(self, image: Tensor, true: Sequence[Any]) -> Tensor:
        known = [box for box in true if self._place(box) is not None]
        boxes = image.new_tensor([_edges(box) for box in known]).reshape(-1, 4)
        height, width = image.shape[-2:]
        scale = torch.tensor([width, height], dtype=boxes.dtype, device=boxes.device)
        low, high = boxes[:, :2] / scale, boxes[:, 2:] / scale
        batch = {
            "img": image,
            "batch_idx": torch.zeros(len(boxes), device=image.device),
            "cls": torch.tensor([[float(self._place(box) or 0)] for box in known], device=image.device),
            "bboxes": torch.cat([(low + high) / 2, high - low], dim=1),
        }
        losses, _ = self._net.loss(batch, self._net(image))  # type: ignore[operator]
        total: Tensor = losses.sum()
        return total

    def _place(self, box: Sequence[Any]) -> int | None:
        """Of a box's class among those that the network learnt; None for another."""
        name = class_of(box)
        return 0 if name is None else self._places.get(name)


def fill_up(images: Tensor, stride_px: int) -> Tensor:
    """Pictures [N,3,H,W] with grey to the right and below, up to multiples of a stride."""
    h, w = images.shape[-2:]
    return functional.pad(images, (0, -w % stride_px, 0, -h % stride_px), value=GREY / 255)


def to_hardness(sure: Tensor, truth: Sequence[Any]) -> Tensor:
    """[N]: 1 less the mean over a picture's true boxes of confidences [N,M], 0 for a missed one; 0 without
    boxes.
    """
    n = _count(truth, sure)
    return (1 - sure.sum(dim=1) / n.clamp(min=1)) * (n > 0)


def to_classification(log_sure: Tensor, truth: Sequence[Any]) -> Tensor:
    """[N]: the mean over a picture's true boxes of −log of confidences [N,M], −∞ for a missed one."""
    n = _count(truth, log_sure)
    lost = (-log_sure).clamp(max=MISSED)
    true = torch.arange(log_sure.shape[1], device=n.device) < n[:, None]
    return (lost * true).sum(dim=1) / n.clamp(min=1)


def _count(truth: Sequence[Any], like: Tensor) -> Tensor:
    return torch.tensor([len(true) for true in truth], dtype=like.dtype, device=like.device)


def _edges(box: Sequence[Any]) -> list[float]:
    edges: list[float] = torch.as_tensor(box[:4]).tolist()
    return edges


def _measure_iou(boxes: Tensor, xywh: Tensor) -> Tensor:
    """[N,M,A] of boxes [N,M,4], x0 y0 x1 y1, with predicted ones [N,4,A], x y w h."""
    centre, half = xywh[:, None, :2], xywh[:, None, 2:] / 2
    low = torch.maximum(centre - half, boxes[:, :, :2, None])
    high = torch.minimum(centre + half, boxes[:, :, 2:, None])
    both = (high - low).clamp(min=0).prod(dim=2)
    areas = (2 * half).prod(dim=2) + (boxes[:, :, 2:] - boxes[:, :, :2]).prod(dim=2)[..., None]
    return both / (areas - both).clamp(min=1e-6)
