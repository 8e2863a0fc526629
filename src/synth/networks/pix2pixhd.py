"""pix2pixHD's generators (Wang et al. 2018, section 3.2 and appendix): coarse to fine, with instance norm.

c7s1-64, d128, d256, d512, d1024, R1024 × 9, u512, u256, u128, u64, c7s1-3, tanh. Round it, for twice the
size, a local enhancer: c7s1-32, d64, R64 × 3, u32, c7s1-3, whose d64 is added to what the inner generator's
u64 gives. Borders are mirrored. Where the article has transposed convolutions, which leave grids, maps are
doubled by the nearest pixel and then convolved (Odena et al. 2016), with as many weights. Convolutions before
a norm have no bias: the norm takes it away.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.networks.architecture import Pix2PixHDShape
from synth.networks.layers import PUBLISHED_SIGMA, at_least_float32
from synth.networks.spade import Pyramid


class Pix2PixHDGenerator(nn.Module):
    """Planes [N,P,H,W] to float32 pictures [N,3,H,W] in −1..1. It has no styles.

    Raises InputError for sides that are no multiples of ``shape.multiple_px``.
    """

    n_style = 0

    def __init__(self, shape: Pix2PixHDShape, n_planes: int) -> None:
        super().__init__()
        self.multiple_px, n = shape.multiple_px, shape.n_filters
        self.inner = make_body(n_planes, n, shape.n_halvings, shape.n_blocks)
        self.finest = n
        self.front: nn.Module | None = None
        if shape.n_enhancer_blocks:
            self.finest = n // 2
            self.front = nn.Sequential(*conv(n_planes, n // 2, 7), *halve(n // 2, n))
            blocks = [ResidualBlock(n) for _ in range(shape.n_enhancer_blocks)]
            self.back = nn.Sequential(*blocks, *double(n, n // 2))
        self.last = nn.Conv2d(self.finest, 3, 7, padding=3, padding_mode="reflect")
        draw_published(self)

    def forward(self, planes: Tensor, style: Tensor | None = None) -> Tensor:
        height, width = planes.shape[2:]
        resized = Pyramid(planes, self.multiple_px)
        if self.front is None:
            x = self.inner(planes)
        else:
            x = self.back(self.front(planes) + self.inner(resized.at((height // 2, width // 2))))
        return torch.tanh(at_least_float32(self.last(x)))


class ResidualBlock(nn.Module):
    """x + two 3×3 convolutions with instance norm, a ReLU between them."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*conv(n, n, 3), *conv(n, n, 3)[:2])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y


class Doubled(nn.Module):
    """[N,C,h,w] to [N,C,2h,2w] by the nearest pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="nearest")


def make_body(n_planes: int, n: int, n_halvings: int, n_blocks: int) -> nn.Sequential:
    """The global generator without its last convolution: planes to [N,n,H,W]."""
    layers = conv(n_planes, n, 7)
    for i in range(n_halvings):
        layers += halve(n * 2**i, n * 2 ** (i + 1))
    layers += [ResidualBlock(n * 2**n_halvings) for _ in range(n_blocks)]
    for i in reversed(range(n_halvings)):
        layers += double(n * 2 ** (i + 1), n * 2**i)
    return nn.Sequential(*layers)


def conv(n_in: int, n_out: int, kernel_px: int) -> list[nn.Module]:
    """A convolution that keeps the size, instance norm, ReLU."""
    padding = kernel_px // 2
    layer = nn.Conv2d(n_in, n_out, kernel_px, padding=padding, padding_mode="reflect", bias=False)
    return [layer, nn.InstanceNorm2d(n_out), nn.ReLU(inplace=True)]


def halve(n_in: int, n_out: int) -> list[nn.Module]:
    """A strided 3×3 convolution, instance norm, ReLU."""
    layer = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False)
    return [layer, nn.InstanceNorm2d(n_out), nn.ReLU(inplace=True)]


def double(n_in: int, n_out: int) -> list[nn.Module]:
    """Doubling, a 3×3 convolution, instance norm, ReLU."""
    return [Doubled(), *conv(n_in, n_out, 3)]


@torch.no_grad()
def draw_published(net: nn.Module) -> None:
    """Fresh weights by torch's global generator, normal with a spread of 0.02, biases 0."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=PUBLISHED_SIGMA)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
