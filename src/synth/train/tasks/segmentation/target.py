"""A trained network for whoever trains against it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.dataset.label_maps import Ids, find_void, scale_ids
from synth.errors import InputError
from synth.train.frozen import frozen
from synth.train.tasks.segmentation.maps import read_answer
from synth.train.tasks.task import Target


class PixelTarget(Target):
    """Of whole pictures [N,3,H,W]; truth: the label map of each, brought to the pictures' size.

    Raises InputError for a class that the network never learnt.
    """

    def __init__(self, net: nn.Module, classes: Sequence[str]) -> None:
        self._net, self._classes = net, tuple(classes)

    def loss(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """The mean over a picture's pixels of −log of the confidence in the true class; void counts not."""
        return self._judge(images, truth)[0]

    def hardness(self, images: Tensor, truth: Sequence[Any]) -> Tensor:
        """1 less the mean over a picture's pixels of the confidence in the true class; 0 where all is
        void.
        """
        return self._judge(images, truth)[1]

    def judge(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Both of one pass."""
        loss, hardness = self._judge(images, truth)
        return loss, hardness.detach()

    def _judge(self, images: Tensor, truth: Sequence[Any]) -> tuple[Tensor, Tensor]:
        with frozen(self._net):
            logits: Tensor = self._net(images)
        ids, void = self._list_ids(truth, images), find_void(self._classes)
        losses = functional.cross_entropy(logits, ids, ignore_index=void, reduction="none")  # [N,H,W]
        known = ids != void
        n = known.sum(dim=(1, 2)).clamp(min=1)
        doubts = (1 - torch.exp(-losses)) * known
        return losses.sum(dim=(1, 2)) / n, (doubts.sum(dim=(1, 2)) / n).clamp(0, 1)

    def _list_ids(self, truth: Sequence[Any], images: Tensor) -> Tensor:
        """[N,H,W] in the network's order of classes."""
        size = (images.shape[3], images.shape[2])
        return torch.from_numpy(np.stack([scale_ids(self._renumber(one), size) for one in truth])).to(
            images.device, torch.int64
        )

    def _renumber(self, true: Any) -> Ids:
        names = true["classes"]
        if unknown := sorted(set(names) - set(self._classes)):
            raise InputError(
                f"there is the class {unknown[0]}, and the network tells {', '.join(self._classes)} apart: "
                "give it label maps of those"
            )
        own = np.full(find_void(names) + 1, find_void(self._classes), np.uint16)
        own[: len(names)] = [self._classes.index(name) for name in names]
        return own[read_answer(true)]
