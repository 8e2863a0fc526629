"""A trained classifier for whoever trains against it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.errors import InputError
from synth.train.frozen import frozen
from synth.train.tasks.task import Target


class ClassTarget(Target):
    """Of crops [N,3,S,S], truth: the name of each one's class; or of whole pictures [N,3,H,W], truth: of each
    its objects, a square x0 y0 side in pixels, and the name of its class. Figures of a picture are means over
    its objects, 0 without any. side_px: of the crops that are cut from whole pictures.

    Raises InputError for a class that the network never learnt.
    """

    def __init__(self, net: nn.Module, classes: Sequence[str], side_px: int = 0) -> None:
        self._net, self._places = net, {name: i for i, name in enumerate(classes)}
        self._side_px = side_px

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """The cross-entropy, −log of the confidence in the true class."""
        return self._judge(images, truth)[0]

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """(1 + p − p*)/2, p* the confidence in the true class and p the largest in another one.

        TERSE calls an image hard where p − p* is above 0.05 (supplement A.1): above 0.525 here.
        """
        return self._judge(images, truth)[1]

    def judge(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Both of one pass."""
        loss, hardness = self._judge(images, truth)
        return loss, hardness.detach()

    def _judge(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        if truth and isinstance(truth[0], str):
            return self._judge_crops(images, truth)
        objects = [(i, square, name) for i, seen in enumerate(truth) for square, name in seen]
        none = images.new_zeros(len(images))
        if not objects:
            return none, none
        crops = [self._cut(images[i : i + 1], square) for i, square, _ in objects]
        rows = torch.tensor([i for i, _, _ in objects], device=images.device)
        n = torch.bincount(rows, minlength=len(images)).clamp(min=1)
        loss, hardness = self._judge_crops(torch.cat(crops), [name for _, _, name in objects])
        return none.index_add(0, rows, loss) / n, none.index_add(0, rows, hardness) / n

    def _cut(self, image: Tensor, square: Sequence[float]) -> Tensor:
        """[1,3,S,S] of a picture [1,3,H,W], its border repeated outside; as large crops are shrunk, it is cut
        twice as finely and halved.
        """
        (x0, y0, side), (height, width) = square, image.shape[-2:]
        steps = (torch.arange(2 * self._side_px, device=image.device) + 0.5) / (2 * self._side_px)
        y, x = torch.meshgrid(y0 + side * steps, x0 + side * steps, indexing="ij")
        grid = torch.stack([2 * x / width - 1, 2 * y / height - 1], dim=-1)[None]
        fine = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
        return functional.avg_pool2d(fine, 2)

    def _judge_crops(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        with frozen(self._net):
            logits: Tensor = self._net(images)
        places = self._list_places(truth, images)
        sure = logits.softmax(dim=1)
        true = functional.one_hot(places, len(self._places)).bool()
        other = sure.masked_fill(true, 0.0).max(dim=1).values
        return functional.cross_entropy(logits, places, reduction="none"), (1 + other - sure[true]) / 2

    def _list_places(self, truth: Sequence[Any], images: Tensor) -> Tensor:
        if unknown := sorted({name for name in truth if name not in self._places}):
            raise InputError(
                f"there is the class {unknown[0]}, and the network tells {', '.join(self._places)} apart: "
                "give it images of those"
            )
        return torch.tensor([self._places[name] for name in truth], device=images.device)
