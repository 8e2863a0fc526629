"""The shape that Universal Robots' arms share: housings round their joints, tubes between them.

Sizes follow an arm's outer shape to a few millimetres: looks, shadows, what it hides, what it may hit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.arm import DH, Capsules, Piece
from synth.geometry.lathe import dome, lathe, rounded
from synth.geometry.se3 import Array

_X, _Y, _Z = np.eye(3)

_COVER = 1.1
"""A capsule's radius over that of the cylinder in it: what is left over lets its ends stand inside."""


@dataclass(frozen=True)
class Base:
    """A foot that is bolted down and a cone on it, from z = 0 to height_m in base."""

    foot_r_m: float
    r0_m: float
    r1_m: float
    height_m: float


@dataclass(frozen=True)
class Housing:
    """A cylinder along a joint's axis from start_m to end_m; a cap of cap_m stands before its start."""

    start_m: float
    end_m: float
    r_m: float
    cap_m: float


@dataclass(frozen=True)
class Tube:
    """What joins two joints of a link, at ``at_m`` along their axes; it begins and ends so far from them."""

    at_m: float
    r0_m: float
    r1_m: float
    from_first_m: float
    from_second_m: float


@dataclass(frozen=True)
class Shape:
    """Sizes in metres, each in the frame after its link's joint.

    ``*_body``: what stands across a joint's housing, (start, end, radius); along y at the shoulder, along z
    at the wrists. wrist_3: (start, radius), up to the flange.
    """

    base: Base
    shoulder: Housing
    shoulder_body: tuple[float, float, float]
    upper_arm: tuple[Housing, Tube, Housing]
    forearm: tuple[Housing, Tube, Housing]
    wrist_1: Housing
    wrist_1_body: tuple[float, float, float]
    wrist_2: Housing
    wrist_2_body: tuple[float, float, float]
    wrist_3: tuple[float, float]


def links_of(shape: Shape, dh: DH) -> tuple[tuple[Piece, ...], ...]:
    """The pieces of seven links, base first."""
    start_m, r_m = shape.wrist_3
    wrist_3 = [
        Piece(lathe(rounded(start_m, -0.010, r_m, fillet_m=0.002), _Z), "silver"),
        Piece(lathe(rounded(-0.0102, -0.0085, r_m - 0.0018, fillet_m=0.0004), _Z), "rubber"),
        Piece(lathe(rounded(-0.0087, 0.0, r_m - 0.0003, fillet_m=0.0012), _Z), "steel"),
        Piece(lathe(rounded(0.0, 0.012, 0.0068, fillet_m=0.001), _X, [r_m - 0.0038, 0, -0.024]), "rubber"),
    ]
    return (
        tuple(_base(shape.base)),
        (*_joint(_Z, [0, 0, 0], shape.shoulder), _across(_Y, shape.shoulder_body, fillet_m=0.006)),
        tuple(_limb(shape.upper_arm, -float(dh.a_m[1]))),
        tuple(_limb(shape.forearm, -float(dh.a_m[2]))),
        (*_joint(_Y, [0, 0, 0], shape.wrist_1), _across(_Z, shape.wrist_1_body, fillet_m=0.004)),
        (*_joint(_Y, [0, 0, 0], shape.wrist_2), _across(_Z, shape.wrist_2_body, fillet_m=0.004)),
        tuple(wrist_3),
    )


def capsules_of(shape: Shape, dh: DH) -> Capsules:
    """Capsules that hold every cylinder of the shape, caps included."""
    rows = [_capsule(0, _Z, [0, 0, 0], 0.0, shape.base.height_m, shape.base.foot_r_m)]
    for link, axis, housing, (start_m, end_m, r_m), across in (
        (1, _Z, shape.shoulder, shape.shoulder_body, _Y),
        (4, _Y, shape.wrist_1, shape.wrist_1_body, _Z),
        (5, _Y, shape.wrist_2, shape.wrist_2_body, _Z),
    ):
        rows += [
            _around(link, axis, [0, 0, 0], housing),
            _capsule(link, across, [0, 0, 0], start_m, end_m, r_m),
        ]
    for link, (first, tube, second) in ((2, shape.upper_arm), (3, shape.forearm)):
        length_m = -float(dh.a_m[link - 1])
        rows += [
            _around(link, _Z, [length_m, 0, 0], first),
            _capsule(link, _X, [0, 0, tube.at_m], 0.0, length_m, max(tube.r0_m, tube.r1_m)),
            _around(link, _Z, [0, 0, 0], second),
        ]
    start_m, r_m = shape.wrist_3
    rows.append(_capsule(6, _Z, [0, 0, 0], start_m, 0.0, r_m))
    return Capsules(
        a_m=np.array([a for _, a, _, _ in rows]),
        b_m=np.array([b for _, _, b, _ in rows]),
        radius_m=np.array([r for _, _, _, r in rows]),
        body=np.array([link for link, _, _, _ in rows]),
    )


def _base(base: Base) -> list[Piece]:
    height_m, r1_m = base.height_m, base.r1_m
    return [
        Piece(lathe(rounded(0, 0.012, base.foot_r_m, fillet_m=0.002), _Z), "steel"),
        Piece(lathe(rounded(0.010, height_m - 0.030, base.r0_m, r1_m), _Z), "silver"),
        Piece(
            lathe(rounded(height_m - 0.032, height_m - 0.026, r1_m - 0.0025, fillet_m=0.001), _Z), "rubber"
        ),
        Piece(lathe(rounded(height_m - 0.027, height_m, r1_m - 0.0005, fillet_m=0.003), _Z), "silver"),
        *_bolts(0.012, base.foot_r_m - 0.006, 4),
    ]


def _limb(limb: tuple[Housing, Tube, Housing], length_m: float) -> list[Piece]:
    first, tube, second = limb
    return [
        *_joint(_Z, [length_m, 0, 0], first),
        _tube(
            [length_m - tube.from_first_m, 0, tube.at_m],
            [tube.from_second_m, 0, tube.at_m],
            tube.r0_m,
            tube.r1_m,
        ),
        *_joint(_Z, [0, 0, 0], second),
    ]


def _joint(axis: Array, origin_m: ArrayLike, housing: Housing) -> list[Piece]:
    """A housing along an axis, with its cap, and a thin rubber seal before its end."""
    side = 1.0 if housing.end_m > housing.start_m else -1.0
    w, length = side * np.asarray(axis, dtype=float), abs(housing.end_m - housing.start_m)
    origin = np.asarray(origin_m, dtype=float) + np.asarray(axis) * housing.start_m
    r_m = housing.r_m
    return [
        Piece(lathe(rounded(0.0012, length - 0.0035, r_m, fillet_m=0.0025), w, origin), "silver"),
        Piece(lathe(rounded(length - 0.0036, length, r_m - 0.0022, fillet_m=0.0008), w, origin), "rubber"),
        Piece(lathe(rounded(-0.0012, 0.0014, r_m - 0.002, fillet_m=0.0003), w, origin), "rubber"),
        Piece(lathe(dome(0.001, r_m - 0.0004, housing.cap_m), -w, origin), "cap"),
    ]


def _across(axis: Array, body: tuple[float, float, float], *, fillet_m: float) -> Piece:
    start_m, end_m, r_m = body
    return Piece(lathe(rounded(start_m, end_m, r_m, fillet_m=fillet_m), axis), "silver")


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


_Row = tuple[int, Array, Array, float]


def _around(link: int, axis: Array, origin_m: ArrayLike, housing: Housing) -> _Row:
    cap_m = housing.cap_m if housing.start_m > housing.end_m else -housing.cap_m
    low_m, high_m = sorted((housing.start_m + cap_m, housing.end_m))
    return _capsule(link, axis, origin_m, low_m, high_m, housing.r_m)


def _capsule(link: int, axis: Array, origin_m: ArrayLike, low_m: float, high_m: float, r_m: float) -> _Row:
    """The link, both ends in its frame, and the radius of a capsule round a cylinder along an axis."""
    origin = np.asarray(origin_m, dtype=float)
    inset_m = min(r_m * float(np.sqrt(_COVER**2 - 1)), (high_m - low_m) / 2)
    return link, origin + axis * (low_m + inset_m), origin + axis * (high_m - inset_m), _COVER * r_m
