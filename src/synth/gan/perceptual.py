"""The perceptual loss: painted pictures are held to real ones by the features of a frozen network.

VGG19 with weights of ImageNet is what the articles have (Wang et al. 2018, section 3.3). Its weights come in
no package, so without a file of them EfficientNet-Lite0 stands in, whose weights do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.gan.perceptual_words import LITE0, NONE
from synth.networks.matching import perceptual_loss
from synth.train.models.state_dict import read_tensors
from synth.train.tasks.segmentation.segmenters import SEGMENTERS

_LAYER_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of the five layers, each half as large as the one before (Wang et al. 2018)."""

_VGG19 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)
"""Channels of convolutions, 0 for a pooling, to the first of stage five (Simonyan and Zisserman 2015)."""

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class PerceptualLoss:
    """net: pictures [N,3,H,W] in −1..1 to five activations, the finest first. It never learns."""

    net: nn.Module

    def loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """How much the features of two pictures [N,3,H,W] of one scene differ."""
        with torch.no_grad():
            seen_real = self.net(real)
        return perceptual_loss(seen_real, self.net(fake), _LAYER_WEIGHTS)


def make_perceptual_loss(which: str) -> PerceptualLoss | None:
    """By `LITE0`, `NONE` or a path; raises InputError for a file that does not fit or a missing package."""
    if which == NONE:
        return None
    net = _Lite0() if which == LITE0 else _Vgg19(Path(which))
    return PerceptualLoss(net.eval().requires_grad_(False))


class _Lite0(nn.Module):
    """The encoder that comes with a segmenter; it takes pictures in −1..1 as they are."""

    def __init__(self) -> None:
        super().__init__()
        made: Any = SEGMENTERS["deeplabv3plus-lite0"].build(1)
        self.encoder = made.body.encoder

    def forward(self, images: Tensor) -> Sequence[Tensor]:
        stages: Sequence[Tensor] = self.encoder(images)[1:]
        return stages


class _Vgg19(nn.Module):
    def __init__(self, path: Path) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in = 3
        for n in _VGG19:
            layers += [nn.Conv2d(n_in, n, 3, padding=1), nn.ReLU()] if n else [nn.MaxPool2d(2)]
            n_in = n or n_in
        self.layers = nn.Sequential(*layers)
        if not path.is_file():
            raise InputError(
                f"there are no weights of VGG19 at {path}: perceptual is {LITE0}, {NONE} or a file"
            )
        found = read_tensors(path)
        own = self.layers.state_dict()
        theirs = {key: found.get(f"features.{key}") for key in own}
        wrong = [key for key, tensor in theirs.items() if getattr(tensor, "shape", None) != own[key].shape]
        if wrong:
            raise InputError(
                f"{path} does not fit: it has no features.{wrong[0]} of the shape "
                f"{list(own[wrong[0]].shape)}: give a state dict of torchvision's vgg19"
            )
        self.layers.load_state_dict(theirs)

    def forward(self, images: Tensor) -> Sequence[Tensor]:
        mean, std = (images.new_tensor(v)[:, None, None] for v in (_IMAGENET_MEAN, _IMAGENET_STD))
        x = ((images + 1) / 2 - mean) / std
        seen, is_first = [], True
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.ReLU) and is_first:
                seen.append(x)
                is_first = False
            is_first = is_first or isinstance(layer, nn.MaxPool2d)
        return seen
