"""Laying one more thing of a class into a map, where things of its class stand in training maps."""

import math
from collections import Counter
from collections.abc import Collection
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.balance.bank import Shape, Spot, find_beside, find_ground
from synth.balance.canvas import Canvas
from synth.balance.pieces import LEAST_PX, Cut, Piece
from synth.balance.study import Study

Refusal = Literal["border", "void", "nearer", "alike", "rarer", "ground", "unseen"]
"""Why a thing cannot stand somewhere. In this order: it would leave the map, lie over void, stand behind
something nearer, touch a component of its own class, hide more of a rarer thing than may be, stand on another
class than there, be a neighbour of what is never its neighbour in a training map.
"""


MOST_OF_RARER = 0.1
"""So much of a rarer thing may be hidden by one that is laid."""

_TRIES = 60
_BOTTOM_SIGMA, _MIDDLE_SIGMA = 0.01, 0.05
"""How far, of height and width, a thing stands from where one of its class stands in a training map."""

_MOST_SCALED = 1.5
"""A shape is made so much larger or smaller at most; its outline is of pixels."""


def place(
    canvas: Canvas,
    spot: Spot,
    class_id: int,
    camera: int,
    study: Study,
    mirrored: Collection[int],
    rng: np.random.Generator,
) -> Counter[Refusal]:
    """Lay a thing of a class near a spot, or near others of the class where it cannot be; why not, each time.

    Where no place was found, `has_failed` says so. mirrored: classes that look the same in a mirror.
    """
    refused: Counter[Refusal] = Counter()
    for _ in range(_TRIES):
        shape = _draw_shape(spot, class_id, study, rng)
        piece = _to_piece(shape, spot, canvas, study, mirrored, rng)
        why = find_refusal(canvas, piece, spot.ground, study, spot.beside)
        if why is None:
            canvas.lay(piece, shape.donor)
            return refused
        refused[why] += 1
        spot = draw_spot(class_id, camera, study, rng)
    return refused


def has_failed(refused: Counter[Refusal]) -> bool:
    """Whether what `place` gave says that it laid nothing."""
    return refused.total() == _TRIES


def draw_spot(class_id: int, camera: int, study: Study, rng: np.random.Generator) -> Spot:
    """Where some component of a class stands in a training map of a camera, each as likely."""
    spots = study.bank.spots_of(class_id, camera)
    return spots[int(rng.integers(len(spots)))]


def find_refusal(
    canvas: Canvas, piece: Piece, ground: int, study: Study, beside: Collection[int] = ()
) -> Refusal | None:
    """Why a component cannot be laid on a canvas, where it shall stand on a class, with others about its
    feet; None where it can.
    """
    height, width = piece.mask.shape
    rows, columns = canvas.ids.shape
    if piece.top < 1 or piece.left < 1 or piece.bottom > rows - 1 or piece.left + width > columns - 1:
        return "border"
    below = canvas.ids[piece.window][piece.mask]
    if (below == study.n_classes).any():
        return "void"
    owners, counts = np.unique(canvas.owner[piece.window][piece.mask], return_counts=True)
    if any(canvas.pieces[owner - 1].bottom > piece.bottom for owner in owners if owner):
        return "nearer"
    top, left = piece.top - 1, piece.left - 1
    own = np.zeros((height + 2, width + 2), np.uint8)
    own[1:-1, 1:-1] = piece.mask
    around = cv2.dilate(own, np.ones((3, 3), np.uint8)).astype(bool)
    box = slice(top, top + height + 2), slice(left, left + width + 2)
    if (canvas.ids[box][around] == piece.class_id).any():
        return "alike"
    shares = study.tally.pixels
    for owner, count in zip(owners, counts, strict=True):
        if not owner or shares[canvas.pieces[owner - 1].class_id] >= shares[piece.class_id]:
            continue
        if count > MOST_OF_RARER * np.count_nonzero(canvas.owner == owner):
            return "rarer"
    if find_ground(piece.mask, piece.top, piece.left, canvas.ids, study.n_classes, piece.class_id) != ground:
        return "ground"
    about = find_beside(piece.mask, piece.top, piece.left, canvas.ids, study.n_classes)
    if not set(beside) <= about:
        return "ground"
    after = canvas.ids[box].copy()
    after[own.astype(bool)] = piece.class_id
    if study.adjacency.list_unseen(after, own.astype(bool)):
        return "unseen"
    return None


def _draw_shape(spot: Spot, class_id: int, study: Study, rng: np.random.Generator) -> Shape:
    """Of the shapes that stood on the same and are about as high as what stands there, each as likely; the
    nearest where there is none.
    """
    shapes = [shape for shape in study.bank.shapes[class_id] if shape.ground == spot.ground]
    ratios = np.array([spot.height / shape.height for shape in shapes])
    off = np.maximum(ratios, 1 / ratios)
    fits = np.flatnonzero(off <= _MOST_SCALED)
    return shapes[int(rng.choice(fits)) if fits.size else int(off.argmin())]


def _to_piece(
    shape: Shape,
    spot: Spot,
    canvas: Canvas,
    study: Study,
    mirrored: Collection[int],
    rng: np.random.Generator,
) -> Piece:
    """A shape about where a spot says, as high as things are in that row."""
    rows, columns = canvas.ids.shape
    down, across = rng.normal(0, _BOTTOM_SIGMA), rng.normal(0, _MIDDLE_SIGMA)
    wanted = max(0.5 * spot.height, spot.height + study.bank.slopes[shape.class_id] * down)
    is_mirrored = bool(shape.class_id in mirrored and rng.random() < 0.5)
    whole = shape.mask[:, ::-1] if is_mirrored else shape.mask
    mask, (high, wide) = _scale(whole, wanted * rows / whole.shape[0])
    bottom = round((spot.bottom + down) * rows)
    left = round((spot.middle + across) * columns - mask.shape[1] / 2)
    if is_mirrored:
        wide = slice(whole.shape[1] - wide.stop, whole.shape[1] - wide.start)
    cut = Cut(shape.donor, _shift(high, shape.top), _shift(wide, shape.left), is_mirrored)
    return Piece(shape.class_id, bottom - mask.shape[0], left, mask, is_whole=True, cut=cut)


def _shift(window: slice, by: int) -> slice:
    return slice(window.start + by, window.stop + by)


def _scale(mask: NDArray[np.bool_], ratio: float) -> tuple[NDArray[np.bool_], tuple[slice, slice]]:
    """A mask scaled by the nearest pixel, cut to what is left of it; as it was where too little would be.

    Beside it the window of the mask that it is of.
    """
    size = max(1, round(mask.shape[1] * ratio)), max(1, round(mask.shape[0] * ratio))
    scaled = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)
    n, _ = cv2.connectedComponents(scaled.astype(np.uint8), connectivity=8)
    if np.count_nonzero(scaled) < LEAST_PX or n > 1 + _count_parts(mask):
        return mask, (slice(0, mask.shape[0]), slice(0, mask.shape[1]))
    rows, columns = _find_extent(scaled.max(axis=1)), _find_extent(scaled.max(axis=0))
    of = (
        _scale_back(rows, mask.shape[0] / scaled.shape[0]),
        _scale_back(columns, mask.shape[1] / scaled.shape[1]),
    )
    return scaled[rows, columns], of


def _find_extent(shown: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(shown)
    return slice(int(places[0]), int(places[-1]) + 1)


def _scale_back(window: slice, ratio: float) -> slice:
    """The pixels that a window of scaled pixels is of; ratio: pixels a scaled pixel."""
    return slice(math.floor(window.start * ratio), math.ceil(window.stop * ratio))


def _count_parts(mask: NDArray[np.bool_]) -> int:
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1
