"""Writes the weights of a segmenter that nobody trained, as a training would have."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from synth.compute.checkpoint import save_weights
from synth.dataset.origin import READINGS, Reading, encode_readings
from synth.train.tasks import TASKS


def write_segmenter(
    path: Path, classes: Sequence[str], colours: Sequence[tuple[int, int, int]], kind: str = "real"
) -> Path:
    """The network ``small`` with random weights, which say that it learnt from pictures of a kind."""
    task = TASKS["segmentation"]
    settings = task.settings(net="small", classes=tuple(classes), colours=tuple(colours), side_px=64)
    torch.manual_seed(0)
    reading = Reading(dataset="street", kind=kind, used=("pixels", "labels"), names=("000000",))
    words = {
        "task": task.name,
        "settings": json.dumps(asdict(settings)),
        READINGS: encode_readings([reading]),
    }
    tensors = task.make_net(settings).state_dict()
    last = [name for name in tensors if name.endswith("weight")][-1]
    save_weights(path, tensors | {last: tensors[last] * 40}, words)  # Fresh weights are hardly ever sure.
    return path
