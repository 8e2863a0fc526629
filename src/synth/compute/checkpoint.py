"""Networks and states of training on disk: whole files only, and nothing in them that can run.

A state (torch's zip format) is what a run goes on from; weights (safetensors) are what others load.
"""

import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from synth.errors import InputError
from synth.storage.atomic import replacing, write_bytes

_WORDS = "synth"


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors, numbers, strings and nested dicts and lists of them; load_state opens nothing else.

    Raises StorageError; the file that stood there before stays then.
    """
    with replacing(path) as file:
        torch.save(dict(state), file)


def load_state(path: Path) -> dict[str, Any]:
    """What save_state wrote, on the CPU.

    Raises InputError for a file that is absent, torn, or holds anything that could run.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # Of pickles, which are refused below.
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"there is no checkpoint at {path}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} is not a checkpoint of tensors and plain values, so it is not opened: "
            "give one that synth wrote"
        ) from error
    except (EOFError, RuntimeError, ValueError, LookupError, AttributeError) as error:
        raise InputError(f"{path} is torn or no checkpoint: give one that synth wrote") from error
    if not isinstance(state, dict):
        raise InputError(f"{path} holds {type(state).__name__}, not the state of a run")
    return state


def save_weights(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write what `encode_weights` gives; raises StorageError."""
    write_bytes(path, encode_weights(tensors, metadata))


def encode_weights(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Tensors by name with a few words about them, as safetensors; equal ones give equal bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # The library writes several entries in random order.
    words = {_WORDS: json.dumps(dict(metadata), sort_keys=True)}
    return save(plain, metadata=words)


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, on the CPU, and what save_weights was told about them.

    Raises InputError for a file that is absent, torn or not in safetensors' format.
    """
    if not path.is_file():
        raise InputError(f"there is no checkpoint at {path}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = list(file.keys())
            words = json.loads((file.metadata() or {}).get(_WORDS, "{}"))
            return {name: file.get_tensor(name) for name in names}, {k: str(v) for k, v in words.items()}
    except (SafetensorError, OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is torn or not in safetensors' format, so it is not opened: give a checkpoint that "
            "synth wrote"
        ) from error
