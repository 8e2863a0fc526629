"""What a family of detectors is to the rest of synth; beside this, its writer needs the registry alone.

A batch is a dict: ``img`` [B,3,H,W], RGB in 0 to 1; ``bboxes`` [M,4], x y w h as shares of the picture;
``batch_idx`` [M], whose they are; ``cls`` [M,1], the class's place; ``seed``, where the batch is learnt from.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from synth.train.tasks.task import Export, Target

Batch = dict[str, Tensor]


class Detector(Protocol):
    """Networks that are made, asked and trained alike.

    name: as in the registry, and written on every network as ``family``. words: what it has, in short.
    losses: their names, in order.
    """

    name: str

    @property
    def words(self) -> str: ...
    @property
    def losses(self) -> tuple[str, ...]: ...

    def has(self, net: str) -> bool:
        """Whether a network's name is one of this family's, by its look."""
        ...

    def list_nets(self) -> str:
        """The names that can be chosen, as words of a sentence."""
        ...

    def refuse_side(self, net: str, side_px: int) -> None:
        """Raises InputError for a side that pictures cannot have."""
        ...

    def habits(self, net: str) -> Mapping[str, Any]:
        """Fields of the settings that go with a network, unless they are given."""
        ...

    def make(self, net: str, n_classes: int, side_px: int, seed: int) -> nn.Module:
        """A fresh network; weights depend on the seed alone. Raises InputError for an unknown name."""
        ...

    def find_stride(self, net: nn.Module) -> int:
        """Of what a batch's sides must be multiples, in pixels; grey fills up to that."""
        ...

    def load_pretrained(self, net: nn.Module, path: Path) -> None:
        """Take over the weights of a local file; raises InputError where they do not fit."""
        ...

    def freeze(self, net: nn.Module) -> None:
        """Let pretrained layers stay what they are: as many as the family's authors do."""
        ...

    def compute_losses(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The losses by name, however large the batch, of a network in train mode."""
        ...

    def look(
        self, net: nn.Module, batch: Batch, *, losses: bool
    ) -> tuple[Sequence[Tensor], dict[str, float]]:
        """What a network in eval mode says of each picture, and its losses, added up over pictures, where
        they are asked for.

        Boxes [D,6], the surest first: x0 y0 x1 y1 in pixels of the batch, confidence, the class's place.
        The same twice.
        """
        ...

    def target(self, net: nn.Module, classes: Sequence[str]) -> Target:
        """A trained network as one that can be trained against."""
        ...

    def describe_export(self, net: str, classes: Sequence[str]) -> Export:
        """What it is to programs without torch; raises InputError where it cannot be written for them."""
        ...

    def describe_start(self, net: str, pretrained: str | None) -> str:
        """Whose network it is and from which weights it began: the beginning of a sentence."""
        ...


@cache
def describe_boxes(
    classes: tuple[str, ...], nms_iou: float, wrap: Callable[[nn.Module], nn.Module]
) -> Export:
    """A detector whose every place says a box and a confidence a class. nms_iou: for who suppresses doubles.

    classes: that have names; empty for one without.
    """
    said = "a confidence for each of classes" if classes else "confidence"
    return Export(
        "images: RGB, float32 [1,3,S,S] in 0..1, longer side resized to S, the rest 114/255 on the right and "
        f"below; boxes: [1,{4 + max(1, len(classes))},A] of x y w h in pixels and {said}, before suppression "
        f"of doubles (IoU {nms_iou:g})",
        "boxes",
        wrap,
        {"nms_iou": nms_iou},
    )
