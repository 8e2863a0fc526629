"""SPADE: a generator whose norms are told by the label map what to do where (Park et al. 2019).

A map comes as planes [N,P,H,W]: one a class, 1 where the pixel is of it (none, where it is void), and what
else is known of each pixel. ::

    h' = (h − μ_c) / σ_c · (1 + γ(map)) + β(map)          equation 1, its scale counted from 1

μ_c, σ_c: of a channel over the batch. γ and β come from two convolutions over the map, resized to where the
norm stands; or, with the affine ``class``, are one number a channel and class, by a 1×1 convolution: the idea
of CLADE (Tan et al. 2021), which costs next to nothing. Convolutions of blocks have spectral norm. Enlarging
is by the nearest pixel.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synth.errors import InputError
from synth.networks.architecture import Affine, SpadeShape
from synth.networks.layers import at_least_float32

SLOPE = 0.2
"""Of leaky ReLUs."""

XAVIER_GAIN = 0.02
"""Of first weights (Glorot and Bengio 2010)."""

_WIDTHS = (16, 16, 16, 8, 4, 2, 1)
"""Channels after each block, in n_filters."""

_ENCODER_WIDTHS = (1, 2, 4, 8, 8, 8)
_ENCODER_SIDE_PX = 256


class SpatialNorm(nn.Module):
    """Batch norm whose scale and shift the map decides: x [N,n,h,w] and its planes [N,P,h,w] to the same."""

    def __init__(self, n: int, n_planes: int, affine: Affine, n_hidden: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n, affine=False)
        self.affine: nn.Module
        if affine == "class":
            self.affine = nn.Conv2d(n_planes, 2 * n, 1)
        else:
            self.affine = nn.Sequential(
                nn.Conv2d(n_planes, n_hidden, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.Conv2d(n_hidden, 2 * n, 3, padding=1),
            )
        self._is_folded = False

    def forward(self, x: Tensor, planes: Tensor) -> Tensor:
        scale, shift = self.affine(planes).chunk(2, dim=1)
        if self._is_folded:
            return torch.addcmul(shift, x, scale)
        y: Tensor = self.norm(x) * (1 + scale) + shift
        return y

    @torch.no_grad()
    def fold(self) -> None:
        """Lay batch norm's statistics, as they stand, into the last convolution over the map; once.

        h' = h · (1 + γ) / σ + β − μ · (1 + γ) / σ, both of whose factors that convolution then gives.
        """
        conv: nn.Conv2d = self.affine[-1] if isinstance(self.affine, nn.Sequential) else self.affine  # type: ignore[assignment]
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert variance is not None
        assert conv.bias is not None
        scale, shift = conv.weight.chunk(2)
        scale_0, shift_0 = conv.bias.chunk(2)
        inverse = torch.rsqrt(variance + self.norm.eps)
        scale, scale_0 = scale * inverse[:, None, None, None], (1 + scale_0) * inverse
        shift, shift_0 = shift - mean[:, None, None, None] * scale, shift_0 - mean * scale_0
        conv.weight.copy_(torch.cat([scale, shift]))
        conv.bias.copy_(torch.cat([scale_0, shift_0]))
        self._is_folded = True


class SpadeBlock(nn.Module):
    """Two times norm, leaky ReLU, convolution, beside a shortcut (Park et al. 2019, figure 4).

    [N,n_in,h,w] to [N,n_out,h,w]; the middle has the lesser number of channels. Where the numbers differ, the
    shortcut is a norm and a 1×1 convolution.
    """

    def __init__(self, n_in: int, n_out: int, n_planes: int, shape: SpadeShape) -> None:
        super().__init__()
        middle = min(n_in, n_out)

        def norm(n: int) -> SpatialNorm:
            return SpatialNorm(n, n_planes, shape.affine, shape.n_hidden)

        self.norms = nn.ModuleList([norm(n_in), norm(middle)])
        self.convs = nn.ModuleList(
            [nn.Conv2d(n_in, middle, 3, padding=1), nn.Conv2d(middle, n_out, 3, padding=1)]
        )
        self.shortcut_norm = norm(n_in) if n_in != n_out else None
        self.shortcut_conv = nn.Conv2d(n_in, n_out, 1, bias=False) if n_in != n_out else None

    def forward(self, x: Tensor, planes: Tensor) -> Tensor:
        shortcut = x
        if self.shortcut_norm is not None and self.shortcut_conv is not None:
            shortcut = self.shortcut_conv(self.shortcut_norm(x, planes))
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = conv(F.leaky_relu(norm(x, planes), SLOPE))
        return shortcut + x

    def normalise_spectrally(self) -> None:
        """Every convolution but those over the map."""
        for conv in (*self.convs, self.shortcut_conv):
            if conv is not None:
                spectral_norm(conv)


class SpadeGenerator(nn.Module):
    """Planes [N,P,H,W], and styles [N,n_style] where it has any, to float32 pictures [N,3,H,W] in −1..1.

    Without a style the map itself, resized, is where it begins; with one it begins with a linear layer, so
    the first, small map has the proportions of ``size_wh``, the pictures that it learns from; of others it is
    stretched. No style given: the mean one, 0. Raises InputError for sides that are no multiples of
    ``shape.multiple_px``.
    """

    def __init__(self, shape: SpadeShape, n_planes: int, size_wh: tuple[int, int]) -> None:
        super().__init__()
        self.n_style, self.multiple_px, n = shape.n_style, shape.multiple_px, shape.n_filters
        self.shape = shape
        self.first_size_hw = (size_wh[1] // shape.multiple_px, size_wh[0] // shape.multiple_px)
        first = _WIDTHS[0] * n
        height, width = self.first_size_hw
        self.first: nn.Module = (
            nn.Linear(shape.n_style, first * height * width)
            if shape.n_style
            else nn.Conv2d(n_planes, first, 3, padding=1)
        )
        widths = [first, *(k * n for k in _WIDTHS)]
        blocks = [SpadeBlock(a, b, n_planes, shape) for a, b in pairwise(widths)]
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(n, 3, 3, padding=1)
        draw_xavier(self)
        for block in blocks:
            block.normalise_spectrally()

    def forward(self, planes: Tensor, style: Tensor | None = None) -> Tensor:
        resized = Pyramid(planes, self.shape.multiple_px)
        height, width = (side // self.shape.multiple_px for side in planes.shape[2:])
        if self.shape.n_style:
            if style is None:
                style = planes.new_zeros(len(planes), self.shape.n_style)
            x = self.first(style).unflatten(1, (-1, *self.first_size_hw))
            if self.first_size_hw != (height, width):
                x = F.interpolate(x, (height, width), mode="bilinear", align_corners=False)
        else:
            x = self.first(resized.at((height, width)))
        for i, block in enumerate(self.blocks):
            x = block(x, resized.at(x.shape[2:]))
            if i in _doubled_after(self.shape.n_doublings):
                x = F.interpolate(x, scale_factor=2, mode="nearest")
        return torch.tanh(at_least_float32(self.last(F.leaky_relu(x, SLOPE))))


class StyleEncoder(nn.Module):
    """Pictures [N,3,H,W] in −1..1, resized to 256×256, to mean and log variance of a style, [N,n] each.

    Six strided 3×3 convolutions, 64 to 512 channels, with instance norm (Park et al. 2019, appendix A).
    """

    def __init__(self, n_filters: int, n_style: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in = 3
        for k in _ENCODER_WIDTHS:
            n = k * n_filters
            conv = nn.Conv2d(n_in, n, 3, stride=2, padding=1)
            layers += [conv, nn.InstanceNorm2d(n), nn.LeakyReLU(SLOPE, inplace=True)]
            n_in = n
        self.layers = nn.Sequential(*layers)
        side = _ENCODER_SIDE_PX // 2 ** len(_ENCODER_WIDTHS)
        self.last = nn.Linear(n_in * side**2, 2 * n_style)
        draw_xavier(self)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        side = (_ENCODER_SIDE_PX, _ENCODER_SIDE_PX)
        x = self.layers(F.interpolate(images, side, mode="bilinear", align_corners=False))
        mean, log_variance = at_least_float32(self.last(x.flatten(1))).chunk(2, dim=1)
        return mean, log_variance


class Pyramid:
    """Planes [N,P,H,W] at the sizes at which they are asked for, each resized once, by the nearest pixel.

    Raises InputError for sides that are no multiples of ``multiple_px``.
    """

    def __init__(self, planes: Tensor, multiple_px: int) -> None:
        height, width = planes.shape[2:]
        if height % multiple_px or width % multiple_px or not height or not width:
            raise InputError(
                f"this generator paints maps whose sides are multiples of {multiple_px} px, got "
                f"{width}×{height}: scale or pad them"
            )
        self._by_size = {(height, width): planes}
        self._planes = planes

    def at(self, size_hw: tuple[int, ...]) -> Tensor:
        """[N,P,h,w]."""
        height, width = size_hw
        if (height, width) not in self._by_size:
            self._by_size[height, width] = F.interpolate(self._planes, (height, width), mode="nearest-exact")
        return self._by_size[height, width]


@torch.no_grad()
def draw_xavier(net: nn.Module) -> None:
    """Fresh weights by torch's global generator, biases 0."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_normal_(module.weight, gain=XAVIER_GAIN)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def kl_loss(mean: Tensor, log_variance: Tensor) -> Tensor:
    """E[½ Σ (μ² + σ² − 1 − log σ²)]: how far styles, [N,n], lie from N(0, 1) (Kingma and Welling 2014)."""
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)
    return divergence.sum(dim=1).mean()


def _doubled_after(n_doublings: int) -> tuple[int, ...]:
    """Blocks, counted from 0, after which the map is doubled; never after the last."""
    return (0, 2, 3, 4, 5) if n_doublings == 5 else (0, 1, 2, 3, 4, 5)
