"""Local weights for a segmenter to begin with."""

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from synth.errors import InputError
from synth.train.models.state_dict import ADVICE, read_checkpoint

_OURS = "net."
"""How the names of tensors begin in weights.safetensors of `synth train segmentation`."""

log = logging.getLogger(__name__)


def take_over(net: nn.Module, path: Path, heads: tuple[str, ...]) -> None:
    """Begin with a state dict of the same network, as synth train writes it; `fit` says how."""
    fit(net, read(path), path, heads)


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, without what synth train writes before every name.

    Raises InputError for anything else, and runs nothing.
    """
    found = read_checkpoint(path)
    if not all(key.startswith(_OURS) for key in found):
        return found
    return {key.removeprefix(_OURS): tensor for key, tensor in found.items()}


def fit(net: nn.Module, found: Mapping[str, Tensor], path: Path, heads: tuple[str, ...]) -> None:
    """Load tensors that have the network's own names already.

    path: where they are from, for messages. heads: how the names of the tensors begin that stay new where
    they are absent or of another shape; that is said. Raises InputError that names the first other tensor
    which does not fit.
    """
    own = net.state_dict()
    foreign = [key for key in found if key not in own]
    new = [key for key in own if key not in found or found[key].shape != own[key].shape]
    for key in new:
        if key.startswith(heads) or key.endswith("num_batches_tracked"):
            continue
        if key not in found:
            held = ", ".join((foreign or list(found))[:3])
            raise InputError(
                f"{path} does not fit: it has no {key}, and holds {held} ...: {ADVICE}, of the same network"
            )
        raise InputError(
            f"{path} does not fit: {key} is {list(found[key].shape)} there and {list(own[key].shape)} "
            f"here: {ADVICE}, of the same network"
        )
    net.load_state_dict({key: found[key] for key in own if key not in new}, strict=False)
    if begun := [key for key in new if key.startswith(heads)]:
        log.warning("%s has no %s of this shape, so that part begins at random", path, begun[0])
    if foreign:
        log.warning("%s holds %s besides, which this network has not: it is left out", path, foreign[0])
