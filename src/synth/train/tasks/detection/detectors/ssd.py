"""SSD (Liu et al. 2016, arXiv:1512.02325) and SSDlite (Sandler et al. 2018, arXiv:1801.04381) of torchvision.

A picture without a part has no loss: of background as many anchors count as three times those that a part
has. Such pictures teach where they are laid together with others, as changes at random do with half of them.
torchvision is imported where a network is made or asked.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.metrics.detection import STANDARD
from synth.train.tasks.detection.detectors.detector import describe_boxes
from synth.train.tasks.detection.detectors.torchvision_nets import TorchvisionDetector, Truth
from synth.train.tasks.detection.target import FOUND_IOU
from synth.train.tasks.task import Export

_VGG, _LITE = "ssd300_vgg16", "ssdlite320_mobilenet_v3"
_VGG_SIDE_PX, _LITE_STRIDE_PX, _LITE_LEAST_PX = 300, 32, 64
_NMS_IOU = {_VGG: 0.45, _LITE: 0.55}


class SingleShot(TorchvisionDetector):
    """Pictures are square: grey fills them up."""

    name = "ssd"
    nets = (_VGG, _LITE)
    torch_losses: Mapping[str, str] = {"bbox_regression": "box", "classification": "cls"}

    def refuse_side(self, net: str, side_px: int) -> None:
        """SSD300's anchors are made for 300 px; SSDlite's are shares of the picture."""
        if net == _VGG and side_px != _VGG_SIDE_PX:
            raise InputError(f"{net} takes pictures of {_VGG_SIDE_PX} px alone, got {side_px}")
        if net == _LITE and (side_px < _LITE_LEAST_PX or side_px % _LITE_STRIDE_PX):
            raise InputError(
                f"{net} takes pictures whose side is a multiple of {_LITE_STRIDE_PX}, {_LITE_LEAST_PX} or "
                f"more, got {side_px}"
            )

    def habits(self, net: str) -> Mapping[str, Any]:
        """The side is in the name."""
        if net == _VGG:
            return {"side_px": _VGG_SIDE_PX, "batch_size": 8, "learning_rate": 1e-4}
        return {"side_px": 320, "batch_size": 16, "learning_rate": 1e-3}

    def build(self, net: str, n_classes: int, side_px: int) -> nn.Module:
        """As torchvision makes it; SSDlite at another size where that is asked for."""
        from torchvision.models import detection
        from torchvision.models.detection.transform import GeneralizedRCNNTransform

        make = {_VGG: detection.ssd300_vgg16, _LITE: detection.ssdlite320_mobilenet_v3_large}[net]
        made = make(
            weights=None,
            weights_backbone=None,
            num_classes=n_classes + 1,
            score_thresh=STANDARD.min_confidence,
            detections_per_img=STANDARD.max_detections,
            nms_thresh=_NMS_IOU[net],
        )
        usual = made.transform
        size = (side_px, side_px)
        made.transform = GeneralizedRCNNTransform(
            side_px, side_px, usual.image_mean, usual.image_std, size_divisible=1, fixed_size=size
        )
        assert isinstance(made, nn.Module)
        return made

    def find_stride(self, net: Any) -> int:
        """Its one size."""
        return int(net.transform.fixed_size[0])

    def early_layers(self, net: nn.Module) -> tuple[str, ...]:
        """VGG16's first block, as torchvision has it; of MobileNet all of the first part."""
        return {_VGG: tuple(f"backbone.features.{i}." for i in range(5)), _LITE: ("backbone.features.0.",)}[
            str(net.net)
        ]

    def count_classes(self, net: Any) -> int:
        """Of the last layers."""
        return int(net.head.classification_head.num_columns) - 1

    def believe(
        self, net: Any, images: Any, features: Mapping[str, Tensor], truths: Sequence[Truth]
    ) -> list[Tensor]:
        """By the largest softmax of an anchor that overlaps the true box by an IoU of 0.5 or, where none
        does, of the nearest, with which SSD learns such boxes.
        """
        from torchvision.ops import box_iou

        maps = list(features.values())
        log_sure = net.head(maps)["cls_logits"].log_softmax(dim=2)
        found = []
        for own, anchors, truth in zip(log_sure, net.anchor_generator(images, maps), truths, strict=True):
            overlap = box_iou(truth["boxes"], anchors)  # [M,A]
            near = overlap >= overlap.amax(dim=1, keepdim=True).clamp(max=FOUND_IOU)
            found.append(own[:, truth["labels"]].T.masked_fill(~near, -torch.inf).amax(dim=1))
        return found

    def describe_export(self, net: str, classes: Sequence[str]) -> Export:
        """Boxes before suppression."""
        return describe_boxes(tuple(classes), _NMS_IOU[net], _BoxesAlone)


class _BoxesAlone(nn.Module):
    """What every anchor says of one picture, [1,4+C,A]."""

    anchors: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net, (side, _) = net, net.transform.fixed_size
        with torch.no_grad():
            images, _ = net.eval().transform([torch.zeros(3, side, side)])
            maps = list(net.backbone(images.tensors).values())
            (anchors,) = net.anchor_generator(images, maps)
        self.register_buffer("anchors", anchors)
        self.register_buffer("mean", torch.tensor(net.transform.image_mean)[:, None, None])
        self.register_buffer("std", torch.tensor(net.transform.image_std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        said = self.net.head(list(self.net.backbone((images - self.mean) / self.std).values()))
        boxes = self.net.box_coder.decode_single(said["bbox_regression"][0], self.anchors)
        low, high = boxes[:, :2], boxes[:, 2:]
        sure = said["cls_logits"][0].softmax(dim=1)[:, 1:]
        return torch.cat([(low + high) / 2, high - low, sure], dim=1).T[None]


SSD = SingleShot()
