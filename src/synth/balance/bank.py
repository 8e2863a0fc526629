"""What training maps know of things: whole components to lay, and where things stand, how high, on what."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.balance.label_map import LabelMap
from synth.balance.pieces import Piece
from synth.dataset.label_maps import Ids

LEAST_CORRELATION = 0.5
"""From which on the height of a class is taken to follow from where it stands."""

LEAST_GROUND = 0.05
"""A class stands on another where so many of its components do; the others are slips or half hidden."""

LEAST_HEIGHT = 0.65
"""Of what is usual in its row: a lower component, such as feet below a bag, is a fragment."""

MOST_ODD = 0.5
"""A class of which more do so hangs, as signs do, or stands in the open, as cyclists do."""

_NEAR_HORIZON = 0.02
"""Of a map's height: how coarsely is known where the ground begins."""

LEAST_SPOTS = 10
"""Where a camera has fewer of a class, those of all cameras count."""

_ABOUT, _LEAST_BESIDE = 0.05, 0.1
_MOST_VOID = 0.1

_STRIP, _FOOT = 0.02, 0.1
"""How far below its feet lies what a thing stands on, of the map's height; how much of its height the feet
are.
"""


@dataclass(frozen=True, eq=False)
class Shape:
    """A whole component that can be laid. mask: [h,w], whose corner is at row ``top`` and column ``left`` of
    its map. donor: place of that map among the training maps. ground: the class that it stood on.
    """

    class_id: int
    mask: NDArray[np.bool_]
    donor: int
    height: float
    top: int
    left: int
    ground: int


@dataclass(frozen=True)
class Spot:
    """Where a component stands in its map, as fractions: the row below it and its height of the map's height,
    its middle of the map's width. ground: the class that it stands on, void left aside. camera: of its map.
    beside: classes that lie about its feet; in a bank, those that are no things.
    """

    bottom: float
    middle: float
    height: float
    ground: int
    camera: int = 0
    beside: frozenset[int] = frozenset()


@dataclass(frozen=True, eq=False)
class Bank:
    """Of each class: its shapes, its spots, and how much higher it is a row further down (0 where height and
    row do not correlate).
    """

    shapes: Sequence[Sequence[Shape]]
    spots: Sequence[Sequence[Spot]]
    slopes: Sequence[float]

    def spots_of(self, class_id: int, camera: int) -> Sequence[Spot]:
        """Where things of a class stand before a camera; before any, where it has too few."""
        own = [spot for spot in self.spots[class_id] if spot.camera == camera]
        return own if len(own) >= LEAST_SPOTS else self.spots[class_id]

    def is_ready(self, class_id: int) -> bool:
        """Whether something of the class can be laid."""
        return bool(self.shapes[class_id]) and bool(self.spots[class_id])


def describe_piece(piece: Piece, of: LabelMap, n_classes: int, camera: int) -> Spot | None:
    """Where a component stands in its map; None where void lies below it, or at more than a tenth of its
    outline: that may hide some of it.
    """
    ground = find_ground(piece.mask, piece.top, piece.left, of.ids, n_classes, piece.class_id)
    if ground is None or _share_of_void(piece, of, n_classes) > _MOST_VOID:
        return None
    height, width = of.shape_hw
    own_height, own_width = piece.mask.shape
    middle = (piece.left + own_width / 2) / width
    beside = find_beside(piece.mask, piece.top, piece.left, of.ids, n_classes)
    return Spot(piece.bottom / height, middle, own_height / height, ground, camera, beside)


def find_beside(mask: NDArray[np.bool_], top: int, left: int, ids: Ids, n_classes: int) -> frozenset[int]:
    """The classes that lie about the feet of a mask in a map [H,W], a twentieth of its size far, and have a
    tenth of the pixels there or more.
    """
    rows, columns = (max(1, round(_ABOUT * n)) for n in ids.shape)
    foot, (height, width) = top + len(mask), mask.shape
    high = max(foot - min(rows, height), 0)
    around = ids[high : foot + rows, max(left - columns, 0) : left + width + columns]
    shares = np.bincount(around.ravel(), minlength=n_classes + 1)[:n_classes] / around.size
    return frozenset(np.flatnonzero(shares >= _LEAST_BESIDE).tolist())


def _share_of_void(piece: Piece, of: LabelMap, n_classes: int) -> float:
    """How much of what surrounds a component is void."""
    own = np.pad(piece.mask, 1).astype(np.uint8)
    ring = (cv2.dilate(own, np.ones((3, 3), np.uint8)) - own).astype(bool)
    height, width = piece.mask.shape
    ids = np.pad(of.ids, 1, mode="edge")[
        piece.top : piece.top + height + 2, piece.left : piece.left + width + 2
    ]
    return float((ids[ring] == n_classes).mean())


def find_ground(
    mask: NDArray[np.bool_], top: int, left: int, ids: Ids, n_classes: int, class_id: int
) -> int | None:
    """The class that most pixels have just below the feet of a mask that lies in a map [H,W] at a row and a
    column; neither void nor its own. None where there is none, or void is as much.
    """
    height = mask.shape[0]
    feet = np.flatnonzero(mask[height - max(1, round(_FOOT * height)) :].any(axis=0)) + left
    depth = max(1, round(_STRIP * ids.shape[0]))
    below = ids[top + height : top + height + depth, feet]
    known = below[(below < n_classes) & (below != class_id)]
    n_void = np.count_nonzero(below == n_classes)
    return int(np.bincount(known).argmax()) if known.size > n_void else None


@dataclass(frozen=True, eq=False)
class Found:
    """A whole component of the map of a place. nearer: of each class, how much of its
    outline touches nearer components of that class.
    """

    donor: int
    piece: Piece
    spot: Spot | None
    nearer: Mapping[int, float]

    def hidden_by(self, things: Collection[int]) -> float:
        """How much of its outline touches nearer things."""
        return sum(share for class_id, share in self.nearer.items() if class_id in things)


def make_bank(
    found: Sequence[Found], n_classes: int, things: Collection[int], horizons: NDArray[np.float64]
) -> Bank:
    """Of components that can be laid. horizons: of each map [M], the row in which the ground begins."""
    shapes: list[list[Shape]] = [[] for _ in range(n_classes)]
    spots: list[list[Spot]] = [[] for _ in range(n_classes)]
    for class_id in range(n_classes):
        own = [
            (of, replace(of.spot, beside=of.spot.beside - set(things)))
            for of in found
            if of.piece.class_id == class_id and of.spot is not None
        ]
        own = _leave_out(own, [spot.bottom < horizons[of.donor] - _NEAR_HORIZON for of, spot in own])
        own = _leave_out(own, [spot.beside <= {spot.ground} for _, spot in own])
        grounds = Counter(spot.ground for _, spot in own)
        own = [(of, spot) for of, spot in own if grounds[spot.ground] >= LEAST_GROUND * len(own)]
        least = _find_least_heights([spot for _, spot in own])
        for (of, spot), least_height in zip(own, least, strict=True):
            if spot.height >= least_height:
                piece = of.piece
                shapes[class_id].append(
                    Shape(class_id, piece.mask, of.donor, spot.height, piece.top, piece.left, spot.ground)
                )
                spots[class_id].append(spot)
    return Bank(shapes, spots, [_fit_slope(of) for of in spots])


def _leave_out(own: Sequence[tuple[Found, Spot]], are_odd: Sequence[bool]) -> list[tuple[Found, Spot]]:
    """Without the odd ones, unless most are: what ends above the ground may be hidden below by something that
    is no thing, and what stands amid its ground, where its like stand at an edge, finds a place everywhere.
    """
    if sum(are_odd) > MOST_ODD * len(own):
        return list(own)
    return [one for one, is_odd in zip(own, are_odd, strict=True) if not is_odd]


def _find_least_heights(spots: Sequence[Spot]) -> Sequence[float]:
    """Below which each is a fragment; 0 where the class is as high in one row as in another."""
    slope = _fit_slope(spots)
    if not slope:
        return [0.0] * len(spots)
    bottom, height = (float(np.mean([getattr(s, key) for s in spots])) for key in ("bottom", "height"))
    return [LEAST_HEIGHT * (height + slope * (spot.bottom - bottom)) for spot in spots]


def _fit_slope(spots: Sequence[Spot]) -> float:
    """Of height over row, least squares; 0 below the correlation that counts."""
    bottoms, heights = np.array([s.bottom for s in spots]), np.array([s.height for s in spots])
    if len(spots) < 3 or not bottoms.std() or not heights.std():
        return 0.0
    correlation = float(np.corrcoef(bottoms, heights)[0, 1])
    return float(correlation * heights.std() / bottoms.std()) if correlation >= LEAST_CORRELATION else 0.0
