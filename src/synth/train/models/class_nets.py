"""Networks that tell the class of a picture, by name: RGB [N,3,S,S] in 0 to 1 to one value a class [N,C].

The values are logits: their softmax is how sure the network is of each class. ``digits`` and ``digits-deep``
are the two that TERSE trains (Tripathi et al. 2019, supplement A.1), ``small`` is for CPUs and colour
pictures, and all others are torchvision's, with random weights.
"""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from synth.errors import InputError
from synth.train.models.state_dict import ADVICE, read_tensors

OWN_NETS = ("small", "digits", "digits-deep")

_OTHER_INPUTS = ("googlenet", "inception", "maxvit", "swin", "vit")
"""How torchvision's classifiers begin that answer twice in training, or take one side alone."""

_LEAST_DIGIT_PX, _LEAST_BACKBONE_PX = 16, 64
_SMALL_STAGES = 3
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DigitNet(nn.Module):
    """TERSE's MNISTClassifier. It looks at the mean of red, green and blue.

    The listing names no pooling; its 980 inputs of the first linear layer at 40 pixels ask for two of 2 × 2.
    """

    def __init__(self, side_px: int, n_classes: int) -> None:
        super().__init__()
        n_cells = (((side_px - 4) // 2 - 4) // 2) ** 2
        self.layers = nn.Sequential(
            nn.Conv2d(1, 10, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(10, 20, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout2d(0.5),
            nn.Flatten(),
            nn.Linear(20 * n_cells, 50),
            nn.ReLU(),
            nn.Linear(50, n_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images.mean(dim=1, keepdim=True))
        return logits


class DeepDigitNet(nn.Module):
    """TERSE's MNISTClassifierDeep. It looks at the mean of red, green and blue.

    Its 576 inputs of the first linear layer at 40 pixels ask for a padding of 2, which the listing leaves
    out. Swish (Ramachandran et al. 2017) is torch's SiLU.
    """

    def __init__(self, side_px: int, n_classes: int) -> None:
        super().__init__()
        widths = (1, 64, 64, 64, 64)
        n_cells = (-(-side_px // 2 ** (len(widths) - 1))) ** 2
        stages = [
            nn.Sequential(nn.Conv2d(a, b, 5, stride=2, padding=2), nn.BatchNorm2d(b), nn.SiLU())
            for a, b in pairwise(widths)
        ]
        self.layers = nn.Sequential(
            *stages,
            nn.Flatten(),
            nn.Linear(widths[-1] * n_cells, 50),
            nn.SiLU(),
            nn.Linear(50, n_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images.mean(dim=1, keepdim=True))
        return logits


class SmallClassNet(nn.Module):
    """Three stages of convolution, normalisation, ReLU and pooling, and two linear layers; widths are ours.

    Places are kept until the linear layers, since a mean over all of them cannot tell left from right.
    """

    def __init__(self, side_px: int, n_classes: int) -> None:
        super().__init__()
        widths = (3, 16, 32, 64)
        stages = [
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
            for a, b in pairwise(widths)
        ]
        self.layers = nn.Sequential(
            *stages,
            nn.Flatten(),
            nn.Linear(widths[-1] * (side_px // 2**_SMALL_STAGES) ** 2, 128),
            nn.ReLU(),
            nn.Linear(128, n_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(2 * images - 1)
        return logits


class BackboneClassNet(nn.Module):
    """One of torchvision's classifiers; pixels are normalised as for its published weights."""

    def __init__(self, name: str, n_classes: int) -> None:
        super().__init__()
        from torchvision.models import get_model

        self.backbone = get_model(name, weights=None, num_classes=n_classes)

    def forward(self, images: Tensor) -> Tensor:
        mean, std = (images.new_tensor(v)[:, None, None] for v in (_IMAGENET_MEAN, _IMAGENET_STD))
        logits: Tensor = self.backbone((images - mean) / std)
        return logits


def list_backbones() -> list[str]:
    """torchvision's classifiers that take pictures of any side from 64 pixels on."""
    import torchvision

    names = torchvision.models.list_models(module=torchvision.models)
    return [name for name in names if not name.startswith(_OTHER_INPUTS)]


def refuse_side(name: str, side_px: int) -> None:
    """Raises InputError for a side in pixels that the network of a name cannot take."""
    step = 2**_SMALL_STAGES if name == "small" else 1
    least = step if name == "small" else _LEAST_DIGIT_PX if name in OWN_NETS else _LEAST_BACKBONE_PX
    if side_px < least or side_px % step:
        multiple = f" and a multiple of {step}" if step > 1 else ""
        raise InputError(f"{name} takes pictures of {least} pixels or more{multiple}, got {side_px}")


def refuse_unknown_net(name: str) -> None:
    """Raises InputError that lists the networks there are."""
    if name not in OWN_NETS and name not in list_backbones():
        raise InputError(
            f"there is no network {name!r}: choose {', '.join(OWN_NETS)}, or one of torchvision's, "
            f"{', '.join(list_backbones())}"
        )


def make_class_net(name: str, side_px: int, n_classes: int, seed: int) -> nn.Module:
    """A fresh network; weights depend on the seed alone. Raises InputError for an unknown name."""
    refuse_unknown_net(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name == "digits":
            return DigitNet(side_px, n_classes)
        if name == "digits-deep":
            return DeepDigitNet(side_px, n_classes)
        return SmallClassNet(side_px, n_classes) if name == "small" else BackboneClassNet(name, n_classes)


def load_pretrained(net: nn.Module, path: Path) -> None:
    """Begin with a state dict of the same network or of torchvision's; its last layer may differ in classes.

    Raises InputError that names the first tensor which does not fit.
    """
    own, found = net.state_dict(), read_tensors(path)
    if isinstance(net, BackboneClassNet) and not any(key.startswith("backbone.") for key in found):
        found = {f"backbone.{key}": tensor for key, tensor in found.items()}
    last = [name for name, module in net.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    for key in own:
        if key.startswith(f"{last}.") or key.endswith("num_batches_tracked"):
            continue
        if key not in found:
            raise InputError(
                f"{path} does not fit: it has no {key}, and holds {', '.join(list(found)[:3])} ...: "
                f"{ADVICE}, of the same network"
            )
        if found[key].shape != own[key].shape:
            raise InputError(
                f"{path} does not fit: {key} is {list(found[key].shape)} there and {list(own[key].shape)} "
                f"here: {ADVICE}, of the same network at the same side"
            )
    fitting = {k: t for k, t in found.items() if k in own and t.shape == own[k].shape}
    net.load_state_dict(fitting, strict=False)
