"""All test images by their looks, and which of them a picture shows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.leak.alignment import FLIPS, NO_WARP, align, flip
from synth.dataset.leak.camera import DEPART_COUNTS, Camera, View, find_cameras
from synth.dataset.leak.look import (
    SMALL,
    WHITE_COUNTS,
    Cells,
    Look,
    Mask,
    describe,
    find_agreement,
    measure_gain,
    peak,
    shrink,
)
from synth.dataset.leak.texture import compare_texture

MIN_SHARES = {160: (0.95, 0.988), 80: (0.95, 0.988), 40: (0.98, 0.998), 20: (0.98, 0.998)}
FEW_CELLS = {160: 5, 80: 5, 40: 0, 20: 0}
"""By cells on a side, the share of them that must agree before a picture shows a test image of a camera that
stands still: of those at labels; and without labels of those that depart from the background, where a few may
disagree all the same."""

MIN_WHOLE_SHARES = {160: 0.93, 80: 0.93, 40: 0.97, 20: 0.97}
"""Likewise, of labels and all else that departs from the background, such as the arm that holds the part: in
small pictures labels have few cells, and parts in two poses may agree in nearly all."""

SAME_SHARE = 0.995
NEAR_SHARES = {80: 0.6, 40: 0.8, 20: 0.99}
"""Where no background is known, a picture is a copy from SAME_SHARE of the judged cells on; from the other
share on, by cells on a side, a near copy: a neighbouring frame of a film, or a copy changed much."""

_N_CANDIDATES = 3
_MIN_CORRELATION, _MAX_RESIDUE, _NOISE_COUNTS = 0.7, 0.6, 4.0
"""Compared closely are so many: those whose 20×20 cells correlate by this, or differ in the judged cells by
at most this share of what departs from the background, with so much noise in a cell."""

_MIXED_SIDE = 80
_MIN_SEEN, _MIN_STANDS_OUT = 0.7, 0.1
"""Of the judged cells, so many must lie within a picture that was moved; of the cells at labels, more must
depart from the background before these are judged."""

_MIN_COMMON, _MIN_COVERAGE, _BARE_SHARE = 0.5, 0.5, 0.98
"""Of the blocks with details, so many must have them in common. A picture of which fewer blocks than the
second have any shows a thing before nothing: moved, it is another picture, and unmoved a copy where so many
cells agree."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A test image: its look, and its labels' boxes [N,4] as fractions of the image."""

    look: Look
    boxes: NDArray[np.float64]

    def in_boxes(self, side: int) -> Mask:
        """The cells [side,side] of the labels' boxes, and one around each."""
        mask = np.zeros((side, side), bool)
        for x0, y0, x1, y1 in self.boxes * side:
            low_x, low_y = max(int(x0) - 1, 0), max(int(y0) - 1, 0)
            mask[low_y : int(np.ceil(y1)) + 1, low_x : int(np.ceil(x1)) + 1] = True
        return mask


@dataclass(frozen=True)
class Match:
    """A test image that a picture shows: its number, the share of the judged cells that agree, and whether it
    is called a near copy.
    """

    i: int
    share: float
    is_near: bool = False


class StandingGallery:
    """Test images of one camera that stands still. What departs from its background tells them apart."""

    def __init__(self, camera: Camera, entries: Sequence[tuple[int, Entry]]) -> None:
        self._camera = camera
        self._entries = tuple(entries)
        self._gains = [measure_gain(entry.look.small, camera.small) for _, entry in entries]
        smalls = np.stack([entry.look.small for _, entry in entries]) * np.array(self._gains)[:, None, None]
        judged = np.stack([self._judge(e, small) for (_, e), small in zip(entries, smalls, strict=True)])
        judged |= ~judged.any(axis=(1, 2), keepdims=True)
        weights = judged.reshape(len(entries), -1).repeat(3, axis=1).astype(np.float32)  # [N,1200]
        smalls = smalls.reshape(len(entries), -1)
        self._weights, self._weighted = weights, weights * smalls
        self._squares = (weights * smalls**2).sum(axis=1)
        floor = weights.sum(axis=1) * _NOISE_COUNTS**2
        self._energy = (weights * (smalls - camera.small.ravel()) ** 2).sum(axis=1) + floor

    def find(self, look: Look) -> Match | None:
        """The test image that a look shows."""
        best: Match | None = None
        for view in self._camera.views(look):
            laid = view.warp.lay(view.cells)[0]
            for at in self._list_candidates(shrink(laid, SMALL)):
                share = self._compare(view, at)
                if share is not None and (best is None or share > best.share):
                    best = Match(self._entries[at][0], share)
        return best

    def _compare(self, view: View, at: int) -> float | None:
        """The share of judged cells that agree, None where they are too few, or there are none.

        An inexact view is laid upon the test image itself.
        """
        entry, gain = self._entries[at][1], self._gains[at]
        side = min(len(view.cells), entry.look.side)
        test, cells = entry.look.at(side) * gain, shrink(view.cells, side)
        judged = self._judge(entry, test)
        if not judged.any():
            return None
        whole = judged | _grow(self._camera.departs(test))
        ceiling = WHITE_COUNTS * np.minimum(view.gain, gain)  # What is brighter was cut off in one of them.
        best = 0.0
        for warp in (view.warp, None if view.is_exact else align(cells, test, view.warp)):
            if warp is not None:
                laid, seen = warp.lay(cells)
                if (judged & seen).sum() >= _MIN_SEEN * judged.sum():
                    laid, shown = np.minimum(laid, ceiling), np.minimum(test, ceiling)
                    if find_agreement(laid, shown, whole & seen) >= MIN_WHOLE_SHARES[side]:
                        best = max(best, find_agreement(laid, shown, judged & seen))
        at_labels, departing = MIN_SHARES[side]
        few = min(FEW_CELLS[side], (1 - at_labels) * judged.sum())
        enough = at_labels if len(entry.boxes) else min(departing, 1 - few / judged.sum())
        return best if best >= enough else None

    def _judge(self, entry: Entry, cells: Cells) -> Mask:
        """Where [S,S] to look: at the labels, and without any, or where they do not stand out, at whatever
        departs from the background; nowhere where nothing does, since one empty bench is like another.
        """
        departs = self._camera.departs(cells)
        boxes = entry.in_boxes(len(cells))
        stands_out = (departs & boxes).sum() > _MIN_STANDS_OUT * boxes.sum()
        return boxes if stands_out else _grow(departs)

    def _list_candidates(self, small: Cells) -> Iterator[int]:
        view = small.ravel()
        residue = self._weights @ view**2 - 2 * self._weighted @ view + self._squares
        shares = np.sqrt(np.maximum(residue, 0) / self._energy)
        for at in np.argsort(shares, kind="stable")[:_N_CANDIDATES]:
            if shares[at] <= _MAX_RESIDUE:
                yield int(at)


class MixedGallery:
    """Test images that share no background. All cells tell them apart."""

    def __init__(self, entries: Sequence[tuple[int, Entry]]) -> None:
        self._entries = tuple(entries)
        rows = [describe(entry.look.small) for _, entry in entries]
        self._descriptions = np.array(rows, np.float32).reshape(len(entries), SMALL * SMALL * 3)

    def find(self, look: Look) -> Match | None:
        """The test image that a look shows."""
        best: Match | None = None
        for axes, i, entry in self._list_candidates(look):
            side = min(look.side, entry.look.side, _MIXED_SIDE)
            share = _compare_all(flip(look.at(side), axes), entry, side)
            if share > (0 if best is None else best.share):
                best = Match(i, share, is_near=share < SAME_SHARE)
        return best

    def _list_candidates(self, look: Look) -> Iterator[tuple[tuple[int, ...], int, Entry]]:
        if not self._entries:
            return
        views = np.stack([describe(flip(look.small, axes)) for axes in FLIPS])  # [4,1200]
        alike = views @ self._descriptions.T  # [4,N]
        for at in np.argsort(-alike, axis=None, kind="stable")[:_N_CANDIDATES]:
            i_flip, i_entry = np.unravel_index(at, alike.shape)
            if alike[i_flip, i_entry] >= _MIN_CORRELATION:
                yield FLIPS[i_flip], *self._entries[i_entry]


class Gallery:
    """The test images of some datasets.

    others: looks of further pictures of these datasets, which help to tell what stands still.
    """

    def __init__(self, entries: Sequence[Entry], others: Iterable[Look] = ()) -> None:
        looks = [*(entry.look for entry in entries), *others]
        self._standing: list[StandingGallery] = []
        loose = set(range(len(entries)))
        for camera, members in find_cameras(looks):
            here = [(i, entries[i]) for i in members if i < len(entries)]
            if here:
                self._standing.append(StandingGallery(camera, here))
                loose -= {i for i, _ in here}
        self._mixed = MixedGallery([(i, entries[i]) for i in sorted(loose)])

    def find(self, look: Look) -> Match | None:
        """The test image that a look shows, None where it shows none."""
        for gallery in self._standing:
            if (match := gallery.find(look)) is not None:
                return match
        return self._mixed.find(look)


def _compare_all(cells: Cells, entry: Entry, side: int) -> float:
    """The share of cells [S,S,3] that agree with a test image's, or of those at labels where that is less; 0
    where they are too few, or the details are not the same.
    """
    test, best = entry.look.at(side), 0.0
    for warp in (NO_WARP, align(cells, test) if side > SMALL else None):
        if warp is None:
            continue
        laid, seen = warp.lay(cells)
        if seen.mean() < _MIN_SEEN:
            continue
        gain = measure_gain(laid, test, seen)
        ceiling = WHITE_COUNTS * np.minimum(gain, 1)
        laid, shown = np.minimum(laid * gain, ceiling), np.minimum(test, ceiling)
        places = (seen & _find_content(test), seen & entry.in_boxes(side))
        share = min(find_agreement(laid, shown, where) for where in places if where.any())
        if share > best and share >= NEAR_SHARES[side]:
            texture = compare_texture(laid, shown, seen)
            is_placed = texture.coverage >= _MIN_COVERAGE or (warp is NO_WARP and share >= _BARE_SHARE)
            if is_placed and texture.common >= _MIN_COMMON:
                best = share
    return best


def _find_content(cells: Cells) -> Mask:
    """Where [S,S] a picture shows something else than its commonest colour; everywhere if that is nowhere."""
    differs = peak(np.abs(cells - np.median(cells, axis=(0, 1)))) > DEPART_COUNTS
    return _grow(differs) if differs.any() else ~differs


def _grow(mask: Mask) -> Mask:
    """With the cells around it."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
