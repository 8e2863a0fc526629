"""The generator of the CycleGAN paper (Zhu et al. 2017, appendix 7.2), with instance norm or batch norm.

c7s1-64, d128, d256, R256 × n, u128, u64, c7s1-3, tanh. Mirrored borders at the 7×7 convolutions and in
blocks, zeros at the strided ones, as its authors have it. Convolutions before a norm have no bias: the norm
takes it away.
"""

import math

import torch
from torch import Tensor, nn

from synth.networks.architecture import GeneratorShape
from synth.networks.layers import PUBLISHED_SIGMA, SKIP_SIGMA, check_images, to_picture


class PublishedGenerator(nn.Module):
    """Images [N,3,H,W] in −1..1 to the same, float32; kinds `batch` and `instance`."""

    def __init__(self, shape: GeneratorShape) -> None:
        super().__init__()
        self.shape = shape
        n = shape.n_filters
        norm = nn.BatchNorm2d if shape.kind == "batch" else nn.InstanceNorm2d
        layers = _conv(3, n, 7, norm)
        for i in (n, 2 * n):
            down = nn.Conv2d(i, 2 * i, 3, stride=2, padding=1, bias=False)
            layers += [down, norm(2 * i), nn.ReLU(inplace=True)]
        layers += [_Block(4 * n, norm) for _ in range(shape.n_blocks)]
        for i in (4 * n, 2 * n):
            up = nn.ConvTranspose2d(i, i // 2, 3, stride=2, padding=1, output_padding=1, bias=False)
            layers += [up, norm(i // 2), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.last = nn.Conv2d(n, 3, 7, padding=3, padding_mode="reflect")

    def forward(self, images: Tensor) -> Tensor:
        check_images(images)
        base = images if self.shape.skip else None
        return to_picture(self.last(self.layers(images)), base, clamp=not self.training)

    @torch.no_grad()
    def draw_weights(self, rng: torch.Generator | None) -> None:
        """Fresh weights as published: normal with a spread of 0.02, gains of norms around 1.

        With a skip the last ones are smaller.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.normal_(0, PUBLISHED_SIGMA, generator=rng)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.normal_(1, PUBLISHED_SIGMA, generator=rng)
                module.bias.zero_()
        if self.shape.skip:
            self.last.weight.mul_(SKIP_SIGMA / (PUBLISHED_SIGMA * math.sqrt(self.last.weight[0].numel())))


class _Block(nn.Module):
    def __init__(self, n: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_conv(n, n, 3, norm), *_conv(n, n, 3, norm)[:2])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y


def _conv(n_in: int, n_out: int, kernel_px: int, norm: type[nn.Module]) -> list[nn.Module]:
    padding = kernel_px // 2
    conv = nn.Conv2d(n_in, n_out, kernel_px, padding=padding, padding_mode="reflect", bias=False)
    return [conv, norm(n_out), nn.ReLU(inplace=True)]
