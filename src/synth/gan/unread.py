"""Painted pixels that a reader does not read as their map says, beside how it reads real photographs.

A pixel is unread where ``loss > 1.25 · mean loss of its class``, loss being −log of how likely the reader
takes the map's class to be there. The factor is that of FreeMask (Yang et al. 2023, "filtering noisy
synthetic regions"); that the means are those of real photographs with label maps is ours.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from synth.compute.progress import Progress
from synth.dataset.folder import INFO_FILE, read_info
from synth.dataset.label_maps import Ids, list_labelled, read_ids
from synth.dataset.origin import REAL_KINDS
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Figure
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.gan.map_reader import MapReader

TOLERANCE = 1.25
"""Mean losses of its class that a pixel's loss may reach (FreeMask)."""

_KEY = "mean_losses"
_MEANS = TypeAdapter(dict[str, float])


@dataclass(frozen=True)
class MeanLosses:
    """A reader's mean loss over the pixels of each class, of those that real photographs show."""

    by_class: Mapping[str, float]

    def find_unread(self, losses: NDArray[np.float32], ids: Ids, classes: Sequence[str]) -> NDArray[np.bool_]:
        """Pixels [H,W] whose loss is above `TOLERANCE` times their class's mean; never void, and none of a
        class without a mean.
        """
        limits = np.array([TOLERANCE * self.by_class.get(name, np.inf) for name in classes] + [np.inf])
        return np.asarray(losses > limits[np.minimum(ids, len(classes))])

    def to_figures(self) -> dict[str, Any]:
        """For dataset.json, ``figures``."""
        return {_KEY: dict(self.by_class)}


def count_void(ids: Ids, unread: NDArray[np.bool_], classes: Sequence[str]) -> dict[str, Figure]:
    """For a sample's ``quality``: ``unread``, of the pixels with a class, and ``void CLASS``, of each class
    in a map [H,W]: the shares that became void.
    """
    shown = {name: ids == i for i, name in enumerate(classes)}
    own: dict[str, Figure] = {
        f"void {name}": round(float(unread[here].mean()), 4) for name, here in shown.items() if here.any()
    }
    known = ids < len(classes)
    return {"unread": round(float(unread[known].mean()), 4), **own} if own else own


def list_photographs(photos: DatasetReader) -> list[Sample]:
    """Train and val samples with label maps; raises InputError where there is none or one is no real
    picture.
    """
    found = list_labelled((*photos.of_split("train"), *photos.of_split("val")))
    if not found:
        raise InputError(
            f"{photos.root} has no train or val photographs with label maps, by which --void-unread tells "
            "what a reader reads badly: name some with --data"
        )
    if made := [sample for sample in found if photos.kind_of(sample) not in REAL_KINDS]:
        raise InputError(
            f"{photos.root} has pictures of the kind {photos.kind_of(made[0])}: --void-unread holds "
            "paintings to real photographs alone, name some with --data"
        )
    return found


def measure_losses(
    reader: MapReader, photos: DatasetReader, classes: Sequence[str], progress: Progress
) -> MeanLosses:
    """Over the train and val photographs; test photographs are not looked at."""
    samples = list_photographs(photos)
    total, count = np.zeros(len(classes)), np.zeros(len(classes), np.int64)
    progress.begin(total=len(samples), done=0)
    try:
        for sample in samples:
            ids = read_ids(photos, sample, classes)
            losses, known = reader.tell(photos.load_rgb(sample)).losses(ids), ids < len(classes)
            total += np.bincount(ids[known], weights=losses[known], minlength=len(classes))
            count += np.bincount(ids[known], minlength=len(classes))
            progress.accepted(sample.name)
    finally:
        progress.end()
    shown = zip(classes, total, count, strict=True)
    return MeanLosses({name: float(sum_ / n) for name, sum_, n in shown if n})


def recall_losses(out: Path, config: Mapping[str, Any]) -> MeanLosses | None:
    """What was measured when a painted dataset of this ``made_by.config`` was begun; None where none was."""
    if not (out / INFO_FILE).is_file():
        return None
    made_by = read_info(out).made_by
    try:
        same = made_by.config == json.loads(json.dumps(config))
        return MeanLosses(_MEANS.validate_python(made_by.figures.get(_KEY))) if same else None
    except ValidationError:
        return None
