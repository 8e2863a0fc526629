"""PatchGAN discriminators (Isola et al. 2017): each score judges one patch, 70×70 pixels with three stages.

C64-C128-C256-C512 and a convolution to one channel, 4×4 each, instance norm but for the first, leaky ReLU 0.2
(Zhu et al. 2017, appendix 7.2). Several scales: the same network again on images halved by averaging (Wang et
al. 2018, section 3.2), so that its patches reach twice as far. With planes of a label map beside the image
and spectral norm it is SPADE's (Park et al. 2019, appendix A), which counts the layer without a stride as a
fourth.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from synth.errors import InputError
from synth.networks.architecture import DiscriminatorShape
from synth.networks.layers import PUBLISHED_SIGMA, at_least_float32

__all__ = ["DiscriminatorShape", "make_discriminator"]

_MOST_FILTERS = 8
"""A stage has at most this many times the filters of the first."""


def make_discriminator(
    shape: DiscriminatorShape, *, n_in: int = 3, rng: torch.Generator | None = None
) -> "PatchDiscriminator":
    """A fresh discriminator: images [N,n_in,H,W] in −1..1 to float32 score maps [N,1,h,w], one a scale.

    Scores are raw, without sigmoid. It raises InputError for images under `min_side_px`. n_in: channels of an
    image and of what stands beside it. rng: draws the weights (on the CPU); None: torch's global generator
    does.
    """
    discriminator = PatchDiscriminator(shape, n_in)
    with torch.no_grad():
        for module in discriminator.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.normal_(0, PUBLISHED_SIGMA, generator=rng)
                if module.bias is not None:
                    module.bias.zero_()
    return discriminator


def normalise_spectrally(discriminator: nn.Module) -> None:
    """Divide the weights of every convolution by their largest singular value (Miyato et al. 2018), which
    one step of power iteration at each forward pass in train mode estimates.
    """
    for module in list(discriminator.modules()):
        if isinstance(module, nn.Conv2d):
            spectral_norm(module)


class PatchDiscriminator(nn.Module):
    """What `make_discriminator` makes."""

    def __init__(self, shape: DiscriminatorShape, n_in: int) -> None:
        super().__init__()
        self.shape = shape
        self.scales = nn.ModuleList(_patch_layers(shape, n_in) for _ in range(shape.n_scales))

    def forward(self, images: Tensor) -> list[Tensor]:
        """The score maps."""
        return [stages[-1] for stages in self.look(images)]

    def look(self, images: Tensor) -> list[list[Tensor]]:
        """Of each scale, what every stage gives, the score map last."""
        height, width = images.shape[2:]
        if min(height, width) < self.shape.min_side_px:
            raise InputError(
                f"this discriminator needs images of at least {self.shape.min_side_px} pixels a side, got "
                f"{width}×{height}: take larger patches, or fewer layers or scales"
            )
        scales = []
        for i, layers in enumerate(self.scales):
            if i:
                images = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
            scales.append(_look_through(layers, images))
        return scales


def _look_through(layers: nn.Module, x: Tensor) -> list[Tensor]:
    stages = []
    for layer in layers.children():
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            stages.append(x)
    return [*stages, at_least_float32(x)]


def _patch_layers(shape: DiscriminatorShape, n_in: int) -> nn.Sequential:
    n = shape.n_filters
    layers: list[nn.Module] = [nn.Conv2d(n_in, n, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    for i in range(1, shape.n_layers + 1):
        n_in, n = n, shape.n_filters * min(2**i, _MOST_FILTERS)
        stride = 2 if i < shape.n_layers else 1
        layers += [
            nn.Conv2d(n_in, n, 4, stride=stride, padding=1, bias=False),
            nn.InstanceNorm2d(n),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    return nn.Sequential(*layers, nn.Conv2d(n, 1, 4, padding=1))
