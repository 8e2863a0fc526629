"""A frozen segmenter that reads paintings: what it does not read as its map says has drifted."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np

from synth.dataset.codecs import Rgb, decode_semantic, file_sha256
from synth.dataset.label_maps import Ids, find_void
from synth.dataset.origin import REAL_KINDS
from synth.dataset.record import Figure
from synth.errors import InputError
from synth.gan.checkpoint import read_readings
from synth.train.tasks import TASKS
from synth.train.trained import find_weights, load_trained

LEAST_AGREEMENT = 0.5
"""Of a map's pixels; paintings of which less is read as the map says are refused. Ours, not tuned."""


@dataclass(frozen=True)
class Agreement:
    """Shares of a map's pixels that are read as what they are: of all with a class, and of each class."""

    share: float
    by_class: Mapping[str, float]

    def figures(self) -> dict[str, Figure]:
        """For a sample's ``quality``: ``agreement``, and one ``read CLASS`` a class."""
        own: dict[str, Figure] = {f"read {name}": round(share, 4) for name, share in self.by_class.items()}
        return own if isnan(self.share) else {"agreement": round(self.share, 4), **own}


class MapReader:
    """A network that tells classes of pixels, trained on real pictures alone.

    run: its weights, or the folder of its training. classes: of the maps that it will be held to. Raises
    InputError for a network of another kind, for one that lacks a class, and for one that learnt from
    pictures that were made.
    """

    def __init__(self, run: Path, classes: Sequence[str], device: str | None) -> None:
        path = find_weights(run)
        self.sha256, self.readings = file_sha256(path.read_bytes()), read_readings(path)
        for reading in self.readings:
            if reading.kind not in REAL_KINDS:
                raise InputError(
                    f"{run} learnt from {reading.dataset}, which is {reading.kind}: a reader learns from "
                    "real pictures alone"
                )
        self._trained = load_trained(run, device)
        self._task = TASKS[self._trained.task]
        self._classes = tuple(classes)
        known = self._task.classes_of(self._trained.settings)
        if missing := [name for name in classes if name not in known]:
            raise InputError(
                f"{run} does not tell the class {missing[0]} of pixels: synth train segmentation trains a "
                "reader of the maps' classes"
            )

    def read(self, rgb_u8: Rgb) -> Ids:
        """The class of each pixel [H,W] of a picture [H,W,3], as places in ``classes``; void for others."""
        (answer,) = self._task.predict_pictures(self._trained.net, self._trained.settings, [rgb_u8])
        if not isinstance(answer, dict) or "png" not in answer:
            raise InputError(
                f"a network of the task {self._task.name} reads no label maps: synth train segmentation "
                "trains one that does"
            )
        void = find_void(self._classes)
        own = np.full(65536, void, np.uint16)
        for i, name in enumerate(answer["classes"]):
            own[i] = self._classes.index(name) if name in self._classes else void
        return own[decode_semantic(base64.b64decode(answer["png"]), "a reading")]


def compare_maps(ids: Ids, read: Ids, classes: Sequence[str]) -> Agreement:
    """How much of a map [H,W] is read as what it says; void counts nowhere. Nan for a map of void alone."""
    right = ids == read
    known = ids < len(classes)
    by_class = {name: float(right[ids == i].mean()) for i, name in enumerate(classes) if (ids == i).any()}
    return Agreement(float(right[known].mean()) if known.any() else float("nan"), by_class)
