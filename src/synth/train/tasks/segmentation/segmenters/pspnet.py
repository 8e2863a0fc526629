"""PSPNet (Zhao et al. 2017, arXiv:1612.01105) of segmentation_models_pytorch.

Its article's: the last two stages of the encoder are dilated by 2 and 4, so that features stay at 1/8; means
over 1, 2, 3 and 6 cells a side beside them; then one map that is enlarged eightfold. Not its article's: the
auxiliary loss after the last stage but one is left out, and all layers learn at one rate. The article leaves
sizes of kernels open; its authors' net joins the pyramid by a convolution of 3 × 3, the package by one of
1 × 1, and the package's level of one cell has no normalisation.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from synth.extras import demand
from synth.train.tasks.segmentation.segmenters import lite0
from synth.train.tasks.segmentation.segmenters.segmenter import Habits, Segmenter
from synth.train.tasks.segmentation.segmenters.smp import EXTRA, SmpSegmenter

_STRIDE = 8


class PSPNetOnResNet(SmpSegmenter):
    """On ResNet-50, as the article's experiments with ADE20K, with random weights."""

    name = "pspnet-resnet50"
    about = "PSPNet (arXiv:1612.01105) on a dilated ResNet-50, of segmentation_models_pytorch"
    side_multiple = _STRIDE
    habits = Habits(
        source="its article's optimiser and batch",
        batch_size=16,
        optimiser="sgd",
        learning_rate=0.01,
        weight_decay=1e-4,
        class_weights="none",
    )
    published: Mapping[str, str] = {"backbone.": "encoder."}

    def build(self, n_classes: int) -> nn.Module:
        """Of 512 features."""
        made = _make("resnet50", n_classes)
        assert isinstance(made, nn.Module)
        return made


class PSPNetOnLite0(Segmenter):
    """Ours, for who has no GPU; all but the encoder begins at random."""

    name = "pspnet-lite0"
    about = (
        "PSPNet (arXiv:1612.01105) on a dilated EfficientNet-Lite0, of segmentation_models_pytorch, begun "
        "with weights of ImageNet"
    )
    side_multiple = _STRIDE
    habits = Habits(source="ours, as DeepLabV3+ on Lite0")
    heads = ("body.segmentation_head.",)

    def build(self, n_classes: int) -> nn.Module:
        """Of 512 features."""
        return lite0.Lite0Net(_make(lite0.ENCODER, n_classes))


def _make(encoder: str, n_classes: int) -> Any:
    demand(EXTRA)
    from segmentation_models_pytorch import PSPNet

    return PSPNet(
        encoder,
        encoder_weights=None,
        encoder_depth=5,
        output_stride=_STRIDE,
        psp_dropout=0.1,
        classes=n_classes,
        upsampling=_STRIDE,
    )


RESNET50, LITE0 = PSPNetOnResNet(), PSPNetOnLite0()
