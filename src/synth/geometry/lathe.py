"""Solids of revolution, for shapes that are turned rather than read from files."""

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

_X, _Y, _ = np.eye(3)
_SEGMENTS = 44


def lathe(
    profile_zr_m: ArrayLike, axis: ArrayLike, origin_m: ArrayLike = (0, 0, 0), *, closed: bool = True
) -> Mesh:
    """The solid that a polyline of (height along the axis, radius) [P,2] sweeps; ``closed``: with discs at
    its ends.
    """
    profile = np.asarray(profile_zr_m, dtype=float)
    if closed:
        profile = np.vstack([[profile[0, 0], 0], profile, [profile[-1, 0], 0]])
    angle = np.arange(_SEGMENTS) * 2 * np.pi / _SEGMENTS
    w = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    u = np.cross(w, _X if abs(w[0]) < 0.9 else _Y)
    u /= np.linalg.norm(u)
    circle = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * np.cross(w, u)
    points = (
        profile[:, 0, None, None] * w + profile[:, 1, None, None] * circle + np.asarray(origin_m, dtype=float)
    )
    ring = np.arange(_SEGMENTS)
    follower = (ring + 1) % _SEGMENTS
    triangles = []
    for i in range(len(profile) - 1):
        low, high = i * _SEGMENTS, (i + 1) * _SEGMENTS
        if profile[i, 1] > 0:
            triangles.append(np.stack([low + ring, low + follower, high + ring], axis=1))
        if profile[i + 1, 1] > 0:
            triangles.append(np.stack([low + follower, high + follower, high + ring], axis=1))
    return Mesh(points.reshape(-1, 3), np.concatenate(triangles).astype(np.int32))


def rounded(
    z0_m: float, z1_m: float, r0_m: float, r1_m: float | None = None, *, fillet_m: float = 0.004
) -> Array:
    """The profile of a cylinder or cone from z0 to z1 with filleted rims."""
    r1_m = r0_m if r1_m is None else r1_m
    turn = np.linspace(0, np.pi / 2, 6)
    low = np.stack([z0_m + fillet_m * (1 - np.sin(turn)), r0_m - fillet_m * (1 - np.cos(turn))], axis=1)[::-1]
    high = np.stack([z1_m - fillet_m * (1 - np.sin(turn)), r1_m - fillet_m * (1 - np.cos(turn))], axis=1)
    return np.vstack([low, high])


def dome(z_m: float, r_m: float, height_m: float) -> Array:
    """The profile of a slightly domed cap that starts at z and ends ``height_m`` further."""
    t = np.linspace(0, 1, 9)[1:]
    top = np.stack(
        [z_m + height_m * (0.55 + 0.45 * np.sin(t * np.pi / 2)), r_m * np.cos(t * np.pi / 2) ** 0.45], axis=1
    )
    return np.vstack(
        [[z_m, r_m - 0.0006], [z_m + 0.5 * height_m, r_m], top[:-1], [z_m + height_m, 0.02 * r_m]]
    )
