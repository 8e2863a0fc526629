"""A network that is never trained, so that what its features say means the same in every run and project."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_WIDTHS = (32, 64, 96)
_SEED = 0


class FixedNet(nn.Module):
    """Three strided convolutions with random weights of a fixed seed: a bank of filters at three scales.

    Random convolutions keep colour, contrast, sharpness and texture apart without having learnt any task, and
    need no download.
    """

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(_SEED)
        layers = []
        for n_in, n_out in zip((3, *_WIDTHS), _WIDTHS, strict=False):
            layer = nn.Conv2d(n_in, n_out, 5, stride=2, padding=2)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            assert layer.bias is not None
            nn.init.normal_(layer.bias, std=0.3, generator=generator)
            layers.append(layer)
        self.layers = nn.ModuleList(layers)
        self.eval().requires_grad_(False)

    def features(self, images: Tensor) -> Tensor:
        """Mean and deviation of each map over images [N,3,H,W] in −1..1: [N,D]."""
        found = []
        x = images
        for layer in self.layers:
            x = functional.relu(layer(x))
            flat = x.flatten(2)
            found += [flat.mean(dim=2), flat.std(dim=2)]
        return torch.cat(found, dim=1)
