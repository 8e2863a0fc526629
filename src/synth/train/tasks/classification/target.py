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
    """Of crops [N,3,S,S]; truth: the name of each one's class.

    Raises InputError for a class that the network never learnt.
    """

    def __init__(self, net: nn.Module, classes: Sequence[str]) -> None:
        self._net, self._places = net, {name: i for i, name in enumerate(classes)}

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
