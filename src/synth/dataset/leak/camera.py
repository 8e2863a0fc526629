"""Cameras that stand still: which pictures share a background, and how another one lies before it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synth.dataset.leak.alignment import FLIPS, NO_WARP, Warp, align_with_background, flip
from synth.dataset.leak.look import (
    SIDES,
    SMALL,
    Cells,
    Look,
    Mask,
    describe,
    measure_gain,
    peak,
    shrink,
    span_around,
)

MIN_PICTURES = 5
"""Of one camera, below which nothing is said of what stands still before it."""

DEPART_COUNTS = 8.0
"""From which a cell shows something else than the background."""

_MIN_STANDING = 0.5
_MOST_PICTURES = 60
_MIN_MEDIAN = 64.0
"""Pictures share a background where so many cells are alike at equal median brightness, which is raised from
no less than the last; the background is a median of so many of them at most."""

_MIN_LIKE, _MIN_CORRELATION = 0.35, 0.6
"""Either must be reached by a picture that may be of a camera, before it is laid upon the background."""

_EDGES = 0.9
_MOST_USUAL, _REGISTERED, _AT_LEAST, _NEARLY = 0.12, 1.5, 0.08, 0.4
"""Misfits: at most of a camera's own pictures, since one that moves blurs its median; of a picture that lies
exactly, so many times the largest of those, or this; of one that may lie nearly so. Captures have 0.04 at
most, shifts of 1 % have 0.17 to 0.3."""


@dataclass(frozen=True, eq=False)
class View:
    """A picture before a background: mirrored and in its exposure.

    cells: [S,S,3], multiplied by gain [3], not moved yet. warp: how they lie. is_exact: whether the
    background's edges say so; else a better warp is to be found from here.
    """

    cells: Cells
    gain: NDArray[np.float32]
    warp: Warp
    is_exact: bool


@dataclass(frozen=True, eq=False)
class Camera:
    """What stands still before a camera.

    background: [S,S,3], the median of its pictures. misfits: of each picture, as `misfit` has it.
    """

    background: Cells
    misfits: tuple[float, ...]

    @classmethod
    def of(cls, looks: Sequence[Look]) -> "Camera":
        """The camera of pictures that share a background."""
        side = min(look.side for look in looks)
        exposed = [(look, measure_gain(look.small, looks[0].small)) for look in looks]
        some = exposed[:: math.ceil(len(looks) / _MOST_PICTURES)]
        background = np.median([look.at(side) * gain for look, gain in some], axis=0)
        camera = cls(np.asarray(background, dtype=np.float32), ())
        return cls(camera.background, tuple(camera.misfit(look.at(side) * gain) for look, gain in exposed))

    @cached_property
    def small(self) -> Cells:
        """The background [20,20,3]."""
        return shrink(self.background, SMALL)

    @cached_property
    def _edges(self) -> dict[int, tuple[Mask, Mask, Cells]]:
        """By side: the cells in which the background changes most, those in which it changes little, and by
        how much the former do [N].
        """
        edges = {}
        for side in {side for side in SIDES if side <= len(self.background)}:
            span = span_around(shrink(self.background, side)) + DEPART_COUNTS
            strong = span >= np.quantile(span, _EDGES)
            edges[side] = strong, span <= np.median(span), span[strong]
        return edges

    def misfit(self, cells: Cells, where: Mask | None = None) -> float:
        """How far cells [S,S,3] are from the background at its strongest edges, as a share of their heights.

        A median, so that what passes before some of them does not count; less what noise there is elsewhere.
        """
        strong, flat, span = self._edges[len(cells)]
        differences = peak(np.abs(cells - shrink(self.background, len(cells))))
        if where is not None:
            span, strong, flat = span[where[strong]], strong & where, flat & where
        if not strong.any() or not flat.any():
            return np.inf
        excess = (differences[strong] - np.median(differences[flat])) / span
        return max(float(np.median(excess)), 0.0)

    def views(self, look: Look) -> Iterator[View]:
        """Every way in which a picture may lie before this background; none where it is of another camera."""
        side = min(look.side, len(self.background))
        own = look.at(side)
        enough = max(_AT_LEAST, _REGISTERED * max(self.misfits))
        is_exact, rest = False, []
        for axes in FLIPS:
            small = flip(look.small, axes)
            gain = measure_gain(small, self.small)
            like = (peak(np.abs(small * gain - self.small)) <= DEPART_COUNTS).mean()
            if like < _MIN_LIKE and describe(small) @ describe(self.small) < _MIN_CORRELATION:
                continue
            cells = flip(own, axes) * gain
            if (misfit := self.misfit(cells)) <= enough:
                is_exact = True
                yield View(cells, gain, NO_WARP, True)
            else:
                rest.append((misfit, cells, gain))
        if is_exact:
            return
        for misfit, cells, gain in rest:
            if misfit <= _NEARLY:
                yield View(cells, gain, NO_WARP, False)
            warp = align_with_background(cells, shrink(self.background, side))
            if warp is not None:
                laid, seen = warp.lay(cells)
                if self.misfit(laid, seen) <= _NEARLY:
                    yield View(cells, gain, warp, False)

    def departs(self, cells: Cells) -> Mask:
        """Where [S,S] a picture of this camera shows something else than the background."""
        background = shrink(self.background, len(cells))
        return peak(np.abs(cells - background)) > DEPART_COUNTS


def find_cameras(looks: Sequence[Look]) -> list[tuple[Camera, list[int]]]:
    """Cameras that stand still, each with the numbers of its pictures; no picture is of two."""
    cameras = []
    for group in _group(looks):
        camera = Camera.of([looks[i] for i in group])
        members = [i for i, misfit in zip(group, camera.misfits, strict=True) if misfit <= _MOST_USUAL]
        if len(members) >= MIN_PICTURES:
            whole = len(members) == len(group)
            cameras.append((camera if whole else Camera.of([looks[i] for i in members]), members))
    return cameras


def _group(looks: Sequence[Look]) -> Iterator[list[int]]:
    """Numbers of pictures of which half the cells are like those of the first."""
    leaders = np.empty((len(looks), SMALL, SMALL, 3), np.float32)
    members: list[list[int]] = []
    for i, look in enumerate(looks):
        small = look.small * (128 / np.maximum(np.median(look.small, axis=(0, 1)), _MIN_MEDIAN))
        alike = peak(np.abs(leaders[: len(members)] - small)) <= DEPART_COUNTS  # [L,20,20]
        shares = alike.mean(axis=(1, 2))
        if len(shares) and shares.max() >= _MIN_STANDING:
            members[int(shares.argmax())].append(i)
        else:
            leaders[len(members)] = small
            members.append([i])
    yield from (group for group in members if len(group) >= MIN_PICTURES)
