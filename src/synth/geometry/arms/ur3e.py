"""Universal Robots' UR3e.

``base`` is the frame RTDE poses are given in (the URDF's ``base_link`` turned by 180° about z), ``flange`` is
tool0 without a TCP.
"""

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.arm import DH, ArmModel, Capsules, Piece
from synth.geometry.lathe import dome, lathe, rounded
from synth.geometry.se3 import Array

_X, _Y, _Z = np.eye(3)

# Housings in metres, each in the frame after its joint (link 0 in base): link, end a, end b, radius.
# Lateral offsets of the upper arm (0.120) and the forearm (0.027) and the measured radii (shoulder 60 mm,
# upper arm 54, elbow 60, forearm 40, wrists 45) are those of Universal Robots' public description of the
# UR3e.
_HOUSINGS: list[tuple[int, tuple[float, float, float], tuple[float, float, float], float]] = [
    (0, (0.0, 0.0, 0.03), (0.0, 0.0, 0.06), 0.066),
    (1, (0.0, -0.02, 0.0), (0.0, 0.0, 0.02), 0.062),
    (2, (0.24355, 0.0, 0.105), (0.24355, 0.0, 0.125), 0.060),
    (2, (0.24355, 0.0, 0.120), (0.0, 0.0, 0.120), 0.054),
    (2, (0.0, 0.0, 0.095), (0.0, 0.0, 0.120), 0.056),
    (3, (0.2132, 0.0, 0.027), (0.2132, 0.0, 0.030), 0.056),
    (3, (0.2132, 0.0, 0.027), (0.0, 0.0, 0.027), 0.043),
    (4, (0.0, -0.035, 0.0), (0.0, 0.005, 0.0), 0.045),
    (5, (0.0, 0.010, 0.0), (0.0, 0.0, 0.005), 0.045),
    (6, (0.0, 0.0, -0.036), (0.0, 0.0, -0.034), 0.039),
]


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
        Piece(lathe(dome(0.001, r_m - 0.0004, cap_m), -w, origin), "cap"),
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


def _links() -> tuple[tuple[Piece, ...], ...]:
    """Sizes follow the arm's outer shape to a few millimetres: looks, shadows and what it hides."""
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


UR3E = ArmModel(
    title="UR3e",
    # Nominal, published by Universal Robots; a real arm's calibrated ones differ by millimetres.
    dh=DH(
        a_m=np.array([0.0, -0.24355, -0.2132, 0.0, 0.0, 0.0]),
        d_m=np.array([0.15185, 0.0, 0.0, 0.13105, 0.08535, 0.0921]),
        alpha_rad=np.array([np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0]),
    ),
    # Ranges and top speeds from the UR3e user manual 5.8; wrist 3, which has no limit, is kept to one, too.
    joint_limit_rad=np.full(6, 2 * np.pi),
    joint_speed_limit_rad_s=np.radians([180.0, 180.0, 180.0, 360.0, 360.0, 360.0]),
    acceleration_limit_rad_s2=float(np.radians(800.0)),
    reach_m=np.array([0.80, 0.79, 0.54, 0.33, 0.25, 0.10]),
    payload_kg=3.0,  # Data sheet.
    link_names=("base", "shoulder", "upper arm", "forearm", "wrist 1", "wrist 2", "wrist 3"),
    link_capsules=Capsules(
        a_m=np.array([a for _, a, _, _ in _HOUSINGS]),
        b_m=np.array([b for _, _, b, _ in _HOUSINGS]),
        radius_m=np.array([r for _, _, _, r in _HOUSINGS]),
        body=np.array([link for link, _, _, _ in _HOUSINGS]),
    ),
    never_touch=((0, 2), (4, 6)),  # Base and upper arm, wrists 1 and 3.
    links=_links,
)
