"""YOLOv5 from Ultralytics' package: its v5u networks, with anchor-free heads and no objectness."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from synth.compute.checkpoint import load_weights
from synth.errors import InputError
from synth.train.ultralytics_parts import ultralytics

YOLOS = ("yolov5n", "yolov5m", "yolov5x")

BACKBONE_LAYERS = 10
"""Layers before the first of the head (yolov5.yaml of the package)."""

_MOMENTUM = 0.1

_EXPECTED = ("torch.nn.modules.", "ultralytics.", "numpy.")


def make_yolo(name: str, n_classes: int, seed: int) -> nn.Module:
    """A fresh network; weights depend on the seed alone. Raises InputError for an unknown name.

    It takes RGB images [N,3,H,W] in 0..1, H and W multiples of 32, and has Ultralytics' ``loss``. Running
    means follow with momentum 0.1, torch's own: with the package's 0.03 they lag for so long that a network
    that has learnt for 60 steps finds nothing.
    """
    if name not in YOLOS:
        raise InputError(f"there is no detector {name!r}: choose one of {', '.join(YOLOS)}")
    make = ultralytics("nn.tasks").DetectionModel
    defaults = ultralytics("utils").DEFAULT_CFG
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = make(f"{name}.yaml", ch=3, nc=n_classes, verbose=False)
    net.args = defaults
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = _MOMENTUM
    assert isinstance(net, nn.Module)
    return net


def load_pretrained(net: nn.Module, path: Path) -> int:
    """Take over every weight of a checkpoint that has a place in the network; returns how many tensors fit.

    path: safetensors that synth wrote, or Ultralytics' ``.pt``, of which nothing but tensors is taken and
    nothing runs. Raises InputError for a file that holds more than a network, or of whose weights fewer than
    half fit.
    """
    found = load_weights(path)[0] if path.suffix == ".safetensors" else _open_pt(path)
    own = net.state_dict()
    fitting = {n: t.float() for n, t in found.items() if n in own and own[n].shape == t.shape}
    if 2 * len(fitting) < len(own):
        raise InputError(
            f"{path} fits {len(fitting)} of {len(own)} tensors of this network: give a checkpoint of the "
            "same one"
        )
    net.load_state_dict(fitting, strict=False)
    return len(fitting)


def freeze_backbone(net: nn.Module) -> None:
    """Let the backbone's weights, and its running means, stay what they are."""
    for layer in list(net.model)[:BACKBONE_LAYERS]:  # type: ignore[arg-type]
        layer.requires_grad_(requires_grad=False)


def keep_frozen(net: nn.Module) -> None:
    """After ``net.train()``: put frozen layers back into the mode in which their running means rest."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()


class _Inert(nn.Module):
    """Stands for every class and function that a checkpoint names, so that opening it calls none of them."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            super().__setstate__(state)  # type: ignore[no-untyped-call]


def _open_pt(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"there is no checkpoint at {path}")
    refusal = (
        f"{path} is not opened, since it is no checkpoint of Ultralytics or holds more than layers and "
        "tensors: give one of its own yolov5nu.pt, yolov5mu.pt, yolov5xu.pt or safetensors that synth wrote"
    )
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        if not all(name.startswith(_EXPECTED) for name in names):
            raise InputError(refusal)
        with torch.serialization.safe_globals([(_Inert, name) for name in names]):
            content = torch.load(path, map_location="cpu", weights_only=True)
        model = content.get("ema") or content["model"]
        return dict(model.float().state_dict())
    except InputError:
        raise
    except Exception as error:  # A torn or foreign pickle can fail in any way.
        raise InputError(refusal) from error
