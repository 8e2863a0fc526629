"""What a segmenter is to the rest of synth; beside this, its writer needs the registry alone.

A member is a class that names `Segmenter` as its base; what stands here with a body is inherited.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import nn

from synth.train.tasks.segmentation.choices import ClassWeights, Loss, Optimiser, Rate
from synth.train.tasks.segmentation.segmenters.weights import take_over


@dataclass(frozen=True)
class Habits:
    """Settings that go with a network unless others are given; `SegmentationSettings` says what each is.

    source: where the numbers are from, a clause for docs and reports.
    """

    source: str
    side_px: int = 480
    crop_px: int = 256
    batch_size: int = 8
    optimiser: Optimiser = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    rate: Rate = "poly"
    loss: Loss = "cross-entropy"
    class_weights: ClassWeights = "inverse-log"


class Segmenter(Protocol):
    """One architecture.

    name: as in the registry, without a dot. about: whose it is, a clause with its source. side_multiple: of
    what the sides of a batch must be multiples, in pixels; whoever asks fills up to that. habits: how it is
    trained unless told otherwise. heads: how the names of the parameters begin whose shape depends on the
    classes; of a pretrained start they may differ.
    """

    name: str
    about: str
    side_multiple: int
    habits: Habits
    heads: tuple[str, ...]

    def build(self, n_classes: int) -> nn.Module:
        """A network of random weights, drawn by torch's global generator.

        It takes pictures [N,3,H,W], float RGB of ImageNet's mean and deviation, and gives logits [N,C,H,W],
        in train mode too. Nothing is downloaded. Raises InputError where a package is missing.
        """
        ...

    def load_pretrained(self, net: nn.Module, path: Path) -> None:
        """Take over the weights of a local state dict into what `build` made.

        Raises InputError that names the first tensor which does not fit.
        """
        take_over(net, path, self.heads)
