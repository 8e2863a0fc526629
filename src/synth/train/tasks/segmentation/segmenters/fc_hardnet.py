"""FC-HarDNet-70 (Chao et al. 2019, arXiv:1909.00948), by the numbers that are published of it.

Four convolutions of 3 × 3 bring a picture down to a quarter, five harmonic blocks to 1/64, four go back up to
a quarter with a skip at each step; 70 convolutions, all of 3 × 3 or 1 × 1. Published: 4.1 million weights,
35.4 billion products at 1024 × 2048.

The article's numbers leave open how corners are aligned when a map is enlarged (here they meet), and in which
order maps are joined (here the nearest layer first, and what was enlarged before its skip). The authors'
checkpoint fits by names and shapes; what it says here could not be tried, as the file was not at hand.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.train.tasks.segmentation.segmenters.segmenter import Habits, Segmenter
from synth.train.tasks.segmentation.segmenters.weights import fit, read

_STEM = ((16, 2), (24, 1), (32, 2), (48, 1))
"""Width and stride of each convolution."""

_LEVELS = ((4, 10, 64), (4, 16, 96), (8, 18, 160), (8, 24, 224), (8, 32, 320))
"""Layers and growth of each block, and the width that a 1 × 1 convolution brings it to."""

_WIDENING = 1.7
"""The article's m: by how much each further link makes a layer wider."""


def list_links(layer: int) -> list[int]:
    """The layers that one reads: layer − 2^i for every i whose 2^i divides it. They count from 1; 0 is what
    comes in.
    """
    return [layer - 2**i for i in range(layer.bit_length()) if layer % 2**i == 0]


def _find_width(growth: int, layer: int) -> int:
    """Channels of a layer, an even number."""
    return (int(growth * _WIDENING ** (len(list_links(layer)) - 1)) + 1) // 2 * 2


def _conv(a: int, b: int, side: int = 1, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(a, b, side, stride, side // 2, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)
    )


class HarmonicBlock(nn.Module):
    """[N,n_in,H,W] to [N,n_out,H,W]: of its layers the odd ones and the last come out.

    n_out: their channels together.
    """

    def __init__(self, n_in: int, n_layers: int, growth: int) -> None:
        super().__init__()
        layers = range(1, n_layers + 1)
        widths = [n_in, *(_find_width(growth, layer) for layer in layers)]
        self.layers = nn.ModuleList(
            _conv(sum(widths[link] for link in list_links(layer)), widths[layer], 3) for layer in layers
        )
        self._out = [layer for layer in layers if layer % 2 or layer == n_layers]
        self.n_out = sum(widths[layer] for layer in self._out)

    def forward(self, x: Tensor) -> Tensor:
        said = [x]
        for i, layer in enumerate(self.layers, start=1):
            said.append(layer(torch.cat([said[link] for link in list_links(i)], dim=1)))
        return torch.cat([said[layer] for layer in self._out], dim=1)


class FCHarDNet(nn.Module):
    """Normalised pictures [N,3,H,W], sides multiples of 64, to logits [N,C,H,W]."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        stem, n = [], 3
        for width, stride in _STEM:
            stem.append(_conv(n, width, 3, stride))
            n = width
        self.stem = nn.Sequential(*stem)
        self.down, self.narrow = nn.ModuleList(), nn.ModuleList()
        skips = []
        for n_layers, growth, width in _LEVELS:
            block = HarmonicBlock(n, n_layers, growth)
            self.down.append(block)
            self.narrow.append(_conv(block.n_out, width))
            skips.append(block.n_out)
            n = width
        self.join, self.up = nn.ModuleList(), nn.ModuleList()
        for (n_layers, growth, _), skip in zip(_LEVELS[-2::-1], skips[-2::-1], strict=True):
            self.join.append(_conv(n + skip, (n + skip) // 2))
            block = HarmonicBlock((n + skip) // 2, n_layers, growth)
            self.up.append(block)
            n = block.n_out
        self.head = nn.Conv2d(n, n_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        x, skips = self.stem(images), list[Tensor]()
        for block, narrow in zip(self.down, self.narrow, strict=True):
            if skips:
                x = functional.avg_pool2d(x, 2)
            skips.append(block(x))
            x = narrow(skips[-1])
        for join, block, skip in zip(self.join, self.up, skips[-2::-1], strict=True):
            x = block(join(torch.cat([_to_size(x, skip.shape[2:]), skip], dim=1)))
        return _to_size(self.head(x), images.shape[2:])


def _to_size(x: Tensor, size_hw: Sequence[int]) -> Tensor:
    return functional.interpolate(x, torch.Size(size_hw), mode="bilinear", align_corners=True)


_PUBLISHED = re.compile(r"(base|conv1x1_up|denseBlocksUp)\.(\d+)\.(layers\.\d+\.)?(conv|norm)\.(\w+)")
_PLACES = {"conv1x1_up": "join.{}", "denseBlocksUp": "up.{}", "conv": "0", "norm": "1"}
_FIRST = "stem.0.0.weight"


def rename_published(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published tensors under our names; those of another layout as they are.

    They were learnt from pictures whose channels stand as blue, green, red
    (github.com/PingoLH/FCHarDNet/issues/11), ours as red, green, blue: so the first convolution's are turned.
    """
    parts = {key: match for key in found if (match := _PUBLISHED.fullmatch(key))}
    if not parts:
        return dict(found)
    levels = [f"{part}.{i}" for i in range(len(_LEVELS)) for part in ("down", "narrow")]
    way_down = [f"stem.{i}" for i in range(len(_STEM))] + levels
    steps = sorted({int(match[2]) for match in parts.values() if match[1] == "base"})
    places = dict(zip(steps, way_down, strict=False))  # Poolings have a number there, and no tensors.
    renamed = {
        key.replace("finalConv.", "head."): tensor for key, tensor in found.items() if key not in parts
    }
    for key, match in parts.items():
        part, number, layer, kind, end = match.groups(default="")
        place = places.get(int(number), key) if part == "base" else _PLACES[part].format(number)
        renamed[f"{place}.{layer}{_PLACES[kind]}.{end}"] = found[key]
    if _FIRST in renamed:
        renamed[_FIRST] = renamed[_FIRST].flip(1)
    return renamed


class FCHarDNet70(Segmenter):
    """As `FCHarDNet`; its authors' checkpoint is taken as it is."""

    name = "fc-hardnet-70"
    about = "FC-HarDNet-70 (arXiv:1909.00948), written here from its published numbers"
    side_multiple = 64
    habits = Habits(
        source="its article's optimiser and loss",
        optimiser="sgd",
        learning_rate=0.02,
        weight_decay=5e-4,
        loss="bootstrapped",
        class_weights="none",
    )
    heads = ("head.",)

    def build(self, n_classes: int) -> nn.Module:
        """As `FCHarDNet`."""
        return FCHarDNet(n_classes)

    def load_pretrained(self, net: nn.Module, path: Path) -> None:
        """Its authors' layout, or synth's own."""
        fit(net, rename_published(read(path)), path, self.heads)


FC_HARDNET_70 = FCHarDNet70()
