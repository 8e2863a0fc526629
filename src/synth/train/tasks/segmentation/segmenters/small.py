"""A small U-Net (Ronneberger et al. 2015) of separable convolutions, for two cores.

Residual blocks of depthwise separable convolutions (Chollet 2017) down to 1/32, the mean of the whole picture
added there (after ParseNet, Liu et al. 2015), and back up to 1/4 with a skip at each step; the widths are
ours.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.train.tasks.segmentation.segmenters.segmenter import Habits, Segmenter

_STEM = 24
_WIDTHS = (48, 96, 160, 224)
"""At 1/4, 1/8, 1/16 and 1/32."""

_N_BLOCKS = (1, 2, 3, 2)
_UP = 80


def _conv(a: int, b: int, side: int = 1, stride: int = 1) -> list[nn.Module]:
    """A convolution with its normalisation."""
    return [nn.Conv2d(a, b, side, stride, side // 2, bias=False), nn.BatchNorm2d(b)]


def _separable(a: int, b: int, stride: int = 1) -> list[nn.Module]:
    """Each channel by itself, 3 × 3, then all of them, 1 × 1."""
    return [nn.Conv2d(a, a, 3, stride, 1, groups=a, bias=False), nn.BatchNorm2d(a), nn.ReLU(), *_conv(a, b)]


class _Block(nn.Module):
    """Two separable convolutions beside a shortcut; ReLU after their sum."""

    def __init__(self, a: int, b: int, stride: int = 1) -> None:
        super().__init__()
        self.long = nn.Sequential(*_separable(a, b, stride), nn.ReLU(), *_separable(b, b))
        pool = [nn.AvgPool2d(stride)] if stride > 1 else []
        self.short = nn.Sequential(*pool, *_conv(a, b)) if pool or a != b else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.long(x) + self.short(x))


class SmallNet(nn.Module):
    """Normalised pictures [N,3,H,W], sides multiples of 32, to logits [N,C,H,W]."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv(3, _STEM, 3, 2), nn.ReLU())
        inputs = (_STEM, *_WIDTHS[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(_Block(a, b, 2), *(_Block(b, b) for _ in range(n - 1)))
            for a, b, n in zip(inputs, _WIDTHS, _N_BLOCKS, strict=True)
        )
        self.whole = nn.Conv2d(_WIDTHS[-1], _UP, 1)
        self.across = nn.ModuleList(nn.Sequential(*_conv(width, _UP)) for width in _WIDTHS)
        self.up = nn.ModuleList(_Block(_UP, _UP) for _ in _WIDTHS[:-1])
        self.head = nn.Conv2d(_UP, n_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x, skips = self.stem(images), list[Tensor]()
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        x = self.across[-1](x) + self.whole(x.mean(dim=(2, 3), keepdim=True))
        for i in reversed(range(len(self.up))):
            x = self.up[i](_to_size(x, skips[i].shape[2:]) + self.across[i](skips[i]))
        return _to_size(self.head(x), images.shape[2:])


def _to_size(x: Tensor, size_hw: Sequence[int]) -> Tensor:
    return functional.interpolate(x, torch.Size(size_hw), mode="bilinear", align_corners=False)


class Small(Segmenter):
    """Some 0.6 million weights."""

    name = "small"
    about = "a small U-Net of separable convolutions for two cores, ours"
    side_multiple = 32
    habits = Habits(source="ours, tried on CamVid")
    heads = ("head.",)

    def build(self, n_classes: int) -> nn.Module:
        """As `SmallNet`."""
        return SmallNet(n_classes)


SMALL = Small()
