"""Maps seen coarsely, without what stands in them: which of them are alike, and where their ground begins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from synth.dataset.label_maps import Ids

STEP_PX = 8
"""One pixel of so many is looked at, each way."""

_LEAST_WIDE = 0.02
"""Of a map's width: what begins in a row covers so much of it."""


@dataclass(frozen=True, eq=False)
class Layouts:
    """coarse: of each training map its pixels `STEP_PX` apart, things cleared away; void is ``n_classes``."""

    coarse: Sequence[Ids]
    n_classes: int

    def list_alike(self, base: int, others: Sequence[int]) -> list[int]:
        """Those of some maps that have the size of a base, the one first whose pixels agree most with it."""
        own = self.coarse[base]
        same = [i for i in others if self.coarse[i].shape == own.shape]
        return sorted(same, key=lambda i: -int(np.count_nonzero(self.coarse[i] == own)))

    def find_beginnings(self, class_id: int) -> NDArray[np.float64]:
        """The row in which a class begins in each map [M], as a fraction of the height; nan without it."""
        found = np.full(len(self.coarse), np.nan)
        for i, ids in enumerate(self.coarse):
            rows = np.flatnonzero((ids == class_id).mean(axis=1) >= _LEAST_WIDE)
            if rows.size:
                found[i] = rows[0] / len(ids)
        return found


def see_coarsely(ids: Ids) -> Ids:
    """A map's pixels, `STEP_PX` apart."""
    return ids[::STEP_PX, ::STEP_PX].copy()


def clear_classes(ids: Ids, classes: Sequence[int], n_classes: int) -> Ids:
    """A map [H,W] without some classes: where one was is the nearest that is none of them; void stays."""
    gone = np.isin(ids, classes)
    known = ~gone & (ids < n_classes)
    if not gone.any() or not known.any():
        return ids.copy()
    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.where(gone, ids[rows, columns], ids).astype(np.uint16)
