"""How evenly a set of poses covers what a detector and a normal regressor will meet."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from synth.cell.candidates import Candidates
from synth.geometry.se3 import Array

TILT_RINGS_SECTORS = (6, 6, 6)
"""Sectors of each ring of tilt, inner to outer; rings are equally wide up to the largest allowed tilt."""

PLACES_XY = (8, 5)
SPIN_SECTORS = 8

Index = NDArray[np.intp]


def features(candidates: Candidates, size_wh: tuple[int, int]) -> Array:
    """[M,6] where near means alike: normal (u, v), place in half widths, half the spin's cosine and sine."""
    half = size_wh[0] / 2
    place = (_centres(candidates) - np.array(size_wh) / 2) / half
    spin = 0.5 * np.stack([np.cos(candidates.spin_rad), np.sin(candidates.spin_rad)], axis=1)
    return np.concatenate([candidates.normal_uvw[:, :2], place, spin], axis=1)


def normal_cells(candidates: Candidates, max_tilt_deg: float) -> Index:
    """[M] cell of the label's normal: ring of tilt and sector of its direction in the image."""
    rings = len(TILT_RINGS_SECTORS)
    ring = np.clip((candidates.tilt_deg / max_tilt_deg * rings).astype(np.intp), 0, rings - 1)
    sectors = np.array(TILT_RINGS_SECTORS)
    turn = np.arctan2(candidates.normal_uvw[:, 1], candidates.normal_uvw[:, 0]) / (2 * np.pi) % 1.0
    sector = np.minimum((turn * sectors[ring]).astype(np.intp), sectors[ring] - 1)
    return np.asarray(np.concatenate([[0], np.cumsum(sectors)[:-1]])[ring] + sector)


def place_cells(candidates: Candidates, size_wh: tuple[int, int]) -> Index:
    """[M] cell of the image that the box's centre is in."""
    column, row = np.clip(
        (_centres(candidates) / np.array(size_wh) * PLACES_XY).astype(np.intp), 0, np.array(PLACES_XY) - 1
    ).T
    return np.asarray(row * PLACES_XY[0] + column)


def joint_cells(candidates: Candidates, size_wh: tuple[int, int], max_tilt_deg: float) -> Index:
    """[M] cell of normal × image place: the grid that the coverage figure counts."""
    n_places = PLACES_XY[0] * PLACES_XY[1]
    return normal_cells(candidates, max_tilt_deg) * n_places + place_cells(candidates, size_wh)


class Spread:
    """Picks poses that fill normals, places, spins and normals × places evenly, pool after pool.

    Greedy: each step takes the pose whose cells are least full, relative to an even share of the cells that
    any pool has reached, and among equals the one farthest from all poses taken so far.
    """

    def __init__(self, size_wh: tuple[int, int], max_tilt_deg: float) -> None:
        self.size_wh, self._max_tilt_deg = size_wh, max_tilt_deg
        n_normals, n_places = sum(TILT_RINGS_SECTORS), PLACES_XY[0] * PLACES_XY[1]
        sizes = (n_normals * n_places, n_normals, n_places, SPIN_SECTORS)
        self._full = [np.zeros(size) for size in sizes]
        self._reached = [np.zeros(size, dtype=bool) for size in sizes]
        self._taken = np.zeros((0, 6))

    @property
    def n_reached(self) -> int:
        """Cells of normals × places that any pool has reached."""
        return int(self._reached[0].sum())

    def pick(self, pool: Candidates, n: int, is_allowed: Callable[[int], bool]) -> Index:
        """At most [n] rows of a pool in the order taken, all of them allowed: fewer where no more are."""
        partitions = self._cells(pool)
        for reached, cells in zip(self._reached, partitions, strict=True):
            reached[cells] = True
        n_reached = [int(reached.sum()) for reached in self._reached]
        points = features(pool, self.size_wh)
        nearest = np.full(len(pool), 1.0)
        if len(self._taken):
            nearest = np.minimum(nearest, cKDTree(self._taken).query(points)[0])
        barred = np.zeros(len(pool))
        taken: list[int] = []
        while len(taken) < n and not np.isinf(barred).all():
            crowding = sum(
                full[cells] * n_cells
                for full, cells, n_cells in zip(self._full, partitions, n_reached, strict=True)
            )
            n_taken = len(self._taken) + len(taken)
            row = int(np.argmin(crowding / (n_taken + 1) - nearest + barred))
            barred[row] = np.inf
            if not is_allowed(row):
                continue
            taken.append(row)
            nearest = np.minimum(nearest, np.linalg.norm(points - points[row], axis=1))
            for full, cells in zip(self._full, partitions, strict=True):
                full[cells[row]] += 1
        self._taken = np.concatenate([self._taken, points[taken]])
        return np.array(taken, dtype=np.intp)

    def _cells(self, pool: Candidates) -> list[Index]:
        spin = ((pool.spin_rad / (2 * np.pi)) % 1.0 * SPIN_SECTORS).astype(np.intp)
        return [
            joint_cells(pool, self.size_wh, self._max_tilt_deg),
            normal_cells(pool, self._max_tilt_deg),
            place_cells(pool, self.size_wh),
            np.minimum(spin, SPIN_SECTORS - 1),
        ]


def _centres(candidates: Candidates) -> Array:
    return (candidates.square_xyxy_px[:, :2] + candidates.square_xyxy_px[:, 2:]) / 2
