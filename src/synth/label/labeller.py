"""A trained network as one that labels pictures, in the classes that are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb
from synth.dataset.info import SemanticInfo
from synth.errors import InputError
from synth.label.class_table import ClassTable
from synth.train.tasks import TASKS
from synth.train.trained import Trained, find_weights, load_trained

Ids = NDArray[np.uint16]
Sure = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Labeller:
    """run: as it was given. semantic: the classes of its labels. places: [C], of each class that the network
    tells, its label's index there; their number for void.
    """

    run: str
    trained: Trained
    semantic: SemanticInfo
    places: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that the network tells, as it learnt them."""
        return TASKS[self.trained.task].classes_of(self.trained.settings)

    def tell(self, picture: Rgb) -> tuple[Ids, Sure]:
        """The likeliest label of each pixel [H,W] of a picture [H,W,3], and how likely it is, 0 to 1.

        The shares of classes that become one label are added.
        """
        trained, n = self.trained, len(self.semantic.names)
        shares = TASKS[trained.task].tell_pixels(trained.net, trained.settings, picture)  # [C,H,W]
        if not np.array_equal(self.places, np.arange(n)):
            united = np.zeros((n + 1, *shares.shape[1:]), np.float32)
            for place, share in zip(self.places, shares, strict=True):
                united[place] += share
            shares = united
        ids = shares.argmax(axis=0).astype(np.uint16)
        sure = np.minimum(shares.max(axis=0), 1).astype(np.float32)
        ids[ids == n] = self.semantic.void
        return ids, sure


def load_labellers(runs: Sequence[Path], table: ClassTable, device: str | None) -> tuple[Labeller, ...]:
    """The networks of some trainings, all labelling in the same classes.

    Raises InputError for a run without a network, of a task that tells no classes of pixels, for one network
    given twice, and for networks whose classes differ once the table has named them.
    """
    able = [name for name, task in TASKS.items() if task.tells_pixels]
    told: list[tuple[Path, Trained, SemanticInfo]] = []
    for run in runs:
        find_weights(run, able)
        trained = load_trained(run, device)
        if trained.task not in able:
            raise InputError(
                f"{run} is a training of {trained.task}, which does not tell the class of every pixel: give "
                f"one of synth train {' or '.join(able)}"
            )
        told.append((run, trained, TASKS[trained.task].pixel_classes(trained.settings)))
    hashes = [trained.sha256 for _, trained, _ in told]
    for (run, trained, _), first in zip(told, map(hashes.index, hashes), strict=True):
        if told[first][1] is not trained:
            raise InputError(f"{told[first][0]} and {run} are one network: give each --run once")
    wanted = table.unite([semantic for _, _, semantic in told])
    return tuple(
        Labeller(str(run), trained, wanted, table.find_places(semantic.names, wanted, str(run)))
        for run, trained, semantic in told
    )
