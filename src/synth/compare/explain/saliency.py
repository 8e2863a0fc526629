"""Where on a crop a network looks when it reads a normal, as maps (Figures 20 and 23 of the paper).

Captum makes the maps; the extra `train` brings it. A network gives a unit normal, whose three values hang
together, and the cosine between it and itself is flat at 1. So what is explained is how the normal *turns*:
its two components along directions e₁, e₂ that stand on it and on each other. They are 0 at the reading
itself, their changes are the angles in radians by which it turns, and which pair is chosen does not matter,
since only √(·₁² + ·₂²) is kept.

gradients            how fast the normal turns when a pixel changes: the Frobenius norm of its Jacobian
                     (Simonyan et al. 2013).
integrated-gradients what each pixel contributes to the turn from what is read of an even crop to what is
                     read of this one (Sundararajan et al. 2017). The even crop has the crop's own mean
                     colour: against black, dark pixels could never matter, shadows among them.
occlusion            the angle by which the normal turns when a patch is covered with the crop's mean colour,
                     averaged over the patches that cover a pixel (Zeiler and Fergus 2014).
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from synth.errors import InputError
from synth.extras import how_to_install

MapKind = Literal["gradients", "integrated-gradients", "occlusion"]
MAP_KINDS: tuple[MapKind, ...] = get_args(MapKind)

_BATCH = 16
# With a trained network contributions then added up to the turn within a hundredth of it.
_N_STEPS = 16
_PATCHES_A_SIDE = 8
_COLOURS = "inferno"
_TOP_PERCENTILE = 99
_GROUND = 0.45
_SMOOTH = 0.01


def explain(
    net: nn.Module, crops_u8: NDArray[np.uint8], kind: MapKind, device: torch.device
) -> NDArray[np.float64]:
    """Where a network looks on crops [N,S,S,3]: maps [N,S,S], non-negative, each of sum 1.

    A map is even where nothing on the crop matters. net: crops [N,3,S,S] in −1..1 to unit normals [N,3], its
    weights on ``device``; it is asked in eval mode and left as it was. The same arguments give the same maps
    on one machine's CPU. Raises InputError for an unknown kind, for arrays that are no crops, and where
    captum is not installed.
    """
    if kind not in MAP_KINDS:
        raise InputError(f"there is no map {kind!r}: choose one of {', '.join(MAP_KINDS)}")
    if (
        crops_u8.dtype != np.uint8
        or crops_u8.ndim != 4
        or crops_u8.shape[1:] != (crops_u8.shape[1],) * 2 + (3,)
    ):
        raise InputError(f"crops must be [N,S,S,3] uint8, got {list(crops_u8.shape)} {crops_u8.dtype}")
    try:
        importlib.import_module("captum.attr")
    except ImportError:
        raise InputError(
            f"maps of attention need captum, which is not installed: {how_to_install('train')}"
        ) from None
    maps = np.empty(crops_u8.shape[:3])
    with _asked(net):
        for i in range(0, len(crops_u8), _BATCH):
            crops = torch.from_numpy(crops_u8[i : i + _BATCH]).permute(0, 3, 1, 2).float() / 127.5 - 1
            found = _MAKERS[kind](net, crops.contiguous().to(device))
            maps[i : i + _BATCH] = found.detach().cpu().double().numpy()
    sums = maps.sum(axis=(1, 2), keepdims=True)
    even = np.full_like(maps, 1 / max(1, maps[0].size if len(maps) else 1))
    return np.asarray(np.divide(maps, sums, out=even, where=sums > 0))


def draw_saliency(crops_u8: NDArray[np.uint8], maps: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Crops [N,S,S,3] dimmed to grey under their maps [N,S,S] in colour: tiles [N,S,S,3], RGB.

    A map is smoothed a little and runs from dark to bright up to its own 99th percentile, so the colours of
    two tiles compare places, not amounts. Raises InputError where crops and maps do not go together.
    """
    if crops_u8.shape[:3] != maps.shape:
        raise InputError(f"{list(crops_u8.shape)} crops and {list(maps.shape)} maps do not go together")
    from matplotlib import colormaps

    tiles = np.empty_like(crops_u8)
    for tile, crop, one in zip(tiles, crops_u8, maps, strict=True):
        smooth = cv2.GaussianBlur(one, (0, 0), max(0.5, _SMOOTH * len(one)))
        top = np.percentile(smooth, _TOP_PERCENTILE)
        strength = np.clip(smooth / top, 0, 1)[..., None] if top > 0 else np.zeros((*one.shape, 1))
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None] * _GROUND
        colour = colormaps[_COLOURS](strength[..., 0])[..., :3] * 255
        tile[:] = (grey * (1 - strength) + colour * strength).round()
    return tiles


def _gradients(net: nn.Module, crops: Tensor) -> Tensor:
    from captum.attr import Saliency

    # Captum warns where it has to ask for gradients itself.
    crops, own = crops.clone().requires_grad_(), Saliency(_turned(net))
    found = torch.stack(
        [own.attribute(crops, abs=False, additional_forward_args=(side,)) for side in _sides(net, crops)]
    )
    return found.square().sum(dim=(0, 2)).sqrt()  # [2,N,3,S,S] to [N,S,S]


def _integrated(net: nn.Module, crops: Tensor) -> Tensor:
    from captum.attr import IntegratedGradients

    own = IntegratedGradients(_turned(net))
    found = [
        own.attribute(
            crops,
            _mean_colour(crops),
            additional_forward_args=(side,),
            n_steps=_N_STEPS,
            internal_batch_size=4 * _BATCH,
        )
        for side in _sides(net, crops)
    ]
    # [2,N,3,S,S] to [N,S,S]: what a pixel's three channels contribute adds up, with its sign.
    total: Tensor = torch.stack(found).sum(dim=2)
    return total.square().sum(dim=0).sqrt()


def _occlusion(net: nn.Module, crops: Tensor) -> Tensor:
    from captum.attr import Occlusion

    side_px = max(1, crops.shape[-1] // _PATCHES_A_SIDE)
    stride_px = max(1, side_px // 2)
    with torch.no_grad():
        own = net(crops)
        found: Tensor = Occlusion(lambda covered: -_angle_rad(net(covered), own)).attribute(
            crops, (3, side_px, side_px), (3, stride_px, stride_px), _mean_colour(crops)
        )
    # Captum subtracts the covered crop's value from the whole one's, which is 0 here.
    return found.mean(dim=1).clamp(min=0)


_MAKERS: dict[MapKind, Callable[[nn.Module, Tensor], Tensor]] = {
    "gradients": _gradients,
    "integrated-gradients": _integrated,
    "occlusion": _occlusion,
}


def _turned(net: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """The component [N] of the normals along directions [N,3], for crops [N,3,S,S]."""

    def along(crops: Tensor, side: Tensor) -> Tensor:
        component: Tensor = (net(crops) * side).sum(dim=1)
        # The last term is 0 and ties even a network that ignores its crops to them.
        return component + 0 * crops.flatten(1).sum(dim=1)

    return along


def _sides(net: nn.Module, crops: Tensor) -> tuple[Tensor, Tensor]:
    """Two unit directions [N,3] each that stand on what is read of crops [N,3,S,S] and on each other."""
    with torch.no_grad():
        own = functional.normalize(net(crops), dim=1)
    far = functional.one_hot(own.abs().argmin(dim=1), 3).to(own)
    first: Tensor = functional.normalize(torch.linalg.cross(own, far), dim=1)
    return first, torch.linalg.cross(own, first)


def _angle_rad(a: Tensor, b: Tensor) -> Tensor:
    """Angle [N] between vectors [N,3], exactly 0 for equal ones."""
    return torch.atan2(torch.linalg.cross(a, b).norm(dim=1), (a * b).sum(dim=1))


def _mean_colour(crops: Tensor) -> Tensor:
    """Crops [N,3,S,S], each of its mean colour alone."""
    return crops.mean(dim=(2, 3), keepdim=True).expand_as(crops).contiguous()


@contextmanager
def _asked(net: nn.Module) -> Iterator[None]:
    """Eval mode for every module inside, and afterwards the mode that each had."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
