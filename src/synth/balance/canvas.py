"""A map that is being made: what stands in it, in which order, and the laying of one more thing."""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synth.balance.label_map import LabelMap
from synth.balance.pieces import Piece, find_pieces


@dataclass(eq=False)
class Canvas:
    """ids: [H,W], void being ``n_classes``. owner: [H,W], which of ``pieces`` a pixel is of, from 1 on.

    donors: places of the training maps that gave it something. laid: the owners that were laid.
    """

    n_classes: int
    ids: NDArray[np.uint16]
    owner: NDArray[np.int32]
    pieces: list[Piece] = field(default_factory=list)
    donors: set[int] = field(default_factory=set)
    laid: list[int] = field(default_factory=list)

    def lay(self, piece: Piece, donor: int) -> None:
        """Lay a thing over what is there."""
        self.stand(piece)
        self.ids[piece.window][piece.mask] = piece.class_id
        self.laid.append(len(self.pieces))
        self.donors.add(donor)

    def stand(self, piece: Piece) -> None:
        """Know that a thing stands where it already is."""
        self.pieces.append(piece)
        self.owner[piece.window][piece.mask] = len(self.pieces)

    def to_map(self, known: Collection[int]) -> LabelMap:
        """The map with the instances of the classes of which instances are known."""
        if not known:
            return LabelMap(self.ids)
        seen = [
            i
            for i in np.unique(self.owner[self.owner > 0]).tolist()
            if self.pieces[i - 1].class_id in known and (self.pieces[i - 1].instance or i in self.laid)
        ]
        to_instance = np.zeros(len(self.pieces) + 1, np.uint16)
        to_instance[seen] = np.arange(1, len(seen) + 1)
        return LabelMap(
            self.ids, to_instance[self.owner], {n: self.pieces[i - 1].class_id for n, i in enumerate(seen, 1)}
        )


def begin_canvas(of: LabelMap, things: Collection[int], n_classes: int, donor: int) -> Canvas:
    """A canvas with a map on it, whose things are known to stand there, however small."""
    canvas = Canvas(n_classes, of.ids.copy(), np.zeros(of.shape_hw, np.int32), donors={donor})
    for piece in find_pieces(of, things, least_px=1):
        canvas.stand(piece)
    return canvas
