"""A small fully convolutional network that finds a part's pixels and the normal of its labelled face.

An encoder of four strides and a decoder with added skips (the shape of U-Net, Ronneberger et al. 2015, and of
feature pyramids, Lin et al. 2017). No coordinates go in, so a part looks the same wherever it lies; its
normal is therefore learnt and given in axes that look along the part's own line of sight.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 16
_CELLS = 9
_MIN_DEVIATION = 0.1


class WitnessNet(nn.Module):
    """Images [N,3,H,W] in −1..1 to mask logits [N,1,H,W] and unit normals (u, v, w) [N,3,H,W].

    n_filters: width of the first stage; the following have 2, 4 and 6 times as many. Any H and W: what does
    not divide by STRIDE is padded inside.
    """

    def __init__(self, n_filters: int = 16) -> None:
        super().__init__()
        widths = [n_filters, 2 * n_filters, 4 * n_filters, 6 * n_filters]
        self.stem = _conv(3, widths[0], stride=2)
        self.stages = nn.ModuleList(
            nn.Sequential(_conv(a, b, stride=2), _Residual(b)) for a, b in pairwise(widths)
        )
        self.narrows = nn.ModuleList(nn.Conv2d(b, a, 1, bias=False) for a, b in pairwise(widths))
        self.merges = nn.ModuleList(_conv(a, a) for a in widths[:-1])
        self.mask_head = nn.Sequential(nn.Conv2d(widths[0], 4, 3, padding=1), nn.PixelShuffle(2))
        self.normal_head = nn.Sequential(_conv(widths[2], widths[2]), nn.Conv2d(widths[2], 3, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mask logits [N,1,H,W] and unit normals [N,3,H,W], u right, v up, w towards the camera."""
        height, width = images.shape[-2:]
        padding = (0, -width % STRIDE, 0, -height % STRIDE)
        maps = self._encode(_standardise(functional.pad(images, padding, mode="replicate")))
        x = maps.pop()
        for i in reversed(range(len(maps))):
            x = functional.interpolate(self.narrows[i](x), scale_factor=2.0, mode="bilinear")
            x = self.merges[i](x + maps[i])
            if i == 2:
                normals = self.normal_head(x)  # [N,3,H/8,W/8]
        logits = self.mask_head(x)  # [N,1,H,W]
        normals = functional.interpolate(normals.float(), scale_factor=8.0, mode="bilinear")
        normals = functional.normalize(normals, dim=1)
        return logits.float()[..., :height, :width], normals[..., :height, :width]

    def features(self, images: Tensor) -> Tensor:
        """What images look like to the encoder, [N,D]: mean and deviation of its first three maps over a
        whole image. Here images are not standardised, so gain and colour show.
        """
        maps = self._encode(images)[:3]
        flat = [m.float().flatten(2) for m in maps]
        return torch.cat([f.mean(dim=2) for f in flat] + [f.std(dim=2) for f in flat], dim=1)

    def _encode(self, images: Tensor) -> list[Tensor]:
        """Maps at 1/2, 1/4, 1/8 and 1/16 of the size."""
        maps = [self.stem(images)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps


def _standardise(images: Tensor) -> Tensor:
    """Images with mean 0 and deviation 1 over _CELLS · STRIDE pixels around each place, channels as one.

    Gain, offset and shading are taken away before anything is learnt of them; channels keep their relation,
    or another colour would look like another contrast. Means are those of whole cells, interpolated.
    """
    cells = functional.avg_pool2d(torch.cat([images, images.square()], dim=1), STRIDE)
    around = functional.avg_pool2d(cells, _CELLS, stride=1, padding=_CELLS // 2, count_include_pad=False)
    maps = functional.interpolate(around, images.shape[-2:], mode="bilinear").chunk(2, dim=1)
    mean, square = (m.mean(dim=1, keepdim=True) for m in maps)
    return (images - mean) / ((square - mean.square()).clamp_min(0).sqrt() + _MIN_DEVIATION)


class _Residual(nn.Module):
    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.first = _conv(n_channels, n_channels)
        self.second = nn.Sequential(
            nn.Conv2d(n_channels, n_channels, 3, padding=1, bias=False), nn.BatchNorm2d(n_channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


def _conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )
