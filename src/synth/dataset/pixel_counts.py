"""How many pixels each class of a dataset's semantic maps has, by split."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synth.dataset.reader import DatasetReader
from synth.dataset.record import SPLITS, Split

VOID = "void"


def count_pixels(dataset: DatasetReader) -> dict[Split, NDArray[np.int64]]:
    """Pixels of each class and then of void, [C + 1], by split; empty where no sample has a map.

    Reads every map, one after the other.
    """
    semantic = dataset.info.semantic
    if semantic is None:
        return {}
    counts = {split: np.zeros(len(semantic.names) + 1, np.int64) for split in SPLITS}
    for sample in dataset:
        ids = dataset.load_semantic(sample)
        if ids is not None:
            found = np.bincount(ids.ravel(), minlength=semantic.void + 1)
            counts[sample.split][:-1] += found[: len(semantic.names)]
            counts[sample.split][-1] += found[semantic.void]
    return counts


def share_of_pixels(dataset: DatasetReader) -> dict[str, dict[Split, float]]:
    """The share of each class in the labelled pixels of a split, and of void in all of them.

    0 in a split without labelled pixels.
    """
    semantic, counts = dataset.info.semantic, count_pixels(dataset)
    if semantic is None or not sum(n.sum() for n in counts.values()):
        return {}
    shares: Mapping[Split, NDArray[np.float64]] = {
        split: np.append(n[:-1] / max(1, n[:-1].sum()), n[-1] / max(1, n.sum()))
        for split, n in counts.items()
    }
    return {
        name: {split: float(shares[split][i]) for split in SPLITS}
        for i, name in enumerate((*semantic.names, VOID))
    }
