"""Detectors from Ultralytics' package; its YOLOv5 has v5u's anchor-free heads and no objectness."""

import copy
import io
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synth.compute.checkpoint import load_weights
from synth.errors import InputError
from synth.storage.atomic import write_bytes
from synth.train.models.pretrained import open_pt
from synth.train.ultralytics_parts import ultralytics

FAMILY = "yolo"
PRESET_YOLOS = ("yolov5n", "yolov5m", "yolov5x")

_HEADS = ("Detect", "v10Detect")
"""Last layers of networks that learn boxes by the one loss; RT-DETR's learns by another."""

_MOMENTUM = 0.1


def make_yolo(name: str, n_classes: int, seed: int) -> nn.Module:
    """A fresh network; weights depend on the seed alone. Raises InputError for an unknown name.

    It takes RGB images [N,3,H,W] in 0..1, H and W multiples of `find_stride`, and has Ultralytics' ``loss``.
    In eval mode the first that it gives is [N,4+C,A]: x y w h in pixels and a confidence for each of C
    classes. Networks that have a second head, which needs no suppression of doubles, learn with both and are
    asked through the first, so that all are asked alike. Running means follow with momentum 0.1, torch's own:
    with the package's 0.03 they lag for so long that a network that has learnt for 60 steps finds nothing.
    """
    settings = _read_shipped(name)
    make = ultralytics("nn.tasks").DetectionModel
    defaults = ultralytics("utils").DEFAULT_CFG
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = make(settings, ch=3, nc=n_classes, verbose=False)
    net.args, net.family = defaults, FAMILY
    if net.end2end:
        net.end2end = False
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = _MOMENTUM
    assert isinstance(net, nn.Module)
    return net.to(memory_format=torch.channels_last)  # A tenth of a CPU's time less.


def find_stride(net: nn.Module) -> int:
    """Of what a picture's sides must be multiples, in pixels."""
    return int(net.stride.max())  # type: ignore[operator]


@lru_cache(maxsize=1)
def list_yolos() -> dict[str, dict[str, Any]]:
    """The description of every network that Ultralytics ships by name, other kinds than detectors too."""
    load, guess_scale = ultralytics("utils").YAML.load, ultralytics("nn.tasks").guess_model_scale
    found: dict[str, dict[str, Any]] = {}
    for file in sorted((ultralytics("utils").ROOT / "cfg" / "models").rglob("*.yaml")):
        family = load(file)
        has_scale = "scales" not in family or re.search(r"\d[a-z]", file.stem)
        names = [file.stem] if has_scale else [_with_scale(file.stem, s) for s in family["scales"]]
        found |= {name: family | {"scale": guess_scale(name), "yaml_file": f"{name}.yaml"} for name in names}
    return found


def _with_scale(family: str, scale: str) -> str:
    return re.sub(r"(\d+)", rf"\1{scale}", family, count=1)


def _read_shipped(name: str) -> dict[str, Any]:
    """A network's description; raises InputError for a name that is none, or a network of another kind."""
    settings = list_yolos().get(name)
    if settings is None:
        raise InputError(f"there is no detector {name!r}: choose one of {list_choices()}")
    if (head := settings["head"][-1][2]) not in _HEADS:
        raise InputError(
            f"{name} is no plain detector, its last layer is {head}: choose one of {list_choices()}"
        )
    return copy.deepcopy(settings)


def list_choices() -> str:
    """What can be chosen: the presets' networks, then all others with their scales in brackets."""
    families: dict[tuple[str, str], str] = {}
    for name, settings in list_yolos().items():
        if settings["head"][-1][2] in _HEADS:
            version, scale, rest = re.fullmatch(r"(yolov?\d+)([a-z]?)(.*)", name).groups()  # type: ignore[union-attr]
            families[version, rest] = families.get((version, rest), "") + scale
    others = [f"{v}[{scales}]{rest}" if scales else v + rest for (v, rest), scales in families.items()]
    return f"{', '.join(PRESET_YOLOS)}, the presets' own, or of {', '.join(others)}"


def load_pretrained(net: nn.Module, path: Path) -> int:
    """Take over every weight of a checkpoint that has a place in the network; returns how many tensors fit.

    path: safetensors, Ultralytics' ``.pt``, or a plain state dict. Nothing but tensors is taken and nothing
    runs. Raises InputError for a file that holds more than a network, or of whose weights fewer than half
    fit.
    """
    found = load_weights(path)[0] if path.suffix == ".safetensors" else open_pt(path)
    own = net.state_dict()
    fitting = {n: t.float() for n, t in found.items() if n in own and own[n].shape == t.shape}
    if 2 * len(fitting) < len(own):
        foreign = next((name for name in found if name not in own), None)
        why = f" (it has {foreign}, which this one has not)" if foreign and not fitting else ""
        raise InputError(
            f"{path} fits {len(fitting)} of {len(own)} tensors of this network{why}: give a checkpoint of "
            "the same one"
        )
    net.load_state_dict(fitting, strict=False)
    return len(fitting)


def count_backbone(net: nn.Module) -> int:
    """Layers before the first of the head."""
    return len(net.yaml["backbone"])  # type: ignore[index]


def freeze_backbone(net: nn.Module) -> None:
    """Let the backbone's weights, and its running means, stay what they are."""
    for layer in list(net.model)[: count_backbone(net)]:  # type: ignore[arg-type]
        layer.requires_grad_(requires_grad=False)


def keep_frozen(net: nn.Module) -> None:
    """After ``net.train()``: put frozen layers back into the mode in which their running means rest."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()


def save_pt(net: nn.Module, path: Path, side_px: int, classes: Sequence[str]) -> None:
    """Write a network as Ultralytics saves its own, a pickle, for ``yolo predict model=FILE.pt``.

    classes: names of what it finds; empty for one without a name. Raises StorageError.
    """
    copied: Any = copy.deepcopy(net).cpu().float().eval()
    copied.names = dict(enumerate(classes or ("part",)))
    told = {
        "model": copied,
        "train_args": {"imgsz": side_px, "task": "detect"},
        "version": version("ultralytics"),
    }
    content = io.BytesIO()
    torch.save(told, content)
    write_bytes(path, content.getvalue())
