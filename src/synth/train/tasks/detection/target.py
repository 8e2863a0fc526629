"""A trained detector for whoever trains against it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class DetectionTarget:
    """Of pictures [N,3,H,W], H and W multiples of 32; truth: boxes x0 y0 x1 y1 in pixels of each."""

    def __init__(self, net: nn.Module) -> None:
        self._net = net

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """Ultralytics' box, class and distribution-focal losses together, picture by picture."""
        return torch.stack(
            [self._loss_of_one(image[None], boxes) for image, boxes in zip(images, truth, strict=True)]
        )

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """1 less the mean over true boxes of the best product of confidence and IoU; 0 without a true box."""
        found = self._net(images)[0]  # [N,5,A]: x y w h in pixels, confidence.
        return torch.stack(
            [_miss(boxes.T, _to_boxes(true, images)) for boxes, true in zip(found, truth, strict=True)]
        )

    def _loss_of_one(self, image: Tensor, true: Any) -> Tensor:
        boxes = _to_boxes(true, image)
        height, width = image.shape[-2:]
        scale = torch.tensor([width, height], dtype=boxes.dtype, device=boxes.device)
        low, high = boxes[:, :2] / scale, boxes[:, 2:] / scale
        batch = {
            "img": image,
            "batch_idx": torch.zeros(len(boxes), device=image.device),
            "cls": torch.zeros(len(boxes), 1, device=image.device),
            "bboxes": torch.cat([(low + high) / 2, high - low], dim=1),
        }
        losses, _ = self._net.loss(batch, self._net(image))  # type: ignore[operator]
        total: Tensor = losses.sum()
        return total


def _to_boxes(true: Any, images: Tensor) -> Tensor:
    return torch.as_tensor(true, dtype=images.dtype, device=images.device).reshape(-1, 4)


def _miss(found: Tensor, true: Tensor) -> Tensor:
    """Of predictions [A,5] and true boxes [M,4] of one picture."""
    if not len(true):
        return found.sum() * 0
    centre, half = found[:, :2], found[:, 2:4] / 2
    low = torch.maximum((centre - half)[:, None], true[None, :, :2])
    high = torch.minimum((centre + half)[:, None], true[None, :, 2:])
    both = (high - low).clamp(min=0).prod(dim=2)
    areas = (2 * half).prod(dim=1)[:, None] + (true[:, 2:] - true[:, :2]).prod(dim=1)[None]
    best = (found[:, 4:5] * both / (areas - both).clamp(min=1e-6)).max(dim=0).values
    return 1 - best.mean()
