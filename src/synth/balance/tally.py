"""How much of each class maps show: in pixels, in images, in components."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synth.balance.choices import Measure
from synth.balance.label_map import LabelMap
from synth.balance.pieces import find_pieces

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """Of some maps: how many, and of each class [C] its pixels, the maps that show it, its components."""

    n_maps: int
    pixels: Counts
    images: Counts
    components: Counts

    @classmethod
    def nothing(cls, n_classes: int) -> Self:
        """Of no map."""
        none = np.zeros(n_classes, np.int64)
        return cls(0, none, none, none)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.n_maps + other.n_maps,
            self.pixels + other.pixels,
            self.images + other.images,
            self.components + other.components,
        )

    def shares(self, measure: Measure) -> NDArray[np.float64]:
        """Of each class [C]: in the labelled pixels, in the maps, in the components. 0 of nothing."""
        counts: Counts = getattr(self, measure)
        whole = self.n_maps if measure == "images" else int(counts.sum())
        return np.asarray(counts / max(1, whole))


def count_map(of: LabelMap, n_classes: int) -> Tally:
    """Of one map."""
    pixels = np.bincount(of.ids.ravel(), minlength=n_classes + 1)[:n_classes].astype(np.int64)
    components = np.zeros(n_classes, np.int64)
    for piece in find_pieces(of, [int(c) for c in np.flatnonzero(pixels)]):
        components[piece.class_id] += 1
    return Tally(1, pixels, (pixels > 0).astype(np.int64), components)
