"""Networks that read one surface normal from one crop, by name."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from synth.errors import InputError

NORMAL_NETS = ("paper", "resnet18")

_STAGES = 3
_KERNEL_PX = 3


class PaperNormalNet(nn.Module):
    """Crops [N,3,S,S] in −1..1 to unit (u, v, w) [N,3].

    Three stages of convolution, ReLU and max-pooling, then dense layers whose three values are normalised
    (section 5.1 of the paper, whose Annex B does not say the widths; 16, 32, 64 and 128 are ours). side_px:
    the S it is made for, a multiple of 8.
    """

    def __init__(self, side_px: int) -> None:
        super().__init__()
        if side_px < 8 or side_px % 2**_STAGES:
            raise InputError(f"the side of a crop must be a multiple of {2**_STAGES} pixels, got {side_px}")
        widths = [3, 16, 32, 64]
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(a, b, _KERNEL_PX, padding=_KERNEL_PX // 2), nn.ReLU(), nn.MaxPool2d(2)
                )
                for a, b in pairwise(widths)
            )
        )
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(64 * (side_px // 2**_STAGES) ** 2, 128), nn.ReLU(), nn.Linear(128, 3)
        )

    def forward(self, crops: Tensor) -> Tensor:
        return functional.normalize(self.dense(self.stages(crops)).float(), dim=1)


class BackboneNormalNet(nn.Module):
    """The same with torchvision's ResNet-18 (He et al. 2016), random weights, any S from 32 on."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet18

        self.backbone = resnet18(weights=None, num_classes=3)

    def forward(self, crops: Tensor) -> Tensor:
        return functional.normalize(self.backbone(crops).float(), dim=1)


def make_normal_net(name: str, side_px: int, seed: int) -> nn.Module:
    """A fresh network; weights depend on the seed alone, channels last, which a CPU convolves faster.

    Raises InputError for an unknown name.
    """
    if name not in NORMAL_NETS:
        raise InputError(f"there is no network {name!r}: choose one of {', '.join(NORMAL_NETS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: nn.Module = PaperNormalNet(side_px) if name == "paper" else BackboneNormalNet()
    return net.to(memory_format=torch.channels_last)
