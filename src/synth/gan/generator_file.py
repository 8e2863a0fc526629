"""One generator in a checkpoint, with all settings of the method that trained it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from synth.errors import InputError
from synth.gan.checkpoint import encode_checkpoint, load_checkpoint
from synth.storage.atomic import write_bytes

S = TypeVar("S")

_SETTINGS = "settings"


def save_generator(
    path: Path, method: str, generator: nn.Module, settings: Any, words: Mapping[str, str]
) -> None:
    """settings: a dataclass of plain values. words: further ones for the header. Raises StorageError."""
    told = {**words, _SETTINGS: json.dumps(asdict(settings), sort_keys=True)}
    write_bytes(path, encode_checkpoint(method, generator.state_dict(), told))


def open_generator(
    path: Path, method: str, settings_type: type[S], build: Callable[[S], nn.Module], verb: str
) -> tuple[nn.Module, S]:
    """A checkpoint's generator in eval mode on the CPU, and its settings.

    build: one of any weights, which torch's global generator may draw. verb: who writes such files. Raises
    InputError for a file that does not hold both.
    """
    tensors, words = load_checkpoint(path, method)
    try:
        settings = TypeAdapter(settings_type).validate_python(json.loads(words[_SETTINGS]))
        with torch.random.fork_rng(devices=[]):
            generator = build(settings)
        generator.load_state_dict(tensors)
    except (KeyError, ValueError, ValidationError, RuntimeError) as error:
        raise InputError(
            f"{path} holds no generator that this synth can build: choose a checkpoint that synth {verb} "
            "wrote"
        ) from error
    return generator.eval().requires_grad_(False), settings
