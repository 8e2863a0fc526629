"""OASIS: a generator of SPADE blocks fed with noise, and a discriminator that tells classes of pixels.

Schönfeld et al. 2021 ("You Only Need Adversarial Supervision for Semantic Image Synthesis"). The
discriminator is a U-Net with one class more than the maps have: of pixels that are painted. It sees no map;
to be right about a real picture it must read it, and so it teaches the generator what a class looks like
without a perceptual loss.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synth.networks.architecture import SpadeShape
from synth.networks.layers import at_least_float32
from synth.networks.spade import SLOPE, Pyramid, SpadeBlock, draw_xavier

_WIDTHS = (16, 16, 16, 8, 4, 2, 1)
"""Channels before the first block and after each, in n_filters."""

_DOWN = (2, 2, 4, 4, 8, 8)
"""Channels after each block on the way down, in n_filters: 128 to 512 as published."""

_LAST = 1


class OasisGenerator(nn.Module):
    """Planes [N,P,H,W] and styles [N,n_style] to float32 pictures [N,3,H,W] in −1..1.

    The style stands beside the planes of every pixel, at every norm and where the generator begins. No style
    given: the mean one, 0. Raises InputError for sides that are no multiples of ``shape.multiple_px``.
    """

    def __init__(self, shape: SpadeShape, n_planes: int) -> None:
        super().__init__()
        self.n_style, self.multiple_px = shape.n_style, shape.multiple_px
        n_in, n = n_planes + shape.n_style, shape.n_filters
        self.first = nn.Conv2d(n_in, _WIDTHS[0] * n, 3, padding=1)
        blocks = [SpadeBlock(a * n, b * n, n_in, shape) for a, b in pairwise(_WIDTHS)]
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(n, 3, 3, padding=1)
        draw_xavier(self)
        for block in blocks:
            block.normalise_spectrally()

    def forward(self, planes: Tensor, style: Tensor | None = None) -> Tensor:
        n, _, height, width = planes.shape
        if style is None:
            style = planes.new_zeros(n, self.n_style)
        everywhere = style[:, :, None, None].expand(-1, -1, height, width)
        resized = Pyramid(torch.cat([everywhere.to(planes.dtype), planes], dim=1), self.multiple_px)
        x = self.first(resized.at((height // self.multiple_px, width // self.multiple_px)))
        for i, block in enumerate(self.blocks):
            if i:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(x, resized.at(x.shape[2:]))
        return torch.tanh(at_least_float32(self.last(F.leaky_relu(x, SLOPE))))


class SegmentationDiscriminator(nn.Module):
    """Pictures [N,3,H,W] in −1..1 to float32 logits [N,C+1,H,W]: each class, then "painted".

    Six residual blocks down, six up, joined across; spectral norm alone. H and W: multiples of 64.
    """

    def __init__(self, n_filters: int, n_classes: int) -> None:
        super().__init__()
        down = [3, *(k * n_filters for k in _DOWN)]
        blocks = [_Block(a, b, scale=0.5, is_first=a == 3) for a, b in pairwise(down)]
        self.down = nn.ModuleList(blocks)
        up, n = [], down[-1]
        for i in reversed(range(len(_DOWN))):
            n_out = down[i] if i else _LAST * n_filters
            up.append(_Block(n, n_out, scale=2))
            n = 2 * n_out  # What comes across has as many channels.
        self.up = nn.ModuleList(up)
        self.last = nn.Conv2d(_LAST * n_filters, n_classes + 1, 1)
        draw_xavier(self)
        for block in (*blocks, *up):
            block.normalise_spectrally()

    def forward(self, images: Tensor) -> Tensor:
        across = []
        x = images
        for block in self.down:
            x = block(x)
            across.append(x)
        for i, block in enumerate(self.up):
            x = block(x if i == 0 else torch.cat([across[-1 - i], x], dim=1))
        return at_least_float32(self.last(x))


class _Block(nn.Module):
    """Two times leaky ReLU and 3×3 convolution beside a 1×1 shortcut, and the halving or doubling.

    is_first: of pictures, whose values are not cut by a ReLU before the first convolution.
    """

    def __init__(self, n_in: int, n_out: int, *, scale: float, is_first: bool = False) -> None:
        super().__init__()
        self.scale, self.is_first = scale, is_first
        self.convs = nn.ModuleList(
            [nn.Conv2d(n_in, n_out, 3, padding=1), nn.Conv2d(n_out, n_out, 3, padding=1)]
        )
        self.shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else None

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.is_first else F.leaky_relu(x, SLOPE)
        if self.scale == 2:
            x, y = (F.interpolate(t, scale_factor=2, mode="nearest") for t in (x, y))
        for i, conv in enumerate(self.convs):
            y = conv(F.leaky_relu(y, SLOPE) if i else y)
        total: Tensor = y + (x if self.shortcut is None else self.shortcut(x))
        return F.avg_pool2d(total, 2) if self.scale < 1 else total

    def normalise_spectrally(self) -> None:
        """Every convolution."""
        for conv in (*self.convs, self.shortcut):
            if conv is not None:
                spectral_norm(conv)


def class_balanced_loss(logits: Tensor, planes: Tensor) -> Tensor:
    """−E[α_c log p_c] over pixels of a class c: what "real" means pixel by pixel (equations 1 and 2).

    logits: [N,C+1,H,W]. planes: [N,C,H,W], 1 on the class of a pixel; void, 0 in all, is left out. α_c: all
    pixels with a class over those of c in the batch, over the number of classes shown, so that rare classes
    count as much and the mean α is 1.
    """
    known = planes.sum(dim=1)
    count = planes.sum(dim=(0, 2, 3))
    shown = (count > 0).sum().clamp(min=1)
    alpha = known.sum() / (count.clamp(min=1) * shown)  # [C]
    log_p = at_least_float32(logits).log_softmax(dim=1)[:, :-1]
    total = (log_p * planes * alpha[:, None, None]).sum()
    return -total / known.sum().clamp(min=1)


def painted_loss(logits: Tensor, planes: Tensor) -> Tensor:
    """−E[log p_(C+1)] over pixels with a class: what to say of a painting (equation 1)."""
    known = planes.sum(dim=1)
    log_p = at_least_float32(logits).log_softmax(dim=1)[:, -1]
    return -(log_p * known).sum() / known.sum().clamp(min=1)


def draw_label_mix(planes: Tensor, rng: torch.Generator) -> Tensor:
    """M [N,1,H,W] of 0 and 1: each class of each map, void too, is taken whole from the real picture, or not.

    Section 3.2: borders of the mixed picture follow those of classes. rng: on the planes' device.
    """
    n, n_classes = planes.shape[:2]
    coins = torch.randint(2, (n, n_classes + 1, 1, 1), generator=rng, device=planes.device)
    void = 1 - planes.sum(dim=1, keepdim=True)
    return (torch.cat([planes, void], dim=1) * coins).sum(dim=1, keepdim=True)


def label_mix_loss(mixed: Tensor, real: Tensor, fake: Tensor, mask: Tensor) -> Tensor:
    """E[(D(LabelMix(x, x̂, M)) − LabelMix(D(x), D(x̂), M))²] (equation 4).

    mixed, real, fake: logits [N,C+1,H,W] of the mixed picture and of both others. mask: M.
    """
    return F.mse_loss(mixed, mask * real + (1 - mask) * fake)
