"""Random looks for labelled patches: whatever a camera, a lamp or a coat of paint could change, and no shape.

Part and surroundings are recoloured apart from each other, so that a witness cannot lean on the colour of
either.
"""

import torch
from torch import Tensor
from torch.nn import functional

_GREY_AXIS = 3**-0.5


def vary_look(images: Tensor, masks: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Patches [N,3,S,S] in −1..1 under another look each; nothing moves.

    masks: [N,1,S,S], 1 on the part. generator: on the CPU. strength: 0 changes nothing, 1 spreads gains by a
    quarter, hues over the whole circle and noise up to 13 counts of 255.
    """
    draw = _Draw(len(images), generator, images.device)
    rgb = (images.float() + 1) / 2
    part = functional.avg_pool2d(masks, 3, stride=1, padding=1, count_include_pad=False)
    rgb = part * _recolour(rgb, draw, strength) + (1 - part) * _recolour(rgb, draw, strength)
    light = functional.interpolate(
        draw.normal(1, 4, 4, sigma=0.2 * strength).exp(), rgb.shape[-2:], mode="bilinear"
    )
    rgb = rgb * light
    mean = rgb.mean(dim=(1, 2, 3), keepdim=True)
    rgb = (rgb - mean) * draw.normal(sigma=0.25 * strength).exp() + mean + draw.normal(sigma=0.06 * strength)
    rgb = rgb + draw.uniform(-0.6 * strength, strength) * (_blur(rgb) - rgb)
    noise = draw.normal(*rgb.shape[1:], sigma=1.0)
    noise = torch.lerp(noise, 2 * _blur(noise), draw.uniform(0, 1))
    return (rgb + noise * draw.uniform(0, 0.05 * strength)).clamp(0, 1) * 2 - 1


def _recolour(rgb: Tensor, draw: "_Draw", strength: float) -> Tensor:
    """Gain, white balance, gamma, hue and saturation of a whole patch."""
    gain = (draw.normal(sigma=0.25 * strength) + draw.normal(3, 1, 1, sigma=0.12 * strength)).exp()
    rgb = (rgb * gain).clamp(1e-4, 1.5) ** draw.normal(sigma=0.25 * strength).exp()
    turn = _hue_rotation(draw.uniform(-torch.pi, torch.pi) * draw.happens(0.5 * min(strength, 1.0)))
    grey = rgb.mean(dim=1, keepdim=True)
    saturation = 1 + draw.uniform(-0.9, 0.4) * min(strength, 1.0)
    return grey + saturation * (torch.einsum("nij,njhw->nihw", turn, rgb) - grey)


def _hue_rotation(angle: Tensor) -> Tensor:
    """Rotation [N,3,3] of RGB about the grey axis by angles [N,1,1,1] (Rodrigues)."""
    a = _GREY_AXIS
    cross = torch.tensor([[0, -a, a], [a, 0, -a], [-a, a, 0]], device=angle.device)
    angle = angle[:, 0]
    eye = torch.eye(3, device=angle.device)
    return eye + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)


def _blur(rgb: Tensor) -> Tensor:
    """Patches blurred with σ = 1.4 px."""
    taps = torch.exp(-(torch.arange(-3, 4, device=rgb.device) ** 2) / (2 * 1.4**2))
    taps = (taps / taps.sum()).repeat(3, 1)
    padded = functional.pad(rgb, (3, 3, 3, 3), mode="replicate")
    rows = functional.conv2d(padded, taps[:, None, None], groups=3)
    return functional.conv2d(rows, taps[:, None, :, None], groups=3)


class _Draw:
    """Random numbers, one set an image, broadcast over what their shape leaves out."""

    def __init__(self, n: int, generator: torch.Generator, device: torch.device) -> None:
        self._n, self._generator, self._device = n, generator, device

    def normal(self, *shape: int, sigma: float) -> Tensor:
        numbers = torch.randn(self._n, *(shape or (1, 1, 1)), generator=self._generator)
        return numbers.to(self._device) * sigma

    def uniform(self, low: float, high: float) -> Tensor:
        numbers = torch.rand(self._n, 1, 1, 1, generator=self._generator)
        return numbers.to(self._device) * (high - low) + low

    def happens(self, probability: float) -> Tensor:
        return (self.uniform(0, 1) < probability).float()
