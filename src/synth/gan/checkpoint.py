"""Translators on disk: one safetensors file that says whose it is and what it holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from synth.compute.checkpoint import encode_weights, load_weights
from synth.dataset.origin import READINGS, Reading, decode_readings, encode_readings
from synth.errors import InputError
from synth.gan.methods import UNNAMED
from synth.gan.methods.method import Direction
from synth.networks.generators import GeneratorShape, load_generator
from synth.storage.atomic import write_bytes

CHECKPOINTS = "checkpoints"
SIMULATED = "simulated"
"""In the header, ``true`` where a device was simulated that took what trained it."""

_METHOD = "method"


def path_of_step(run: Path, step: int) -> Path:
    """Where a run's folder has the checkpoint of a step; a method that is fitted at once has step 1 alone."""
    return run / CHECKPOINTS / f"step_{step:06d}.safetensors"


def last_checkpoint(run: Path) -> Path:
    """The one of the highest step that a run's folder has; there must be one."""
    return max((run / CHECKPOINTS).iterdir(), key=lambda path: int(path.stem.removeprefix("step_")))


def encode_checkpoint(method: str, tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> bytes:
    """A file's bytes: tensors by name under a method's name; words: further ones for the header.

    Equal arguments give equal bytes.
    """
    return encode_weights(tensors, {**words, _METHOD: method})


def load_checkpoint(path: Path, method: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors, on the CPU, and the header's words of a method's own file.

    Raises InputError for a file that is absent, torn, no safetensors (a pickle is never opened), or another
    method's.
    """
    tensors, words = _load(path)
    if (found := words.get(_METHOD, UNNAMED)) != method:
        raise InputError(f"{path} was written by the method {found}, not by {method}: say --method {found}")
    return tensors, words


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """What `load_weights` gives; where there is no file, the error names the command to type next."""
    if path.is_file():
        return load_weights(path)
    if any((path / CHECKPOINTS).glob("step_*")):
        raise InputError(f"{path} is a folder: give one of its checkpoints, such as {last_checkpoint(path)}")
    raise InputError(
        f"there is no checkpoint at {path}: synth translate trains a translator, synth paint a painter, and "
        f"each keeps some in {CHECKPOINTS} of its run, such as {Path('runs/translate') / CHECKPOINTS}"
    )


def read_method(path: Path) -> str:
    """The name of the method that wrote a file; raises InputError as `load_checkpoint` does."""
    return _load(path)[1].get(_METHOD, UNNAMED)


def read_readings(path: Path) -> tuple[Reading, ...]:
    """What a file lists of the samples that trained and chose it; nothing for one that lists none.

    Raises InputError as `load_checkpoint` does.
    """
    words = _load(path)[1]
    try:
        return decode_readings(words.get(READINGS, "[]"))
    except ValueError as error:
        raise InputError(f"{path} lists what trained it in no form that synth writes") from error


def read_simulated(path: Path) -> bool:
    """Whether a file says that a device was simulated; raises InputError as `load_checkpoint` does."""
    return _load(path)[1].get(SIMULATED) == "true"


def note_readings(path: Path, readings: Sequence[Reading]) -> None:
    """List in a file that is there what trained it; raises StorageError."""
    tensors, words = _load(path)
    write_bytes(path, encode_weights(tensors, {**words, READINGS: encode_readings(readings)}))


def save_generators(
    path: Path,
    method: str,
    generators: Mapping[Direction, nn.Module],
    shape: GeneratorShape,
    words: Mapping[str, str],
) -> None:
    """Write ResNet generators of one shape; words: further ones for the header. Raises StorageError."""
    tensors = {
        f"{direction}.{name}": tensor
        for direction, generator in generators.items()
        for name, tensor in generator.state_dict().items()
    }
    write_bytes(path, encode_checkpoint(method, tensors, {**words, **shape.to_metadata()}))


def load_generator_of(
    path: Path, method: str, direction: Direction = "sim2real"
) -> tuple[nn.Module, dict[str, str]]:
    """One direction's ResNet generator, in eval mode on the CPU, and the header's words.

    Raises InputError as `load_checkpoint` does, and where the weights are of another architecture than the
    header says.
    """
    tensors, words = load_checkpoint(path, method)
    shape = GeneratorShape.from_metadata(words, str(path))
    prefix = f"{direction}."
    own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    return load_generator(shape, own, str(path)).eval().requires_grad_(False), words
