"""A discriminator with several heads on one feature map, after SYN-MTGAN (section 3.3) and SOD-MTGAN.

Four convolutions of stride 2 and one of stride 1 give a map of 1/16 of the image's side, with instance norm
but for the first, leaky ReLU 0.2. Each head begins with a convolution of its own: ``adversarial`` ends there,
one score a cell; ``class`` is averaged over the map, ``localisation`` over 4×4 parts of it, since a mean over
all of it would not know where anything is; both then have two fully connected layers. So any side of 32
pixels and more will do, where fully connected layers on the map itself would fix it.
"""

from collections.abc import Callable, Collection
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synth.errors import InputError
from synth.networks.layers import PUBLISHED_SIGMA, at_least_float32

HeadName = Literal["adversarial", "class", "localisation"]
HEADS: tuple[HeadName, ...] = get_args(HeadName)

MIN_SIDE_PX = 32

_N_STRIDED = 4
_MOST_FILTERS = 8
_CELLS = 4
_MIDDLE = (1 / 6, 1 / 6, 5 / 6, 5 / 6)
"""The box that a fresh localisation head gives: that of a crop with a context of 1.5."""


class Findings(NamedTuple):
    """What a discriminator says of images; None of a head that it has not.

    scores: [N,1,h,w], a list of one, as `networks.adversarial` takes them. classes: logits [N,K]. boxes:
    [N,4], xyxy in fractions of the image's side.
    """

    scores: list[Tensor] | None
    classes: Tensor | None
    boxes: Tensor | None


class MultiTaskDiscriminator(nn.Module):
    """Images [N,3,H,W] in −1..1 to `Findings`, float32.

    n_filters: of the first convolution; the following have 2, 4 and 8 times as many. rng: draws the weights,
    on the CPU. Raises InputError for images under `MIN_SIDE_PX`.
    """

    def __init__(
        self, n_filters: int, heads: Collection[HeadName], n_classes: int, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.trunk = _make_trunk(n_filters)
        n = n_filters * _MOST_FILTERS
        makers: dict[HeadName, Callable[[], nn.Module]] = {
            "adversarial": lambda: nn.Conv2d(n, 1, 3, padding=1),
            "class": lambda: _Pooled(n, 1, n_classes),
            "localisation": lambda: _Pooled(n, _CELLS, 4),
        }
        self.heads = nn.ModuleDict({name: makers[name]() for name in HEADS if name in heads})
        self._draw_weights(rng)

    def forward(self, images: Tensor) -> Findings:
        if min(images.shape[2:]) < MIN_SIDE_PX:
            height, width = images.shape[2:]
            raise InputError(
                f"this discriminator needs images of at least {MIN_SIDE_PX} pixels a side, got "
                f"{width}×{height}: take larger crops"
            )
        features = self.trunk(images)  # [N,C,H/16,W/16]
        scores, classes, boxes = (
            at_least_float32(self.heads[name](features)) if name in self.heads else None for name in HEADS
        )
        return Findings(None if scores is None else [scores], classes, boxes)

    @torch.no_grad()
    def _draw_weights(self, rng: torch.Generator) -> None:
        """As published where norms follow and for scores; by He et al. 2015 in heads, which have no norms."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                is_plain = name.startswith("trunk") or name == "heads.adversarial"
                sigma = PUBLISHED_SIGMA if is_plain else (2 / module.weight[0].numel()) ** 0.5
                module.weight.normal_(0, sigma, generator=rng)
                if module.bias is not None:
                    module.bias.zero_()
        if "localisation" in self.heads:
            last = self.heads.get_submodule("localisation.last")
            last.get_parameter("weight").mul_(0.1)
            last.get_parameter("bias").copy_(torch.tensor(_MIDDLE))


def _make_trunk(n_filters: int) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(3, n_filters, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    n = n_filters
    for _ in range(1, _N_STRIDED):
        n_in, n = n, 2 * n
        layers += [nn.Conv2d(n_in, n, 4, stride=2, padding=1, bias=False), *_norm(n)]
    return nn.Sequential(*layers, nn.Conv2d(n, n, 3, padding=1, bias=False), *_norm(n))


def _norm(n: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(n), nn.LeakyReLU(0.2, inplace=True)


class _Pooled(nn.Module):
    """A convolution, a mean over cells², two fully connected layers."""

    def __init__(self, n: int, n_cells: int, n_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n, n, 3, padding=1)
        self.middle = nn.Linear(n * n_cells**2, n)
        self.last = nn.Linear(n, n_out)
        self.n_cells = n_cells

    def forward(self, features: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(features), 0.2)
        x = F.adaptive_avg_pool2d(x, self.n_cells).flatten(1)
        out: Tensor = self.last(F.leaky_relu(self.middle(x), 0.2))
        return out
