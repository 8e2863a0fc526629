"""Polygons in space as triangles: convex ones as fans, others by ear clipping.

Source of the ear clipping: manifold3d, whose triangles keep every corner and every edge of a polygon, so
that a solid stays closed. Doubled corners, corners on a straight edge and holes at a seam are allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import manifold3d
import numpy as np
from numpy.typing import ArrayLike, NDArray

_AREA_TOLERANCE = 1e-6  # Of the square of a polygon's length.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Triangulation:
    """triangles: [T,3] indices of corners, wound as their polygons, polygon by polygon; one of n corners has
    n − 2. crosses: [F], whether a polygon crosses itself, so that nobody can say what it covers.
    """

    triangles: NDArray[np.int64]
    crosses: NDArray[np.bool_]


def triangulate(points: ArrayLike, sizes: Sequence[int] | NDArray[np.int64]) -> Triangulation:
    """Flat or nearly flat polygons as triangles.

    points: [C,3], finite, the corners of all polygons one after the other. sizes: [F], corners of each; a
    polygon of fewer than three has no triangles.
    """
    corners = np.asarray(points, dtype=float).reshape(-1, 3)
    n = np.asarray(sizes, dtype=np.int64)
    starts = np.cumsum(n) - n
    flat = _flattened(corners, n, starts)
    crosses = np.zeros(len(n), bool)
    triangles = np.empty((int(np.maximum(n - 2, 0).sum()), 3), np.int64)
    firsts = np.cumsum(np.maximum(n - 2, 0)) - np.maximum(n - 2, 0)
    for size in np.unique(n[n > 2]):
        alike = np.flatnonzero(n == size)
        polygons = flat[starts[alike, None] + np.arange(size)]
        fan = np.stack([np.zeros(size - 2, int), np.arange(1, size - 1), np.arange(2, size)], axis=1)
        triangles[firsts[alike, None] + np.arange(size - 2)] = starts[alike, None, None] + fan
        for k in np.flatnonzero(~_are_convex(polygons, fan)) if size > 3 else ():
            found = np.asarray(manifold3d.triangulate([polygons[k]]), dtype=np.int64)
            i = alike[k]
            triangles[firsts[i] : firsts[i] + size - 2] = starts[i] + found
            crosses[i] = _overlaps(polygons[k], found)
    return Triangulation(triangles, crosses)


def _flattened(
    corners: NDArray[np.float64], n: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """[C,2]: each polygon from its first corner on, seen along the axis nearest its normal (Newell's), so
    that it runs counter-clockwise.
    """
    polygon = np.repeat(np.arange(len(n)), n)
    local = corners - corners[starts[polygon]]
    following = np.arange(1, len(corners) + 1)
    following[(starts + n)[n > 0] - 1] = starts[n > 0]
    normals = np.zeros((len(n), 3))
    np.add.at(normals, polygon, np.cross(local, local[following]))
    extents = np.zeros((len(n), 3))
    np.maximum.at(extents, polygon, np.abs(local))
    # Of an outline that crosses itself the normal may be none: then its shortest side is looked along.
    axis = (np.abs(normals) - _ROUNDING * extents**2).argmax(axis=1)
    is_towards = normals[np.arange(len(n)), axis] >= 0
    u = np.where(is_towards, axis + 1, axis + 2) % 3
    v = np.where(is_towards, axis + 2, axis + 1) % 3
    rows = np.arange(len(corners))
    return np.stack([local[rows, u[polygon]], local[rows, v[polygon]]], axis=1)


def _are_convex(polygons: NDArray[np.float64], fan: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which polygons [M,N,2] a fan from their first corner fills: every triangle and corner turns left."""
    turns = _areas(polygons, np.roll(polygons, -1, axis=1), np.roll(polygons, -2, axis=1))
    fans = _areas(*np.moveaxis(polygons[:, fan], 2, 0))
    return np.asarray((turns > 0).all(axis=1) & (fans > 0).all(axis=1))


def _areas(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the area [...] of triangles of corners [...,2], positive of those that run counter-clockwise."""
    (ux, uy), (vx, vy) = np.moveaxis(b - a, -1, 0), np.moveaxis(c - a, -1, 0)
    return np.asarray(ux * vy - uy * vx)


def _overlaps(polygon: NDArray[np.float64], triangles: NDArray[np.int64]) -> bool:
    """Whether triangles [T,3] of a polygon [N,2] cover more than it does."""
    areas = _areas(*np.moveaxis(polygon[triangles], 1, 0))
    rounding = _AREA_TOLERANCE * float(np.ptp(polygon, axis=0).max()) ** 2
    return bool(np.abs(areas).sum() - abs(areas.sum()) > rounding)
