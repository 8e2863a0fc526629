"""Faster R-CNN (Ren et al. 2015, arXiv:1506.01497) from torchvision's parts.

It learns from pictures without a part, too: all of their anchors and proposals are background. torchvision is
imported where a network is made, since a second is much for who only reads presets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.metrics.detection import STANDARD
from synth.train.tasks.detection.detectors.torchvision_nets import TorchvisionDetector, Truth
from synth.train.tasks.task import Export

_LEAST_SIDE_PX = 32

_ORIGINAL = {
    "rpn_pre_nms_top_n_train": 12000,
    "rpn_post_nms_top_n_train": 2000,
    "rpn_pre_nms_top_n_test": 6000,
    "rpn_post_nms_top_n_test": 300,
    "box_batch_size_per_image": 128,
    "box_nms_thresh": 0.3,
}
"""Sections 3.3 and 4 of the article, and its authors' code."""

_TRIMMED = {
    "rpn_pre_nms_top_n_train": 600,
    "rpn_post_nms_top_n_train": 300,
    "rpn_pre_nms_top_n_test": 150,
    "rpn_post_nms_top_n_test": 150,
    "box_batch_size_per_image": 64,
}
"""Fewer proposals and boxes than torchvision's 2000, 1000 and 512: on a CPU a step costs a third. Outside
training as many as its network for 320 px has.
"""

_ANCHORS_PX, _ANCHORED_PX = (128, 256, 512), 1000
"""The article's, in pictures of at most 1000 px; in smaller ones they shrink in proportion."""


class FasterRCNN(TorchvisionDetector):
    """Pictures are taken as long as the settings have them, at any shape, and padded inside."""

    name = "faster-rcnn"
    nets = ("fasterrcnn_vgg16", "fasterrcnn_resnet50_fpn", "fasterrcnn_mobilenet_v3_320")
    torch_losses: Mapping[str, str] = {
        "loss_box_reg": "box",
        "loss_classifier": "cls",
        "loss_rpn_box_reg": "rpn_box",
        "loss_objectness": "objectness",
    }
    imagenet: Mapping[str, Mapping[str, str]] = {
        "fasterrcnn_vgg16": {"features.": "backbone.", "classifier.": "roi_heads.box_head.fc."},
        "fasterrcnn_resnet50_fpn": {"": "backbone.body."},
        "fasterrcnn_mobilenet_v3_320": {"features.": "backbone.body."},
    }

    def refuse_side(self, net: str, side_px: int) -> None:
        """Any side of 32 and more."""
        if side_px < _LEAST_SIDE_PX:
            raise InputError(f"{net} takes pictures of {_LEAST_SIDE_PX} px and more, got {side_px}")

    def habits(self, net: str) -> Mapping[str, Any]:
        """Small batches and a low rate; the MobileNet's side is in its name."""
        side = {"side_px": 320} if net.endswith("_320") else {}
        return {"batch_size": 4, "learning_rate": 3e-4, **side}

    def build(self, net: str, n_classes: int, side_px: int) -> nn.Module:
        """As torchvision makes it, or by hand for VGG16, which it has not."""
        from torchvision.models import detection

        options: dict[str, Any] = {
            # Pictures come with this longer side: none is resized twice.
            "min_size": side_px,
            "max_size": side_px,
            "box_score_thresh": STANDARD.min_confidence,
            "box_detections_per_img": STANDARD.max_detections,
        }
        if net == "fasterrcnn_vgg16":
            return _build_vgg16(n_classes + 1, side_px, options | _ORIGINAL)
        make = {
            "fasterrcnn_resnet50_fpn": detection.fasterrcnn_resnet50_fpn,
            "fasterrcnn_mobilenet_v3_320": detection.fasterrcnn_mobilenet_v3_large_320_fpn,
        }[net]
        made = make(weights=None, weights_backbone=None, num_classes=n_classes + 1, **options, **_TRIMMED)
        assert isinstance(made, nn.Module)
        return made

    def find_stride(self, net: nn.Module) -> int:
        """It fills up by itself."""
        return 1

    def early_layers(self, net: nn.Module) -> tuple[str, ...]:
        """VGG16's first two blocks, as in the article's code; of the others what torchvision freezes."""
        return {
            "fasterrcnn_vgg16": tuple(f"backbone.{i}." for i in range(10)),
            "fasterrcnn_resnet50_fpn": ("backbone.body.conv1", "backbone.body.bn1", "backbone.body.layer1"),
            "fasterrcnn_mobilenet_v3_320": tuple(f"backbone.body.{i}." for i in range(7)),
        }[str(net.net)]

    def count_classes(self, net: Any) -> int:
        """Of the last layer."""
        return int(net.roi_heads.box_predictor.cls_score.out_features) - 1

    def believe(
        self, net: Any, images: Any, features: Mapping[str, Tensor], truths: Sequence[Truth]
    ) -> list[Tensor]:
        """By the second stage: the true box is pooled, and its head's softmax taken; the first stage has no
        say.
        """
        boxes = [truth["boxes"] for truth in truths]
        if not sum(len(some) for some in boxes):
            return [some.sum(dim=1) for some in boxes]
        heads = net.roi_heads
        pooled = heads.box_head(heads.box_roi_pool(features, boxes, images.image_sizes))
        log_sure = heads.box_predictor(pooled)[0].log_softmax(dim=1)
        labels = torch.cat([truth["labels"] for truth in truths])
        own = log_sure.gather(1, labels[:, None])[:, 0]
        return list(own.split([len(some) for some in boxes]))

    def describe_export(self, net: str, classes: Sequence[str]) -> Export:
        """It cannot be written."""
        raise InputError(
            f"{net} cannot be written as ONNX, since how many boxes its second stage looks at depends on "
            "the picture: take a yolo or an ssd"
        )


class _Flat(nn.Module):
    """VGG16's dense layers on pooled features."""

    def __init__(self, fc: nn.Sequential) -> None:
        super().__init__()
        self.fc = fc

    def forward(self, pooled: Tensor) -> Tensor:
        dense: Tensor = self.fc(pooled.flatten(1))
        return dense


def _build_vgg16(n_outputs: int, side_px: int, options: Mapping[str, Any]) -> nn.Module:
    """The article's: features without the last pooling, 7 × 7 pooled, VGG16's own two dense layers."""
    import torchvision
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.faster_rcnn import FasterRCNN as Whole
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
    from torchvision.ops import MultiScaleRoIAlign

    vgg = torchvision.models.vgg16(weights=None)
    backbone, dense = vgg.features[:-1], vgg.classifier[:-1]
    backbone.out_channels = next(m for m in reversed(backbone) if isinstance(m, nn.Conv2d)).out_channels
    width = next(m for m in reversed(dense) if isinstance(m, nn.Linear)).out_features
    sizes = tuple(max(1, round(a * min(1.0, side_px / _ANCHORED_PX))) for a in _ANCHORS_PX)
    made = Whole(
        backbone,
        rpn_anchor_generator=AnchorGenerator((sizes,), ((0.5, 1.0, 2.0),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 7, 2),
        box_head=_Flat(dense),
        box_predictor=FastRCNNPredictor(width, n_outputs),
        **options,
    )
    assert isinstance(made, nn.Module)
    return made


FASTER_RCNN = FasterRCNN()
