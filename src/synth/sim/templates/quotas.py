"""How many of each class, and which of them share a picture."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from synth.dataset.reader import DatasetReader
from synth.errors import InputError

VAL_SHARE = 4
"""One val instance to so many train ones, where there are val scenes."""


def fill_up(classes: Sequence[str], per_class: int, dataset: DatasetReader) -> dict[str, int]:
    """What each class lacks of ``per_class`` train instances in a dataset; InputError where none lacks
    any.
    """
    there = Counter(i.class_name for s in dataset.of_split("train") for i in s.instances)
    lacking = {name: max(per_class - there[name], 0) for name in classes}
    if not any(lacking.values()):
        raise InputError(
            f"{dataset.root} has {per_class} train instances or more of each class already: "
            "raise --per-class, or leave --fill-up out"
        )
    return lacking


def deal_quotas(quotas: Mapping[str, int], max_parts: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """The classes of each picture, 1 to ``max_parts``, so that each class comes exactly as often as asked."""
    names = [name for name, n in quotas.items() for _ in range(n)]
    shuffled = [names[int(k)] for k in rng.permutation(len(names))]
    pictures = []
    while shuffled:
        n = int(rng.integers(1, max_parts + 1))
        pictures.append(tuple(shuffled[:n]))
        shuffled = shuffled[n:]
    return pictures


def deal_pictures(
    n_pictures: int, classes: Sequence[str], max_parts: int, rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """The classes of each of so many pictures, all of them equally often but for what does not divide."""
    sizes = rng.integers(1, max_parts + 1, n_pictures)
    n_rounds = -(-int(sizes.sum()) // len(classes))
    names = iter([classes[int(k)] for _ in range(n_rounds) for k in rng.permutation(len(classes))])
    return [tuple(next(names) for _ in range(int(n))) for n in sizes]
