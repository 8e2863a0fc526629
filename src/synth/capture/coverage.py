"""How evenly a set of poses covers what a detector and a normal regressor will meet."""

import numpy as np
from numpy.typing import NDArray

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


def pick_spread(
    candidates: Candidates, n: int, size_wh: tuple[int, int], max_tilt_deg: float, allowed: NDArray[np.bool_]
) -> Index:
    """[n] rows among the allowed ones that fill normals, places, spins and normals × places evenly.

    Greedy: each step takes the row whose cells are least full, relative to an even share, and among equals
    the one farthest from all rows taken so far.
    """
    spin = np.minimum(
        ((candidates.spin_rad / (2 * np.pi)) % 1.0 * SPIN_SECTORS).astype(np.intp), SPIN_SECTORS - 1
    )
    partitions = [
        np.unique(cells, return_inverse=True)[1]
        for cells in (
            joint_cells(candidates, size_wh, max_tilt_deg),
            normal_cells(candidates, max_tilt_deg),
            place_cells(candidates, size_wh),
            spin,
        )
    ]
    points = features(candidates, size_wh)
    fullness = [np.zeros(cells.max() + 1) for cells in partitions]
    nearest = np.full(len(candidates), 1.0)
    barred = np.where(allowed, 0.0, np.inf)
    taken: list[int] = []
    for _ in range(n):
        crowding = sum(full[cells] * len(full) for full, cells in zip(fullness, partitions, strict=True))
        row = int(np.argmin(crowding / (len(taken) + 1) - nearest + barred))
        taken.append(row)
        barred[row] = np.inf
        nearest = np.minimum(nearest, np.linalg.norm(points - points[row], axis=1))
        for full, cells in zip(fullness, partitions, strict=True):
            full[cells[row]] += 1
    return np.array(taken, dtype=np.intp)


def _centres(candidates: Candidates) -> Array:
    return (candidates.square_xyxy_px[:, :2] + candidates.square_xyxy_px[:, 2:]) / 2
