"""A frozen segmenter that reads paintings: what it does not read as its map says has drifted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb, file_sha256
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


@dataclass(frozen=True, eq=False)
class Told:
    """What a reader says of a picture. ids: the likeliest class of each pixel [H,W], as places in a map's
    classes; void for others. shares: float32 [C,H,W], how likely each of those classes is there.
    """

    ids: Ids
    shares: NDArray[np.float32]

    def losses(self, ids: Ids) -> NDArray[np.float32]:
        """−log of how likely each pixel's class of a map [H,W] is there, float32 [H,W]; 0 for void."""
        n = len(self.shares)
        own = np.take_along_axis(self.shares, np.minimum(ids, n - 1)[None].astype(np.intp), axis=0)[0]
        losses = -np.log(np.maximum(own, np.finfo(np.float32).tiny))
        return np.where(ids < n, losses, np.float32(0))


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
        if not self._task.tells_pixels:
            raise InputError(
                f"a network of the task {self._task.name} reads no label maps: synth train segmentation "
                "trains one that does"
            )
        known = self._task.classes_of(self._trained.settings)
        if missing := [name for name in classes if name not in known]:
            raise InputError(
                f"{run} does not tell the class {missing[0]} of pixels: synth train segmentation trains a "
                "reader of the maps' classes"
            )
        places, void = {name: i for i, name in enumerate(classes)}, find_void(classes)
        self._places = np.array([places.get(name, void) for name in known], np.uint16)
        self._own = [known.index(name) for name in classes]

    def tell(self, rgb_u8: Rgb) -> Told:
        """The class of each pixel of a picture [H,W,3]."""
        shares = self._task.tell_pixels(self._trained.net, self._trained.settings, rgb_u8)
        return Told(self._places[shares.argmax(axis=0)], shares[self._own])


def compare_maps(ids: Ids, read: Ids, classes: Sequence[str]) -> Agreement:
    """How much of a map [H,W] is read as what it says; void counts nowhere. Nan for a map of void alone."""
    right = ids == read
    known = ids < len(classes)
    by_class = {name: float(right[ids == i].mean()) for i, name in enumerate(classes) if (ids == i).any()}
    return Agreement(float(right[known].mean()) if known.any() else float("nan"), by_class)
