"""A synthesizer says how cut-outs are laid on a background (Tripathi et al. 2019, figure 6, A.1 and A.2).

One backbone looks at each cut-out and at the background; a branch goes on from each; a regressor takes both.
Three things are not in the article. The last layer's numbers are kept within −1 to 1 by tanh, where it clamps
them. Of several cut-outs each is regressed by itself; the mean of what the branch finds of the others is
added to what the other branch finds of the background. And there is noise, one number for each that is given:
it stands beside the features before the regressor, and is added to what comes out,
u = tanh(r(features, noise) + w · artanh(noise)).

The last layer begins with 0 and w with 1, so that u = noise at first: of noise 0 everything is laid in the
middle as it was taken, and of noise that is uniform in −1 to 1 it is laid as `random` lays it. From there on
it learns where to go; to narrow to a point it would have to unlearn w.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from synth.compute.checkpoint import load_state, load_weights
from synth.errors import InputError
from synth.networks.architecture import SynthesizerShape, SynthesizerSize

_GAIN: dict[SynthesizerSize, float] = {"digits": 0.4, "pictures": 2**0.5, "small": 2**0.5}
"""Of Xavier's initial weights; that of digits is the article's."""

_NEAR_ONE = 1 - 1e-6
_VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0)
"""Channels of convolutions, 0 for a pooling: VGG-16 (Simonyan and Zisserman 2015) to its fourth pooling."""

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Synthesizer(nn.Module):
    """Cut-outs [N,K,4,S,S], background [N,3,S,S] and noise [N,K,P] in −1 to 1 to unit coordinates [N,K,P].

    Cut-outs: sRGB 0 to 1 on black, and coverage. It raises InputError for pictures of another side than
    ``shape.side_px``.
    """

    def __init__(self, shape: SynthesizerShape) -> None:
        super().__init__()
        self.shape, n = shape, shape.n_parameters
        parts = {"digits": _digits, "pictures": _pictures, "small": _small}[shape.size](shape.dropout)
        self.backbone, self.features = parts.backbone, parts.features
        self.cutout_branch, self.background_branch = parts.branch(), parts.branch()
        first, *hidden = parts.widths
        layers: list[nn.Module] = []
        for a, b in pairwise((first + n, *hidden)):
            layers += [nn.Linear(a, b), nn.ReLU(inplace=True), parts.norm(b), nn.Dropout(shape.dropout)]
        self.regressor = nn.Sequential(*layers)
        self.last = nn.Linear(hidden[-1], n)
        self.noise_weight = nn.Parameter(torch.ones(n))

    def forward(self, cutouts: Tensor, backgrounds: Tensor, noise: Tensor) -> Tensor:
        n, k = cutouts.shape[:2]
        if cutouts.shape[-2:] != 2 * (self.shape.side_px,):
            raise InputError(
                f"this synthesizer looks at pictures of {self.shape.side_px} px a side, got "
                f"{cutouts.shape[-1]}×{cutouts.shape[-2]}"
            )
        own = self.cutout_branch(self.backbone(self._see(cutouts.flatten(0, 1))))
        own = own.reshape(n, k, *own.shape[1:])
        others = (own.sum(dim=1, keepdim=True) - own) / max(k - 1, 1)
        opaque = torch.cat([backgrounds, torch.ones_like(backgrounds[:, :1])], dim=1)
        scene = self.background_branch(self.backbone(self._see(opaque)))[:, None] + others
        features = self.features(torch.cat([own, scene], dim=2).flatten(0, 1)).flatten(1)  # [N·K,F]
        flat = noise.flatten(0, 1)
        raw = self.last(self.regressor(torch.cat([features, flat], dim=1)))
        spread = self.noise_weight * flat.clamp(-_NEAR_ONE, _NEAR_ONE).atanh()
        unit: Tensor = (raw + spread).tanh()
        return unit.reshape(n, k, -1)

    def _see(self, rgba: Tensor) -> Tensor:
        """As the backbone takes them: grey, RGB as networks of ImageNet take it, or with coverage."""
        if self.shape.size == "digits":
            return rgba[:, :3].mean(dim=1, keepdim=True)
        if self.shape.size == "pictures":
            mean, std = (rgba.new_tensor(v)[:, None, None] for v in (_IMAGENET_MEAN, _IMAGENET_STD))
            return (rgba[:, :3] - mean) / std
        return rgba


def make_synthesizer(shape: SynthesizerShape, seed: int, backbone: Path | None = None) -> Synthesizer:
    """A fresh synthesizer; weights depend on the seed alone, but for the backbone's where a file has them.

    backbone: a local state dict of torchvision's ``vgg16_bn``, as safetensors or by torch.save, for
    ``pictures`` alone. Raises InputError where it does not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = Synthesizer(shape)
        for module in made.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight, gain=_GAIN[shape.size])
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.zeros_(made.last.weight)
    if backbone is not None:
        _load_backbone(made, backbone)
    return made


def _load_backbone(made: Synthesizer, path: Path) -> None:
    if made.shape.size != "pictures":
        raise InputError(
            f"a synthesizer of the size {made.shape.size} takes no weights of ImageNet: leave {path} out"
        )
    found = load_weights(path)[0] if path.suffix == ".safetensors" else load_state(path)
    own = made.backbone.state_dict()
    theirs = {key: found.get(f"features.{key}") for key in own}
    wrong = [key for key, tensor in theirs.items() if getattr(tensor, "shape", None) != own[key].shape]
    if wrong:
        raise InputError(
            f"{path} does not fit: it has no features.{wrong[0]} of the shape {list(own[wrong[0]].shape)}: "
            "give a state dict of torchvision's vgg16_bn"
        )
    made.backbone.load_state_dict(theirs)


@dataclass(frozen=True)
class _Parts:
    """What differs between sizes. widths: features that the regressor takes, then its hidden layers'."""

    backbone: nn.Module
    branch: Callable[[], nn.Module]
    features: nn.Module
    widths: tuple[int, ...]
    norm: Callable[[int], nn.Module]


def _digits(dropout: float) -> _Parts:
    """A.1, for 40 px: of two branches, as the 40 channels ask that come together."""

    def layer(n_in: int, n_out: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(n_in, n_out, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(n_out), nn.Dropout2d(dropout)
        )

    backbone = nn.Sequential(
        nn.Conv2d(1, 10, 5),
        nn.MaxPool2d(3, 2),
        nn.BatchNorm2d(10),
        nn.ReLU(inplace=True),
        nn.Dropout2d(dropout),
    )
    return _Parts(
        backbone,
        lambda: nn.Sequential(layer(10, 20), layer(20, 20)),
        nn.Sequential(layer(40, 20), layer(20, 20)),
        (1620, 50, 20),
        nn.BatchNorm1d,
    )


def _pictures(_dropout: float) -> _Parts:
    """A.2, and before the 64 features that are regressed a global pooling, which the listing leaves out."""

    def layer(n_in: int, n_out: int, side: int, padding: int) -> list[nn.Module]:
        return [nn.Conv2d(n_in, n_out, side, padding=padding), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]

    convolutions: list[nn.Module] = []
    n_in = 3
    for n_out in _VGG16:
        convolutions += layer(n_in, n_out, 3, 1) if n_out else [nn.MaxPool2d(2)]
        n_in = n_out or n_in
    return _Parts(
        nn.Sequential(*convolutions),
        lambda: nn.Sequential(*layer(512, 256, 3, 0), *layer(256, 256, 3, 0), nn.Conv2d(256, 20, 3)),
        nn.Sequential(
            nn.Conv2d(40, 64, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(64),
            nn.Conv2d(64, 64, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(64),
            nn.AdaptiveAvgPool2d(1),
        ),
        (64, 128, 128),
        nn.BatchNorm1d,
    )


def _small(_dropout: float) -> _Parts:
    """Strided convolutions with norms that are the same whatever else is in the batch."""

    def layer(n_in: int, n_out: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.GroupNorm(4, n_out), nn.ReLU(inplace=True)
        )

    return _Parts(
        nn.Sequential(layer(4, 16), layer(16, 32)),
        lambda: layer(32, 32),
        layer(64, 32),
        (512, 64, 64),
        nn.LayerNorm,
    )
