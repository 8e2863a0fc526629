"""Demodulated convolution (StyleGAN2, Karras et al. 2020, section 2.2), fast, and its slow literal twin.

With weights w_ijk (i input channel, j filter, k place in the kernel)::

    σ_j    = √( Σ_ik w_ijk² )                      equation 2
    w'_ijk = w_ijk / √( Σ_ik w_ijk² + ε )          equation 3

Inputs of unit variance give outputs of unit variance, whatever the weights: what instance norm enforces on
each image's activations, this enforces on weights alone. There is no style: the s of equation 1 is 1.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.errors import InputError

PaddingMode = Literal["reflect", "zeros"]

SKIP_SIGMA = 0.05
"""Spread of what the fresh last convolution of a generator with a skip adds to its input."""

EPS = 1e-8
"""ε of equation 3."""

WEIGHT_SIGMA = 0.1
"""Spread of fresh demodulated weights. It has no effect on outputs, but Adam's steps are absolute, so it sets
how fast directions turn. At the published 0.02 a rate of 5e-4 drives tanh into saturation within 20 steps."""

PUBLISHED_SIGMA = 0.02
"""Spread of fresh weights of the published networks (Zhu et al. 2017, appendix 7.1)."""

MIN_SIDE_PX = 8
SIDE_STEP_PX = 4
"""Two strided stages halve a side twice; what is left must be wide enough to be mirrored."""


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32, or in float64 where it is so already."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def check_images(images: Tensor) -> None:
    """Raise InputError for images [N,C,H,W] that a generator cannot take."""
    n_channels, height, width = images.shape[1:]
    if n_channels != 3 or height % SIDE_STEP_PX or width % SIDE_STEP_PX or min(height, width) < MIN_SIDE_PX:
        raise InputError(
            f"a generator takes RGB images whose sides are multiples of {SIDE_STEP_PX} from {MIN_SIDE_PX} "
            f"on, got {n_channels} channels of {width}×{height}: pad or crop them"
        )


def to_picture(x: Tensor, images: Tensor | None, *, clamp: bool) -> Tensor:
    """What a last convolution gives, [N,3,H,W], as a picture: tanh of it, or added to ``images``.

    clamp: cut a sum off at −1 and 1. While a generator learns it is not, so that no gradient is lost there;
    real images keep within, and by that discriminators tell.
    """
    x = at_least_float32(x)
    if images is None:
        return torch.tanh(x)
    total = images.to(x.dtype) + x
    return total.clamp(-1, 1) if clamp else total


def pad(x: Tensor, width_px: int, mode: PaddingMode) -> Tensor:
    """[N,C,H,W] with a border of ``width_px`` on every side, mirrored or of zeros."""
    if width_px == 0:
        return x
    border = (width_px,) * 4
    return F.pad(x, border, mode="reflect") if mode == "reflect" else F.pad(x, border)


class DemodulatedConv2d(nn.Module):
    """gain · (demodulated convolution + bias), the fast form.

    Weights are normalised once a call, then the convolution is a plain one.

    padding_px: border added on every side. gain: of the activation that follows, about √2
    before a leaky ReLU (which commutes with it). Weights are normalised in float32 whatever the activations'
    type.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel_px: int,
        *,
        stride: int = 1,
        padding_px: int = 0,
        padding_mode: PaddingMode = "reflect",
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.stride, self.padding_px, self.padding_mode, self.gain = stride, padding_px, padding_mode, gain
        self.weight = nn.Parameter(torch.empty(n_out, n_in, kernel_px, kernel_px))
        self.bias = nn.Parameter(torch.zeros(n_out))
        nn.init.normal_(self.weight, std=WEIGHT_SIGMA)

    def forward(self, x: Tensor) -> Tensor:
        """x: [N,n_in,H,W]. Returns [N,n_out,H',W'] in the type of x."""
        weight, bias = self._plain(at_least_float32(self.weight))
        return self._convolve(x, weight.to(x.dtype), bias.to(x.dtype))

    def fold(self) -> nn.Module:
        """The plain convolution that it equals."""
        weight, bias = self._plain(at_least_float32(self.weight.detach()))
        n_out, n_in, kernel_px, _ = weight.shape
        conv = nn.Conv2d(
            n_in,
            n_out,
            kernel_px,
            stride=self.stride,
            padding=self.padding_px,
            padding_mode=self.padding_mode,
        )
        return _filled(conv, weight, bias)

    def _plain(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        sigma2 = weight.square().sum(dim=(1, 2, 3), keepdim=True)
        return weight * (self.gain * (sigma2 + EPS).rsqrt()), self.gain * self.bias

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv2d(pad(x, self.padding_px, self.padding_mode), weight, bias, self.stride)


class DemodulatedUpConv2d(DemodulatedConv2d):
    """Enlarging twofold by nearest neighbour, then a demodulated 3×3 convolution, the fast form.

    Resizing first avoids checkerboards (Odena et al. 2016). Both together are one transposed convolution with
    stride 2, whose 4×4 kernel is the 3×3 one spread over the 2×2 pixels that share a value: 16 products an
    input pixel in place of 36, and no enlarged copy of the input. A mirrored border of the enlarged image is
    a repeated border of the small one.
    """

    def __init__(
        self, n_in: int, n_out: int, *, padding_mode: PaddingMode = "reflect", gain: float = 1.0
    ) -> None:
        super().__init__(n_in, n_out, 3, padding_px=1, padding_mode=padding_mode, gain=gain)

    def fold(self) -> nn.Module:
        """The plain transposed convolution that it equals, with its border."""
        weight, bias = self._plain(at_least_float32(self.weight.detach()))
        kernel = _spread(weight)
        n_in, n_out, kernel_px, _ = kernel.shape
        conv = nn.ConvTranspose2d(n_in, n_out, kernel_px, stride=2, padding=3)
        border = nn.ReplicationPad2d(1) if self.padding_mode == "reflect" else nn.ZeroPad2d(1)
        return nn.Sequential(border, _filled(conv, kernel, bias))

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="replicate") if self.padding_mode == "reflect" else pad(x, 1, "zeros")
        return F.conv_transpose2d(x, _spread(weight), bias, stride=2, padding=3)


class EqualisedConv2d(nn.Conv2d):
    """A plain convolution, mirrored at the border, whose weights are divided by √(inputs) at run time.

    Equalised learning rate (Karras et al. 2018, section 4.1): a step of Adam moves what comes out by as much
    whatever the number of inputs; without it, wide last layers drive tanh into saturation.
    """

    def __init__(self, n_in: int, n_out: int, kernel_px: int) -> None:
        super().__init__(n_in, n_out, kernel_px, padding=kernel_px // 2, padding_mode="reflect")
        self.gain = self.weight[0].numel() ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self._conv_forward(x, self.weight * self.gain, self.bias)
        return y

    def fold(self) -> nn.Module:
        """The plain convolution that it equals."""
        n_out, n_in, kernel_px, _ = self.weight.shape
        conv = nn.Conv2d(n_in, n_out, kernel_px, padding=kernel_px // 2, padding_mode="reflect")
        assert self.bias is not None
        return _filled(conv, self.weight.detach() * self.gain, self.bias)


def demodulated_conv2d_reference(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    stride: int = 1,
    padding_px: int = 0,
    padding_mode: PaddingMode = "reflect",
    gain: float = 1.0,
    enlarge: bool = False,
) -> Tensor:
    """Equations 2 and 3 word by word: what the fast forms are held against.

    x: [N,n_in,H,W]. weight: [n_out,n_in,K,K]. bias: [n_out]. enlarge: twice as large by nearest neighbour
    first.
    """
    sigma = torch.sqrt(torch.sum(weight**2, dim=(1, 2, 3)) + EPS)
    demodulated = weight / sigma[:, None, None, None]
    if enlarge:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
    y = F.conv2d(pad(x, padding_px, padding_mode), demodulated, stride=stride)
    return gain * (y + bias[None, :, None, None])


def _spread(weight: Tensor) -> Tensor:
    """[n_out,n_in,3,3] of a convolution after enlarging to [n_in,n_out,4,4] of the transposed one."""
    flipped = F.pad(weight.transpose(0, 1).flip(2, 3), (1, 1, 1, 1))
    rows = flipped[:, :, 1:] + flipped[:, :, :-1]
    return rows[..., 1:] + rows[..., :-1]


def _filled(conv: nn.Conv2d | nn.ConvTranspose2d, weight: Tensor, bias: Tensor) -> nn.Module:
    conv.weight = nn.Parameter(weight.contiguous())
    conv.bias = nn.Parameter(bias.detach().clone())
    return conv
