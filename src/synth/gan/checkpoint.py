"""Trained generators on disk: both directions in one safetensors file that says what it holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from torch import nn

from synth.compute.checkpoint import load_weights, save_weights
from synth.errors import InputError
from synth.networks.generators import GeneratorShape, load_generator

Direction = Literal["sim2real", "real2sim"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


def save_generators(
    path: Path, generators: Mapping[Direction, nn.Module], shape: GeneratorShape, about: Mapping[str, str]
) -> None:
    """Write generators of one shape; about: further words for the file's header. Raises StorageError."""
    tensors = {
        f"{direction}.{name}": tensor
        for direction, generator in generators.items()
        for name, tensor in generator.state_dict().items()
    }
    save_weights(path, tensors, {**about, **shape.to_metadata()})


def load_generator_of(
    path: Path, direction: Direction = "sim2real", *, shape: GeneratorShape | None = None
) -> tuple[nn.Module, dict[str, str]]:
    """One direction's generator, in eval mode on the CPU, and the header's words.

    shape: the architecture that the file must have; None for whatever its header says. Raises InputError for
    a file that is absent, torn, no safetensors (a pickle is never opened), or of another architecture.
    """
    tensors, metadata = load_weights(path)
    found = GeneratorShape.from_metadata(metadata, str(path))
    if shape is not None and found != shape:
        raise InputError(
            f"{path} holds a generator of another architecture ({_words(found)}, not {_words(shape)}): "
            "choose the checkpoint that goes with these settings"
        )
    prefix = f"{direction}."
    own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    return load_generator(found, own, str(path)).eval().requires_grad_(False), metadata


def _words(shape: GeneratorShape) -> str:
    return f"{shape.kind} with {shape.n_filters} filters and {shape.n_blocks} blocks"
