"""Tensors of a plain state dict, as torchvision publishes them and synth writes them."""

from pathlib import Path

import torch
from torch import Tensor

from synth.compute.checkpoint import load_state, load_weights
from synth.errors import InputError

ADVICE = "give a state dict, saved as safetensors or by torch.save"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A plain state dict of safetensors or torch; raises InputError for anything else, and runs nothing."""
    found = load_weights(path)[0] if path.suffix == ".safetensors" else load_state(path)
    if not found or not all(isinstance(key, str) and _is_plain(value) for key, value in found.items()):
        held = ", ".join(map(str, list(found)[:3])) or "nothing"
        raise InputError(f"{path} holds {held} and no plain state dict: {ADVICE}")
    return found


def _is_plain(value: object) -> bool:
    """Whether it is a tensor of numbers, neither sparse nor quantized nor complex."""
    if not isinstance(value, Tensor) or value.layout is not torch.strided:
        return False
    return not (value.is_quantized or value.is_complex())
