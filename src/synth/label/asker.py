"""What the network that labels says of each picture; asked in this process, or by an engine's worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from synth.compute.spread import Carried
from synth.dataset.info import SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Figure
from synth.dataset.sample import Sample
from synth.label.labeller import Ids, Labeller
from synth.label.truth import load_frame
from synth.train.trained import load_trained

CONFIDENCE, VOID_SHARE = "confidence", "void_share"
"""In a sample's ``quality``: the mean confidence of its pixels, and how many of them are void."""

COUNTS = 65535
"""A confidence of 1 as it is stored."""

_STEPS = 255
"""In how many steps it is: finer ones would only make files large."""


@dataclass(frozen=True, eq=False)
class Told:
    """Of one picture. ids: its label map [H,W]. sure: how sure each pixel is [H,W], in counts."""

    ids: Ids
    sure: NDArray[np.uint16]
    quality: dict[str, Figure]


@dataclass(frozen=True, eq=False)
class Asker:
    """Asks about pictures of a dataset. kept: names of those that keep the label map that people made."""

    data: DatasetReader
    min_confidence: float
    kept: frozenset[str]

    def ask(self, labeller: Labeller, sample: Sample) -> Told | None:
        """What the network says of one picture; None for one that is kept as it is."""
        if sample.name in self.kept:
            return None
        frame = load_frame(self.data, sample)
        ids, sure = labeller.tell(frame.rgb_u8)
        sure = np.where(frame.seen, np.rint(sure * _STEPS) / _STEPS, 0).astype(np.float32)
        ids[~frame.seen | (sure < self.min_confidence)] = labeller.semantic.void
        n_seen = max(1, int(frame.seen.sum()))
        quality: dict[str, Figure] = {
            CONFIDENCE: round(float(sure.sum(dtype=np.float64)) / n_seen, 4),
            VOID_SHARE: round(float((ids == labeller.semantic.void).mean()), 4),
        }
        return Told(ids, np.rint(sure * COUNTS).astype(np.uint16), quality)


@dataclass(frozen=True, eq=False)
class AskingWorker:
    """A worker for an engine. network: its weights. run, semantic, places: as the labeller has them."""

    asker: Asker
    device: str
    network: Carried
    run: str
    semantic: SemanticInfo
    places: NDArray[np.int64]

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Sample], Told | None]]:
        """Load the network."""
        with self.network.laid_down() as path:
            trained = load_trained(path, self.device)
        yield partial(self.asker.ask, Labeller(self.run, trained, self.semantic, self.places))
