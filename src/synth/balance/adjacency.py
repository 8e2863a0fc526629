"""Which classes stand at each other in training maps: above one another, and side by side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.dataset.label_maps import Ids


@dataclass(frozen=True, eq=False)
class Adjacency:
    """above: [C + 1, C + 1], in how many maps some pixel of the one class is just above one of the other;
    beside: likewise, of neighbours in a row, whichever is on the left. The last class is void.
    """

    above: NDArray[np.int64]
    beside: NDArray[np.int64]

    def list_unseen(self, ids: Ids, among: NDArray[np.bool_] | None = None) -> list[tuple[int, int]]:
        """Pairs of neighbours in a map [H,W] that are in no training map; of those alone that have a pixel
        ``among``, where that is given.
        """
        found: list[tuple[int, int]] = []
        for seen, first, second, of in _neighbours(self, ids, among):
            pairs = _count_pairs(first, second, len(self.above), of)
            found += [(int(a), int(b)) for a, b in np.argwhere((pairs > 0) & (seen == 0))]
        return sorted(set(found))


def measure_adjacency(ids: Ids, n_classes: int) -> Adjacency:
    """Of one map [H,W], void being ``n_classes``."""
    n = n_classes + 1
    above = _count_pairs(ids[:-1], ids[1:], n) > 0
    beside = _count_pairs(ids[:, :-1], ids[:, 1:], n) > 0
    return Adjacency(above.astype(np.int64), (beside | beside.T).astype(np.int64))


def _count_pairs(first: Ids, second: Ids, n: int, of: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    both = first.astype(np.intp) * n + second
    return np.bincount(both.ravel() if of is None else both[of], minlength=n * n).reshape(n, n)


def _neighbours(
    of: Adjacency, ids: Ids, among: NDArray[np.bool_] | None
) -> list[tuple[NDArray[np.int64], Ids, Ids, NDArray[np.bool_] | None]]:
    rows = None if among is None else among[:-1] | among[1:]
    columns = None if among is None else among[:, :-1] | among[:, 1:]
    return [
        (of.above, ids[:-1], ids[1:], rows),
        (of.beside, ids[:, :-1], ids[:, 1:], columns),
    ]
