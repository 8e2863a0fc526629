"""The shape of the arm: housings, tubes and caps turned on a lathe, in the frames of the joints.

Sizes follow the UR3e's outer shape to a few millimetres; only its looks, shadows and what it hides depend on
them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from synth.cell.model import Surface
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

FinishName = Literal["silver", "tube", "cap", "rubber", "steel"]

ARM_SURFACES: dict[FinishName, Surface] = {
    "silver": Surface(colour_rgb=(188, 190, 192), roughness=0.40, metallic=0.05),
    "tube": Surface(colour_rgb=(180, 182, 185), roughness=0.35, metallic=0.20),
    "cap": Surface(colour_rgb=(87, 124, 147), roughness=0.31),
    "rubber": Surface(colour_rgb=(41, 41, 43), roughness=0.60),
    "steel": Surface(colour_rgb=(186, 184, 182), roughness=0.34, metallic=0.8),
}

_X, _Y, _Z = np.eye(3)
_SEGMENTS = 44


@dataclass(frozen=True, eq=False)
class Piece:
    """A solid in its link's frame and the name of its surface."""

    mesh: Mesh
    finish: FinishName


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


def _dome(z_m: float, r_m: float, height_m: float) -> Array:
    """The profile of a slightly domed cap that starts at z and ends ``height_m`` further."""
    t = np.linspace(0, 1, 9)[1:]
    top = np.stack(
        [z_m + height_m * (0.55 + 0.45 * np.sin(t * np.pi / 2)), r_m * np.cos(t * np.pi / 2) ** 0.45], axis=1
    )
    return np.vstack(
        [[z_m, r_m - 0.0006], [z_m + 0.5 * height_m, r_m], top[:-1], [z_m + height_m, 0.02 * r_m]]
    )


def _joint(
    axis: Array, origin_m: ArrayLike, z0_m: float, z1_m: float, r_m: float, cap_m: float
) -> list[Piece]:
    """A housing from z0 to z1 along an axis; a cap stands on the side of z0, a thin rubber seal before z1."""
    side = 1.0 if z1_m > z0_m else -1.0
    w, length = side * np.asarray(axis, dtype=float), abs(z1_m - z0_m)
    origin = np.asarray(origin_m, dtype=float) + np.asarray(axis) * z0_m
    return [
        Piece(lathe(rounded(0.0012, length - 0.0035, r_m, fillet_m=0.0025), w, origin), "silver"),
        Piece(lathe(rounded(length - 0.0036, length, r_m - 0.0022, fillet_m=0.0008), w, origin), "rubber"),
        Piece(lathe(rounded(-0.0012, 0.0014, r_m - 0.002, fillet_m=0.0003), w, origin), "rubber"),
        Piece(lathe(_dome(0.001, r_m - 0.0004, cap_m), -w, origin), "cap"),
    ]


def _tube(start_m: ArrayLike, end_m: ArrayLike, r0_m: float, r1_m: float) -> Piece:
    start, end = np.asarray(start_m, dtype=float), np.asarray(end_m, dtype=float)
    return Piece(
        lathe(rounded(0, float(np.linalg.norm(end - start)), r0_m, r1_m), end - start, start), "tube"
    )


def _bolts(z_m: float, circle_r_m: float, count: int) -> list[Piece]:
    angles = (np.arange(count) + 0.5) * 2 * np.pi / count
    heads = rounded(0, 0.003, 0.0036, fillet_m=0.0006)
    places = [[circle_r_m * np.cos(a), circle_r_m * np.sin(a), z_m] for a in angles]
    return [Piece(lathe(heads, _Z, place), "steel") for place in places]


def arm_links() -> tuple[tuple[Piece, ...], ...]:
    """The pieces of seven links, in the frames that ``arm.joint_frames`` returns: base, then after each joint
    up to the flange.
    """
    base = [
        Piece(lathe(rounded(0, 0.012, 0.0745, fillet_m=0.002), _Z), "steel"),
        Piece(lathe(rounded(0.010, 0.060, 0.0640, 0.0600), _Z), "silver"),
        Piece(lathe(rounded(0.058, 0.064, 0.0575, fillet_m=0.001), _Z), "rubber"),
        Piece(lathe(rounded(0.063, 0.090, 0.0595, fillet_m=0.003), _Z), "silver"),
        *_bolts(0.012, 0.0685, 4),
    ]
    shoulder = [
        *_joint(_Z, [0, 0, 0], -0.062, 0.066, 0.0565, 0.012),
        Piece(lathe(rounded(-0.062, 0.045, 0.0555, fillet_m=0.006), _Y), "silver"),
    ]
    at_shoulder, at_elbow = [0.24355, 0, 0], [0.2132, 0, 0]
    upper_arm = [
        *_joint(_Z, at_shoulder, 0.178, 0.067, 0.0560, 0.012),
        _tube([0.24355 - 0.035, 0, 0.120], [0.030, 0, 0.120], 0.0425, 0.0390),
        *_joint(_Z, [0, 0, 0], 0.166, 0.068, 0.0470, 0.010),
    ]
    forearm = [
        *_joint(_Z, at_elbow, -0.022, 0.067, 0.0450, 0.010),
        _tube([0.2132 - 0.030, 0, 0.027], [0.022, 0, 0.027], 0.0345, 0.0315),
        *_joint(_Z, [0, 0, 0], -0.014, 0.066, 0.0370, 0.008),
    ]
    wrist_1 = [
        *_joint(_Y, [0, 0, 0], 0.036, -0.064, 0.0325, 0.006),
        Piece(lathe(rounded(-0.030, 0.046, 0.0318, fillet_m=0.004), _Z), "silver"),
    ]
    wrist_2 = [
        *_joint(_Y, [0, 0, 0], -0.036, 0.039, 0.0325, 0.006),
        Piece(lathe(rounded(-0.030, 0.046, 0.0318, fillet_m=0.004), _Z), "silver"),
    ]
    wrist_3 = [
        Piece(lathe(rounded(-0.045, -0.010, 0.0318, fillet_m=0.002), _Z), "silver"),
        Piece(lathe(rounded(-0.0102, -0.0085, 0.0300, fillet_m=0.0004), _Z), "rubber"),
        Piece(lathe(rounded(-0.0087, 0.0, 0.0315, fillet_m=0.0012), _Z), "steel"),
        Piece(lathe(rounded(0.0, 0.012, 0.0068, fillet_m=0.001), _X, [0.028, 0, -0.024]), "rubber"),
    ]
    return tuple(map(tuple, (base, shoulder, upper_arm, forearm, wrist_1, wrist_2, wrist_3)))
