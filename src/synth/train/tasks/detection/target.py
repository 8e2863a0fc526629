"""A trained detector for whoever trains against it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synth.train.tasks.detection.boxes import class_of


class DetectionTarget:
    """Of pictures [N,3,H,W], H and W multiples of the network's stride.

    truth: boxes x0 y0 x1 y1 in pixels of each, and their class's name where classes have names. Boxes of a
    class that the network never learnt have no loss; they count as missed.
    """

    def __init__(self, net: nn.Module, classes: Sequence[str] = ()) -> None:
        self._net, self._places = net, {name: i for i, name in enumerate(classes)}

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """Ultralytics' box, class and distribution-focal losses together, picture by picture."""
        return torch.stack(
            [self._loss_of_one(image[None], boxes) for image, boxes in zip(images, truth, strict=True)]
        )

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """1 less the mean over true boxes of the best product of IoU and confidence in the true class; 0
        without a true box.
        """
        found = self._net(images)[0]  # [N,4+C,A]: x y w h in pixels, a confidence for each class.
        return torch.stack([self._miss(boxes.T, true) for boxes, true in zip(found, truth, strict=True)])

    def _loss_of_one(self, image: Tensor, true: Sequence[Any]) -> Tensor:
        known = [box for box in true if self._place(box) is not None]
        boxes = _to_boxes(known, image)
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

    def _miss(self, found: Tensor, true: Sequence[Any]) -> Tensor:
        """Of predictions [A,4+C] and true boxes of one picture."""
        places = [self._place(box) for box in true]
        known = [box for box, place in zip(true, places, strict=True) if place is not None]
        if not known:
            return found.sum() * 0 + bool(len(true))
        boxes = _to_boxes(known, found)
        centre, half = found[:, :2], found[:, 2:4] / 2
        low = torch.maximum((centre - half)[:, None], boxes[None, :, :2])
        high = torch.minimum((centre + half)[:, None], boxes[None, :, 2:])
        both = (high - low).clamp(min=0).prod(dim=2)
        areas = (2 * half).prod(dim=1)[:, None] + (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)[None]
        confidence = found[:, 4:][:, [place for place in places if place is not None]]  # [A,M]
        best = (confidence * both / (areas - both).clamp(min=1e-6)).max(dim=0).values
        return 1 - best.sum() / len(true)

    def _place(self, box: Sequence[Any]) -> int | None:
        """Of a box's class among those that the network learnt; None for another."""
        name = class_of(box)
        return 0 if name is None else self._places.get(name)


def _to_boxes(true: Sequence[Any], like: Tensor) -> Tensor:
    return torch.as_tensor([box[:4] for box in true], dtype=like.dtype, device=like.device).reshape(-1, 4)
