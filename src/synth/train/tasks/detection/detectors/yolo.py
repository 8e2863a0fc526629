"""Ultralytics' detectors that learn boxes by one loss: yolov3 to yolo26."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from synth.errors import InputError
from synth.metrics.detection import STANDARD
from synth.train.models.yolo import (
    FAMILY,
    find_stride,
    freeze_backbone,
    list_choices,
    load_pretrained,
    make_yolo,
)
from synth.train.tasks.detection.detectors.detector import Batch, describe_boxes
from synth.train.tasks.detection.target import DetectionTarget
from synth.train.tasks.task import Export
from synth.train.ultralytics_parts import ultralytics

NMS_IOU = 0.7
"""Of two boxes of a class that overlap more, the surer one stays; a place may have boxes of several classes
(both Ultralytics' defaults for measuring)."""

_LEAST_STRIDE_PX = 32
_NO_HURRY_S = 1e6


class Yolo:
    """Networks, losses and suppression of doubles are Ultralytics' own."""

    name = FAMILY
    words = "Ultralytics' plain detectors, yolov3 to yolo26, every size"
    losses = ("box", "cls", "dfl")

    def has(self, net: str) -> bool:
        """Names of Ultralytics' networks, other kinds than detectors too, which `make` refuses by name."""
        return net.startswith(("yolo", "rtdetr"))

    def list_nets(self) -> str:
        """All that it ships, with scales in brackets."""
        return list_choices()

    def refuse_side(self, net: str, side_px: int) -> None:
        """Multiples of 32; networks of a larger stride refuse more when they are made."""
        if side_px < _LEAST_STRIDE_PX or side_px % _LEAST_STRIDE_PX:
            raise InputError(f"side_px must be a multiple of {_LEAST_STRIDE_PX}, got {side_px}")

    def habits(self, net: str) -> Mapping[str, Any]:
        """None: the settings' defaults are theirs."""
        return {}

    def make(self, net: str, n_classes: int, side_px: int, seed: int) -> nn.Module:
        """As `make_yolo`; raises InputError besides for a side that does not go with the stride."""
        made = make_yolo(net, n_classes, seed)
        if side_px % (stride := find_stride(made)):
            raise InputError(
                f"{net} takes pictures whose side is a multiple of {stride}, got {side_px}: give another "
                "--side"
            )
        return made

    def find_stride(self, net: nn.Module) -> int:
        """That of its coarsest grid."""
        return find_stride(net)

    def load_pretrained(self, net: nn.Module, path: Path) -> None:
        """safetensors, Ultralytics' .pt or a plain state dict: whatever fits, at least half."""
        load_pretrained(net, path)

    def freeze(self, net: nn.Module) -> None:
        """The backbone, as in the paper that synth follows."""
        freeze_backbone(net)

    def compute_losses(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Weighted as Ultralytics does."""
        total, _ = net.loss(batch)  # type: ignore[operator]
        return dict(zip(self.losses, total / len(batch["img"]), strict=True))

    def look(
        self, net: nn.Module, batch: Batch, *, losses: bool
    ) -> tuple[Sequence[Tensor], dict[str, float]]:
        """Each batch's losses are divided by its own matches, as Ultralytics has it."""
        import_module("torchvision")  # Ultralytics suppresses box by box in Python where it is not loaded.
        out = net(batch["img"])
        kept = ultralytics("utils.nms").non_max_suppression(
            out,
            STANDARD.min_confidence,
            NMS_IOU,
            max_det=STANDARD.max_detections,
            max_time_img=_NO_HURRY_S,
            multi_label=True,
        )
        found = [boxes[:, :6] for boxes in kept]
        if not losses:
            return found, {}
        known = batch["cls"][:, 0] < net.model[-1].nc  # type: ignore[index, union-attr]
        learnt = {key: part if key == "img" else part[known] for key, part in batch.items()}
        total, _ = net.loss(learnt, out)  # type: ignore[operator]
        return found, dict(zip(self.losses, total.tolist(), strict=True))

    def target(self, net: nn.Module, classes: Sequence[str]) -> DetectionTarget:
        """By the product of overlap and confidence."""
        return DetectionTarget(net, classes)

    def describe_export(self, net: str, classes: Sequence[str]) -> Export:
        """Boxes before suppression."""
        return describe_boxes(tuple(classes), NMS_IOU, _BoxesAlone)

    def describe_start(self, net: str, pretrained: str | None) -> str:
        """With what differs from the networks of that name elsewhere."""
        begun = "from random weights" if pretrained is None else f"from {pretrained}, its backbone frozen"
        heads = ", with its package's v5u heads" if net.startswith("yolov5") else ""
        return f"{net} is Ultralytics' own{heads}, trained {begun}"


class _BoxesAlone(nn.Module):
    """A detector without what its losses need."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        boxes = self.net(images)[0]
        assert isinstance(boxes, Tensor)
        return boxes


YOLO = Yolo()
