"""DeepLabV3+ (Chen et al. 2018, arXiv:1802.02611) of segmentation_models_pytorch.

On ResNets it is made as the checkpoints are that are published for PyTorch
(github.com/VainF/DeepLabV3Plus-Pytorch): convolutions are plain, not separable, and one of them joins the two
scales. On Lite0 it is as the package makes it, with separable ones.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from synth.extras import demand
from synth.train.tasks.segmentation.segmenters import lite0
from synth.train.tasks.segmentation.segmenters.segmenter import Habits, Segmenter
from synth.train.tasks.segmentation.segmenters.smp import EXTRA, SmpSegmenter

_STRIDE = 16
_RATES = (6, 12, 18)
"""The article's for features at 1/16."""

_N_FEATURES, _N_FINE = 256, 48
"""Channels of the decoder, and of the finer scale in it."""


class DeepLabOnResNet(SmpSegmenter):
    """Random weights, or those of a checkpoint for PyTorch."""

    side_multiple = _STRIDE
    habits = Habits(
        source="as its checkpoints for PyTorch were trained (github.com/VainF/DeepLabV3Plus-Pytorch)",
        batch_size=16,
        optimiser="sgd",
        learning_rate=0.01,
        weight_decay=1e-4,
        class_weights="none",
    )
    published: Mapping[str, str] = {
        "backbone.": "encoder.",
        "classifier.project.": "decoder.block1.",
        "classifier.aspp.": "decoder.aspp.",
        "classifier.classifier.3.": "segmentation_head.0.",
        "classifier.classifier.": "decoder.block2.",
    }

    def __init__(self, depth: int) -> None:
        self._encoder = f"resnet{depth}"
        self.name = f"deeplabv3plus-{self._encoder}"
        self.about = f"DeepLabV3+ (arXiv:1802.02611) on ResNet-{depth}, of segmentation_models_pytorch"

    def build(self, n_classes: int) -> nn.Module:
        """The package's, with what the published ones have otherwise."""
        made = _make(self._encoder, n_classes, decoder_aspp_separable=False, decoder_aspp_dropout=0.1)
        decoder, first = made.decoder, made.encoder.layer4[0].conv2
        decoder.aspp = decoder.aspp[0]
        joined = nn.Conv2d(_N_FEATURES + _N_FINE, _N_FEATURES, 3, padding=1, bias=False)
        nn.init.kaiming_uniform_(joined.weight, nonlinearity="relu")
        decoder.block2[0] = joined
        decoder.up = nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False)
        made.segmentation_head[1] = nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False)
        # torchvision's ResNets, on which the published ones stand, dilate a stage from its second block on.
        first.dilation = first.padding = (1, 1)
        assert isinstance(made, nn.Module)
        return made

    def rename(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published one joins the finer scale first, the package last."""
        renamed, joined = super().rename(found), found.get("classifier.classifier.0.weight")
        if joined is not None:
            renamed["decoder.block2.0.weight"] = joined.roll(-_N_FINE, dims=1)
        return renamed


class DeepLabOnLite0(Segmenter):
    """All but the encoder begins at random."""

    name = "deeplabv3plus-lite0"
    about = (
        "DeepLabV3+ (arXiv:1802.02611) on EfficientNet-Lite0, of segmentation_models_pytorch, begun with "
        "weights of ImageNet"
    )
    side_multiple = _STRIDE
    habits = Habits(source="ours, tried on CamVid")
    heads = ("body.segmentation_head.",)

    def build(self, n_classes: int) -> nn.Module:
        """As the package makes it, with separable convolutions."""
        return lite0.Lite0Net(_make(lite0.ENCODER, n_classes))


def _make(encoder: str, n_classes: int, **options: Any) -> Any:
    demand(EXTRA)
    from segmentation_models_pytorch import DeepLabV3Plus

    return DeepLabV3Plus(
        encoder,
        encoder_weights=None,
        encoder_output_stride=_STRIDE,
        decoder_atrous_rates=_RATES,
        classes=n_classes,
        **options,
    )


RESNET50, RESNET101, LITE0 = DeepLabOnResNet(50), DeepLabOnResNet(101), DeepLabOnLite0()
