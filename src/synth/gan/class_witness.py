"""Whether a translated instance can still be told from those of other classes: a frozen classifier says so.

A small network of its own learns from real and source train crops, their looks varied, and takes no part in
the translator's game, where every judge can be fooled. How often it is right on val crops stands beside what
it says.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synth.compute.checkpoint import load_weights, save_weights
from synth.errors import InputError
from synth.gan.crop_cutter import CropCutter
from synth.gan.methods.method import Rgb
from synth.gan.patches import from_u8
from synth.geometry.squares import cut, square_round
from synth.witness.augment import vary_look

_KIND = "class witness"
_BATCH = 64

_CELLS = 4
"""Parts of a crop's side that are told from one another. With one mean over all, which cannot tell left from
right, 43 of 100 real signs of another recording were read, so 78 (15 classes, 120 crops, 250 steps, one
seed)."""


@dataclass(frozen=True)
class ClassWitnessSettings:
    """How it learns. side_px: of the crops that it sees. shift, scale: their jitter (crops.jittered)."""

    n_filters: int = 16
    n_steps: int = 400
    batch_size: int = 32
    side_px: int = 64
    learning_rate: float = 3e-3
    look_strength: float = 0.5
    shift: float = 0.08
    scale: float = 1.15
    seed: int = 0


@dataclass(frozen=True)
class ClassError:
    """Shares of val crops whose class it tells, of so many; None where there are none."""

    real: float | None
    n_real: int
    source: float | None
    n_source: int


@dataclass(frozen=True, eq=False)
class ClassWitness:
    """A trained classifier, frozen, with what it gets right on val crops."""

    net: nn.Module
    classes: tuple[str, ...]
    settings: ClassWitnessSettings
    error: ClassError

    def read(self, rgb_u8: Rgb, boxes_xyxy_px: Sequence[Sequence[float]]) -> list[dict[str, float]]:
        """How likely it takes each instance of a frame [H,W,3] for which class, by its tight box."""
        if not boxes_xyxy_px:
            return []
        squares = [square_round(box) for box in boxes_xyxy_px]
        crops = np.stack([cut(rgb_u8, square, self.settings.side_px) for square in squares])
        shares = _tell(self.net, from_u8(crops))
        return [dict(zip(self.classes, row.tolist(), strict=True)) for row in shares]

    def save(self, path: Path) -> None:
        """One safetensors file; raises StorageError."""
        about = {"settings": asdict(self.settings), "classes": self.classes, "error": asdict(self.error)}
        metadata = {"kind": _KIND, **{key: json.dumps(value) for key, value in about.items()}}
        save_weights(path, self.net.state_dict(), metadata)


def load_class_witness(path: Path, device: torch.device) -> ClassWitness:
    """One that was saved; raises InputError for an absent, torn or foreign file."""
    tensors, metadata = load_weights(path)
    try:
        if metadata["kind"] != _KIND:
            raise ValueError
        settings = ClassWitnessSettings(**json.loads(metadata["settings"]))
        classes = tuple(json.loads(metadata["classes"]))
        net = _make_net(settings.n_filters, len(classes), torch.Generator())
        net.load_state_dict(tensors)
        net = net.to(device).eval().requires_grad_(False)
        return ClassWitness(net, classes, settings, ClassError(**json.loads(metadata["error"])))
    except (KeyError, TypeError, ValueError, RuntimeError) as problem:
        raise InputError(f"{path} is no class witness of this version: train it again") from problem


def train_class_witness(
    looks: Sequence[CropCutter],
    settings: ClassWitnessSettings,
    classes: tuple[str, ...],
    *,
    val: tuple[CropCutter | None, CropCutter | None],
    device: torch.device,
    on_step: Callable[[int], None] = lambda _step: None,
) -> ClassWitness:
    """Learn from train crops of several looks, as many of each; val: of real and of source.

    Equal arguments give equal witnesses on one machine.
    """
    rng = torch.Generator().manual_seed(settings.seed)
    net = _make_net(settings.n_filters, len(classes), rng).to(device).train()
    optimiser = torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, settings.n_steps)
    n_each = max(settings.batch_size // len(looks), 1)
    for step in range(settings.n_steps):
        chance = np.random.default_rng((settings.seed, step))
        drawn = [look.draw(n_each, chance) for look in looks]
        images = vary_look(
            torch.cat([crops.images for crops in drawn]),
            torch.cat([crops.masks for crops in drawn]),
            rng,
            settings.look_strength,
        )
        true = torch.cat([crops.labels.classes for crops in drawn])
        loss = functional.cross_entropy(net(images.to(device)), true.to(device), label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        on_step(step)
    net = net.eval().requires_grad_(False)
    real, source = (_score(net, cutter) for cutter in val)
    return ClassWitness(net, classes, settings, ClassError(*real, *source))


def _score(net: nn.Module, cutter: CropCutter | None) -> tuple[float | None, int]:
    if cutter is None:
        return None, 0
    crops = cutter.all()
    right = _tell(net, crops.images).argmax(axis=1) == crops.labels.classes.numpy()
    return float(right.mean()), len(right)


def _tell(net: nn.Module, images: Tensor) -> NDArray[np.float32]:
    """How likely each class is, [N,K], of each image [N,3,S,S]."""
    device = next(net.parameters()).device
    with torch.inference_mode():
        found = [net(part.to(device)).softmax(dim=1).cpu() for part in torch.split(images, _BATCH)]
    return np.asarray(torch.cat(found).numpy())


def _make_net(n_filters: int, n_classes: int, rng: torch.Generator) -> nn.Module:
    """Images [N,3,S,S] in −1..1 to logits [N,K]: four strided stages, `_CELLS`² means, one layer."""
    widths = [3, n_filters, 2 * n_filters, 4 * n_filters, 6 * n_filters]
    stages: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        stages += [
            nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
        ]
    last = nn.Linear(widths[-1] * _CELLS**2, n_classes)
    net = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(_CELLS), nn.Flatten(), last)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                gain = 1 if module is last else 2
                module.weight.normal_(0, (gain / module.weight[0].numel()) ** 0.5, generator=rng)
                if module.bias is not None:
                    module.bias.zero_()
    return net
