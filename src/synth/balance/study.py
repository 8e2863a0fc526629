"""What is measured on training maps before one is made: shares, things, their places, neighbours."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.balance.adjacency import Adjacency, measure_adjacency
from synth.balance.bank import LEAST_GROUND, Bank, Found, describe_piece, make_bank
from synth.balance.canvas import Canvas, begin_canvas
from synth.balance.label_map import LabelMap
from synth.balance.layouts import Layouts, clear_classes, see_coarsely
from synth.balance.pieces import LEAST_PX, Piece
from synth.balance.tally import Tally, count_map
from synth.dataset.label_maps import Ids

THING_SHARE = 0.8
"""A class without known instances is taken for a thing where so many of its components touch no border."""

MOST_HIDDEN = 0.05
"""Of an outline: a component of which more than that touches nearer things may be hidden by them in part."""


@dataclass(frozen=True, eq=False)
class Study:
    """Of all training maps. things: classes that stand one before another. off_border: of each class [C],
    the share of its components that touch no border; nan without any. rows: of each class [C], the mean row
    of its pixels as a fraction of the height; nan without any. layouts: of the maps.
    """

    names: Sequence[str]
    tally: Tally
    things: tuple[int, ...]
    bank: Bank
    adjacency: Adjacency
    off_border: Sequence[float]
    rows: Sequence[float]
    layouts: Layouts

    @property
    def n_classes(self) -> int:
        """Without void."""
        return len(self.names)


def measure_maps(
    read: Callable[[int], LabelMap],
    cameras: Sequence[int],
    names: Sequence[str],
    things: Sequence[int] | None,
    known: Sequence[int],
    on_map: Callable[[], None],
) -> Study:
    """Look at every training map once.

    read: a map by its place. cameras: which camera, or drive, each map is of. things: classes; None for
    ``known`` and those that are taken for things. known: classes of which instances are known.
    """
    n = len(names)
    tally, adjacency = Tally.nothing(n), np.zeros((2, n + 1, n + 1), np.int64)
    whole, row_sums = np.zeros(n), np.zeros(n)
    found: list[Found] = []
    coarse: list[Ids] = []
    for i in range(len(cameras)):
        of = read(i)
        counted, seen = count_map(of, n), measure_adjacency(of.ids, n)
        tally += counted
        adjacency += np.stack([seen.above, seen.beside])
        coarse.append(see_coarsely(of.ids))
        height = of.shape_hw[0]
        rows = np.repeat((np.arange(height) + 0.5) / height, of.shape_hw[1])
        row_sums += np.bincount(of.ids.ravel(), weights=rows, minlength=n + 1)[:n]
        canvas = begin_canvas(of, range(n), n, i)
        for piece in canvas.pieces:
            if piece.is_whole and np.count_nonzero(piece.mask) >= LEAST_PX:
                whole[piece.class_id] += 1
                spot = describe_piece(piece, of, n, cameras[i])
                found.append(Found(i, piece, spot, _find_nearer(canvas, piece)))
        on_map()
    off_border = np.divide(whole, tally.components, out=np.full(n, np.nan), where=tally.components > 0)
    guessed = tuple(c for c in range(n) if c in known or off_border[c] >= THING_SHARE)
    chosen = guessed if things is None else tuple(things)
    pixel_rows = np.divide(row_sums, tally.pixels, out=np.full(n, np.nan), where=tally.pixels > 0)
    layouts = Layouts([clear_classes(ids, chosen, n) for ids in coarse], n)
    shown = [f for f in found if f.hidden_by(chosen) <= MOST_HIDDEN]
    return Study(
        names=tuple(names),
        tally=tally,
        things=chosen,
        bank=make_bank(shown, n, chosen, _find_horizons(shown, pixel_rows, layouts)),
        adjacency=Adjacency(adjacency[0], adjacency[1]),
        off_border=off_border.tolist(),
        rows=pixel_rows.tolist(),
        layouts=layouts,
    )


def _find_horizons(
    found: Sequence[Found], rows: NDArray[np.float64], layouts: Layouts
) -> NDArray[np.float64]:
    """Of each map [M] the row in which the ground begins: of the classes on which components stand, no
    seldom ones, the one that lies lowest.
    """
    grounds = Counter(of.spot.ground for of in found if of.spot is not None)
    usual = [class_id for class_id, n in grounds.items() if n >= LEAST_GROUND * grounds.total()]
    if not usual:
        return np.full(len(layouts.coarse), np.nan)
    return layouts.find_beginnings(max(usual, key=lambda class_id: rows[class_id]))


def _find_nearer(canvas: Canvas, piece: Piece) -> dict[int, float]:
    """Of each class, how much of a component's outline touches nearer components of it."""
    height, width = piece.mask.shape
    around = np.zeros((height + 2, width + 2), np.uint8)
    around[1:-1, 1:-1] = piece.mask
    ring = cv2.dilate(around, np.ones((3, 3), np.uint8)).astype(bool) & ~around.astype(bool)
    owners = canvas.owner[piece.top - 1 : piece.bottom + 1, piece.left - 1 : piece.left + width + 1][ring]
    touched: dict[int, float] = {}
    for owner, count in zip(*np.unique(owners[owners > 0], return_counts=True), strict=True):
        other = canvas.pieces[owner - 1]
        if other.bottom > piece.bottom:
            share = float(count) / len(owners)
            touched[other.class_id] = touched.get(other.class_id, 0.0) + share
    return touched
