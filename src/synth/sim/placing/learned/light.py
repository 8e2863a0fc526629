"""`synth.sim.colour` and a blur for tensors that gradients pass."""

from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

_REACH = 3
"""A blur's kernel goes so many spreads far."""

_LEAST_SIGMA_PX = 1e-3


def to_linear(srgb: Tensor) -> Tensor:
    """Linear light 0–1 of sRGB-coded values 0–1 [...]."""
    bright = ((srgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(srgb <= 0.04045, srgb / 12.92, bright)


def to_srgb(linear: Tensor) -> Tensor:
    """sRGB-coded values of linear light [...]; light below 0 and above 1 is clipped."""
    x = linear.clamp(0, 1)
    bright = 1.055 * x.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(x <= 0.0031308, 12.92 * x, bright)


def blur(pictures: Tensor, sigma_xy_px: Tensor, most_px: float) -> Tensor:
    """Gaussian blur of pictures [B,C,H,W], each by its own spreads [B,2] along x and y; nothing beyond edges.

    most_px: the largest spread that there can be: it fixes how far the kernel goes. 0 blurs nothing.
    """
    reach = reach_px(most_px)
    if not reach:
        return pictures
    steps = torch.arange(-reach, reach + 1, dtype=pictures.dtype, device=pictures.device)
    spread = sigma_xy_px.clamp(min=_LEAST_SIGMA_PX)[..., None]
    kernels = (-0.5 * (steps / spread) ** 2).softmax(dim=-1)[..., None, None, None]  # [B,2,taps,1,1,1]
    for axis, kernel in ((3, kernels[:, 0]), (2, kernels[:, 1])):
        n = pictures.shape[axis]
        wide = functional.pad(pictures, (reach, reach) if axis == 3 else (0, 0, reach, reach))
        # Tap by tap: on CPUs several times as fast as a convolution of a kernel for each picture.
        pictures = kernel[:, 0] * wide.narrow(axis, 0, n)
        for i in range(1, 2 * reach + 1):
            pictures = torch.addcmul(pictures, kernel[:, i], wide.narrow(axis, i, n))
    return pictures


def reach_px(sigma_px: float) -> int:
    """How far a blur's kernel goes to each side."""
    return ceil(_REACH * sigma_px)
