"""What a task is to the rest of synth: data from datasets, a learner, predictions that JSON can hold."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeVar

import torch
from torch import nn

from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.train.loop import Learner, Schedule

TaskName = Literal["detection", "normals"]
S = TypeVar("S", bound=Schedule, contravariant=True)
D = TypeVar("D")


class Task(Protocol[S, D]):
    """One thing to learn from labelled images. S: its settings, D: images with their truth.

    name: how commands call it.
    """

    name: TaskName

    def count(self, samples: Sequence[Sample]) -> int:
        """How many images for this task some samples have."""
        ...

    def load(self, dataset: DatasetReader, samples: Sequence[Sample], settings: S) -> D:
        """Some samples' images; raises InputError when none of them can be used."""
        ...

    def join(self, first: D, second: D) -> D:
        """Both, in this order."""
        ...

    def make_learner(
        self,
        stages: Sequence[D],
        val: D,
        settings: S,
        *,
        seed: int,
        device: torch.device,
        test: D | None = None,
    ) -> Learner:
        """A fresh network with the data that it learns from."""
        ...

    def make_net(self, settings: S) -> nn.Module:
        """A network for weights that are loaded into it."""
        ...

    def predict(self, net: nn.Module, data: D) -> list[Any]:
        """What the network says of each image, as numbers in lists."""
        ...

    def truth(self, data: D) -> list[Any]:
        """What is true of each image, in the same form."""
        ...

    def names(self, data: D) -> tuple[str, ...]:
        """How the images are called."""
        ...
