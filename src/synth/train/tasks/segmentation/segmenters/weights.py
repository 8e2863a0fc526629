"""Local weights for a segmenter to begin with."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from synth.errors import InputError
from synth.train.models.state_dict import ADVICE, read_tensors

_OURS = "net."
"""How the names of tensors begin in weights.safetensors of `synth train segmentation`."""


def take_over(net: nn.Module, path: Path, heads: tuple[str, ...]) -> None:
    """Begin with a state dict of the same network, as its authors publish it or synth train writes it.

    heads: how the names of the tensors begin that stay new where they are absent or of another shape. Raises
    InputError that names the first other tensor which does not fit.
    """
    fit(net, strip(read_tensors(path)), path, heads)


def strip(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without what synth train writes before every name."""
    if not all(key.startswith(_OURS) for key in found):
        return dict(found)
    return {key.removeprefix(_OURS): tensor for key, tensor in found.items()}


def fit(net: nn.Module, found: Mapping[str, Tensor], path: Path, heads: tuple[str, ...]) -> None:
    """Load tensors that have the network's own names already; path: where they are from, for messages."""
    own = net.state_dict()
    for key, tensor in own.items():
        if key.startswith(heads) or key.endswith("num_batches_tracked"):
            continue
        if key not in found:
            raise InputError(
                f"{path} does not fit: it has no {key}, and holds {', '.join(list(found)[:3])} ...: "
                f"{ADVICE}, of the same network"
            )
        if found[key].shape != tensor.shape:
            raise InputError(
                f"{path} does not fit: {key} is {list(found[key].shape)} there and {list(tensor.shape)} "
                f"here: {ADVICE}, of the same network"
            )
    fitting = {k: t for k, t in found.items() if k in own and t.shape == own[k].shape}
    net.load_state_dict(fitting, strict=False)
