"""Tensors of a plain state dict, as torchvision publishes them and synth writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.compute.checkpoint import load_state, load_weights
from synth.errors import InputError

ADVICE = "give a state dict, saved as safetensors or by torch.save"

_UNDER = ("model_state", "model_state_dict", "state_dict", "model")
"""Where trainings keep a network's state dict beside their own."""

_PARALLEL = "module."
"""What torch's DataParallel writes before every name."""

_NUMPY = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
_NUMPY_TYPES = tuple(f"numpy.dtypes.{name}DType" for name in ("Float32", "Float64", "Int64"))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A plain state dict of safetensors or torch; raises InputError for anything else, and runs nothing."""
    return _demand_plain(path, _open(path))


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The same, or one that a training elsewhere wrote under a name of its own, with numbers beside it.

    DataParallel's ``module.`` is taken off.
    """
    with torch.serialization.safe_globals([(_Unread, name) for name in _NUMPY + _NUMPY_TYPES]):
        content: Any = _open(path)
    found = _demand_plain(path, next((content[key] for key in _UNDER if key in content), content))
    if all(key.startswith(_PARALLEL) for key in found):
        return {key.removeprefix(_PARALLEL): tensor for key, tensor in found.items()}
    return found


class _Unread:
    """Stands for a number of NumPy: a score beside the weights, which nobody asks for."""

    def __init__(self, *_args: object) -> None: ...

    def __setstate__(self, _state: object) -> None: ...


def _open(path: Path) -> dict[str, Any]:
    return dict(load_weights(path)[0]) if path.suffix == ".safetensors" else load_state(path)


def _demand_plain(path: Path, found: Any) -> dict[str, Tensor]:
    named = isinstance(found, Mapping) and all(isinstance(key, str) for key in found)
    if not named or not found or not all(_is_plain(value) for value in found.values()):
        held = ", ".join(map(str, list(found)[:3])) if isinstance(found, Mapping) else type(found).__name__
        raise InputError(f"{path} holds {held or 'nothing'} and no plain state dict: {ADVICE}")
    return dict(found)


def _is_plain(value: object) -> bool:
    """Whether it is a tensor of numbers, neither sparse nor quantized nor complex."""
    if not isinstance(value, Tensor) or value.layout is not torch.strided:
        return False
    return not (value.is_quantized or value.is_complex())
