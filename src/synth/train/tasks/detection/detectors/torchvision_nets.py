"""What torchvision's detectors share: lists of pictures and truths, losses outside training, local weights.

Nothing is downloaded: every network is made with ``weights=None`` and ``weights_backbone=None``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.train.models.state_dict import ADVICE, read_tensors
from synth.train.tasks.detection.detectors.detector import Batch

Truth = dict[str, Tensor]

MOMENTUM = 0.1
"""Of running means, torch's own; with MobileNet's 0.01 they lag behind a network that learns for minutes."""

_LEAST_BOX_PX = 1e-3
_RESTS = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


class TorchvisionDetector(ABC):
    """A family whose networks take a list of pictures and give losses in training, boxes otherwise.

    losses: their names here, by torchvision's. nets: what there is. imagenet: of each network, the names of
    its backbone in a classifier's state dict beside its own; absent where the two differ in layers.
    """

    name: str
    nets: tuple[str, ...]
    torch_losses: Mapping[str, str]
    imagenet: Mapping[str, Mapping[str, str]] = {}

    @property
    def words(self) -> str:
        """All of them."""
        return self.list_nets()

    @property
    def losses(self) -> tuple[str, ...]:
        """In torchvision's order."""
        return tuple(self.torch_losses.values())

    def has(self, net: str) -> bool:
        """One of the few."""
        return net in self.nets

    def list_nets(self) -> str:
        """All of them."""
        return ", ".join(self.nets)

    def make(self, net: str, n_classes: int, side_px: int, seed: int) -> nn.Module:
        """Boxes and losses as in torchvision; running means follow with momentum 0.1."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = self.build(net, n_classes, side_px)
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = MOMENTUM
        made.family, made.net = self.name, net  # type: ignore[assignment]
        return made

    @abstractmethod
    def build(self, net: str, n_classes: int, side_px: int) -> nn.Module:
        """A network of random weights, by torch's global generator."""

    @abstractmethod
    def find_stride(self, net: nn.Module) -> int:
        """As `Detector`."""

    @abstractmethod
    def believe(
        self, net: nn.Module, images: Any, features: Mapping[str, Tensor], truths: Sequence[Truth]
    ) -> list[Tensor]:
        """Of each picture: logarithms [M] of the confidence in the true class where its true boxes are."""

    def freeze(self, net: nn.Module) -> None:
        """The backbone's first layers, which see edges and colours alone."""
        for name, parameter in net.named_parameters():
            if name.startswith(self.early_layers(net)):
                parameter.requires_grad = False

    @abstractmethod
    def early_layers(self, net: nn.Module) -> tuple[str, ...]:
        """How the names of the parameters begin that stay when the network begins pretrained."""

    def compute_losses(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Of the anchors, proposals and units that the batch's seed draws."""
        with _drawn_by(int(batch["seed"]), batch["img"].device):
            return self._name(net(*to_lists(batch)))

    def look(
        self, net: nn.Module, batch: Batch, *, losses: bool
    ) -> tuple[Sequence[Tensor], dict[str, float]]:
        """Boxes and losses of one pass through the backbone; losses of the same draws every time."""
        pictures, truths = to_lists(batch)
        with _passed_once(net, pictures):
            said, told = net(pictures), {}
            if losses:
                with _told_losses(net), _drawn_by(0, batch["img"].device):
                    told = self._name(net(pictures, self._only_known(net, truths)))
        found = [
            torch.cat([one["boxes"], one["scores"][:, None], one["labels"][:, None] - 1], dim=1)
            for one in said
        ]
        return found, {name: float(loss) * len(pictures) for name, loss in told.items()}

    def target(self, net: nn.Module, classes: Sequence[str]) -> Any:
        """By the confidence in the true class where the true box is."""
        from synth.train.tasks.detection.detectors.torchvision_target import TorchvisionTarget

        return TorchvisionTarget(self, net, classes)

    def measure_one(self, net: nn.Module, picture: Tensor, truth: Truth) -> Tensor:
        """All losses of one picture together, of a frozen network; the same twice."""
        with _told_losses(net), _drawn_by(0, picture.device):
            return torch.stack(list(net([picture], [truth]).values())).sum()

    def describe_start(self, net: str, pretrained: str | None) -> str:
        """With what stays as it was."""
        begun = "from random weights" if pretrained is None else f"from {pretrained}, its first layers frozen"
        return f"{net} is torchvision's own, trained {begun}"

    def load_pretrained(self, net: nn.Module, path: Path) -> None:
        """A state dict of the network, its last layers left out where classes differ, or its backbone's as a
        classifier of ImageNet; raises InputError that names the first tensor which does not fit.
        """
        name, own = str(net.net), net.state_dict()
        found = self._rename(name, read_tensors(path))
        for key in own:
            if not key.startswith("backbone.") or ".fpn." in key or key.endswith("num_batches_tracked"):
                continue
            if key not in found:
                raise InputError(
                    f"{path} does not fit {name}: it has no {key}, and holds {', '.join(list(found)[:3])} "
                    f"...: {ADVICE}, of {name} or of its backbone"
                )
            if found[key].shape != own[key].shape:
                raise InputError(
                    f"{path} does not fit {name}: {key} is {list(found[key].shape)} there and "
                    f"{list(own[key].shape)} here: {ADVICE}, of {name} or of its backbone"
                )
        fitting = {k: t.float() for k, t in found.items() if k in own and t.shape == own[k].shape}
        net.load_state_dict(fitting, strict=False)

    def _rename(self, name: str, found: dict[str, Tensor]) -> dict[str, Tensor]:
        """A classifier's tensors under the names that the detector has for them; others as they are."""
        if any(key.startswith("backbone.") for key in found):
            return found
        renamed: dict[str, Tensor] = {}
        for theirs, own in self.imagenet.get(name, {}).items():
            renamed |= {own + k.removeprefix(theirs): t for k, t in found.items() if k.startswith(theirs)}
        return renamed or found

    def _name(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: losses[theirs] for theirs, name in self.torch_losses.items()}

    @abstractmethod
    def count_classes(self, net: nn.Module) -> int:
        """How many it tells apart, the background left out."""

    def _only_known(self, net: nn.Module, truths: Sequence[Truth]) -> list[Truth]:
        """Without boxes of classes that the network never learnt: they have no loss."""
        n = self.count_classes(net)
        return [{key: part[truth["labels"] <= n] for key, part in truth.items()} for truth in truths]


def to_lists(batch: Batch) -> tuple[list[Tensor], list[Truth]]:
    """Pictures, and boxes with an area, x0 y0 x1 y1 in pixels, with their labels from 1."""
    images = batch["img"]
    h, w = images.shape[-2:]
    scale = batch["bboxes"].new_tensor([w, h])
    centre, half = batch["bboxes"][:, :2] * scale, batch["bboxes"][:, 2:] * scale / 2
    boxes = torch.cat([centre - half, centre + half], dim=1)
    labels = batch["cls"][:, 0].long() + 1
    real = (boxes[:, 2:] - boxes[:, :2] > _LEAST_BOX_PX).all(dim=1)
    truths = []
    for i in range(len(images)):
        own = real & (batch["batch_idx"] == i)
        truths.append({"boxes": boxes[own], "labels": labels[own]})
    return list(images), truths


class _Known(nn.Module):
    """Stands for a backbone whose features are known already."""

    def __init__(self, features: Any) -> None:
        super().__init__()
        self._features = features

    def forward(self, _images: Tensor) -> Any:
        return self._features


@contextmanager
def _passed_once(net: nn.Module, pictures: Sequence[Tensor]) -> Iterator[None]:
    """The backbone is not asked again about the same pictures."""
    backbone = net.backbone
    net.backbone = _Known(backbone(net.transform(pictures)[0].tensors))  # type: ignore[operator]
    try:
        yield
    finally:
        net.backbone = backbone


@contextmanager
def _told_losses(net: nn.Module) -> Iterator[None]:
    """Losses in eval mode, where torchvision gives none: running means and dropped units rest."""
    before = {module: module.training for module in net.modules()}
    for module in before:
        module.training = not isinstance(module, _RESTS)
    try:
        yield
    finally:
        for module, was in before.items():
            module.training = was


@contextmanager
def _drawn_by(seed: int, device: torch.device) -> Iterator[None]:
    """torch's global generators are seeded, and afterwards what they were before."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
