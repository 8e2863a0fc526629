"""The UR3e: kinematics, the shapes of its links, and the timing of its joint moves.

Frames are those of the controller: ``base`` is the frame RTDE poses are given in (the URDF's ``base_link``
turned by 180° about z), ``flange`` is tool0 without a TCP.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.se3 import Array


@dataclass(frozen=True, eq=False)
class DH:
    """Standard Denavit–Hartenberg parameters of six revolute joints, [6] each; theta_rad is added to q."""

    a_m: Array
    d_m: Array
    alpha_rad: Array
    theta_rad: Array = field(default_factory=lambda: np.zeros(6))


UR3E = DH(
    a_m=np.array([0.0, -0.24355, -0.2132, 0.0, 0.0, 0.0]),
    d_m=np.array([0.15185, 0.0, 0.0, 0.13105, 0.08535, 0.0921]),
    alpha_rad=np.array([np.pi / 2, 0.0, 0.0, np.pi / 2, -np.pi / 2, 0.0]),
)
"""Nominal parameters published by Universal Robots; a real arm's calibrated ones differ by millimetres."""

JOINT_LIMIT_RAD = np.full(6, 2 * np.pi)
"""Range of each joint, ±, from the UR3e user manual 5.8; wrist 3, which has no limit, is kept to it too."""

JOINT_SPEED_LIMIT_RAD_S = np.radians([180.0, 180.0, 180.0, 360.0, 360.0, 360.0])
"""Top speed of each joint from the UR3e user manual (version 5.8)."""

REACH_M = np.array([0.80, 0.79, 0.54, 0.33, 0.25, 0.10])
"""How far from each joint's axis anything can be that it moves, a load of 0.15 m on the flange included."""


def joint_frames(q_rad: ArrayLike, dh: DH = UR3E) -> Array:
    """[...,7,4,4] frames in base for joints q_rad [...,6]: base itself, then the frame after each joint."""
    theta = np.asarray(q_rad, dtype=float) + dh.theta_rad
    c, s = np.cos(theta), np.sin(theta)
    ca, sa = np.cos(dh.alpha_rad), np.sin(dh.alpha_rad)
    A = np.zeros((*theta.shape, 4, 4))
    A[..., 0, 0], A[..., 0, 1], A[..., 0, 2], A[..., 0, 3] = c, -s * ca, s * sa, dh.a_m * c
    A[..., 1, 0], A[..., 1, 1], A[..., 1, 2], A[..., 1, 3] = s, c * ca, -c * sa, dh.a_m * s
    A[..., 2, 1], A[..., 2, 2], A[..., 2, 3] = sa, ca, dh.d_m
    A[..., 3, 3] = 1.0
    frames = np.empty((*theta.shape[:-1], 7, 4, 4))
    frames[..., 0, :, :] = np.eye(4)
    for joint in range(6):
        frames[..., joint + 1, :, :] = frames[..., joint, :, :] @ A[..., joint, :, :]
    return frames


def forward(q_rad: ArrayLike, dh: DH = UR3E) -> Array:
    """T_base_flange [...,4,4] of joints q_rad [...,6]."""
    return joint_frames(q_rad, dh)[..., 6, :, :]


LINK_NAMES = ("base", "shoulder", "upper arm", "forearm", "wrist 1", "wrist 2", "wrist 3")


@dataclass(frozen=True, eq=False)
class Capsules:
    """Rounded cylinders: segments a_m to b_m [...,N,3], radius_m [N]; body [N] is what each belongs to."""

    a_m: Array
    b_m: Array
    radius_m: Array
    body: np.ndarray[tuple[int], np.dtype[np.intp]]


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
LINK_CAPSULES = Capsules(
    a_m=np.array([a for _, a, _, _ in _HOUSINGS]),
    b_m=np.array([b for _, _, b, _ in _HOUSINGS]),
    radius_m=np.array([r for _, _, _, r in _HOUSINGS]),
    body=np.array([link for link, _, _, _ in _HOUSINGS]),
)
"""Link shapes in link frames; ``body`` indexes LINK_NAMES."""


def link_capsules(q_rad: ArrayLike, dh: DH = UR3E) -> Capsules:
    """The link shapes in base for joints q_rad [...,6]; segments are [...,N,3]."""
    return place_capsules(LINK_CAPSULES, joint_frames(q_rad, dh)[..., LINK_CAPSULES.body, :, :])


def place_capsules(capsules: Capsules, T: Array) -> Capsules:
    """Capsules moved by T [...,N,4,4], or by one T [...,1,4,4] for all."""
    ends = np.stack([capsules.a_m, capsules.b_m], axis=-1)
    moved = T[..., :3, :3] @ ends + T[..., :3, 3:]
    return Capsules(moved[..., 0], moved[..., 1], capsules.radius_m, capsules.body)


def joint_path(q_from_rad: ArrayLike, q_to_rad: ArrayLike, max_travel_m: float = 0.01) -> Array:
    """[M,6] evenly spaced joints on a joint-space line, both ends included.

    No point of the arm or its load travels farther than ``max_travel_m`` from one to the next.
    """
    q_from, q_to = np.asarray(q_from_rad, dtype=float), np.asarray(q_to_rad, dtype=float)
    n_steps = max(1, int(np.ceil(np.abs(q_to - q_from) @ REACH_M / max_travel_m)))
    return np.asarray(q_from + np.linspace(0.0, 1.0, n_steps + 1)[:, None] * (q_to - q_from))


def trapezoid_time_s(dq_rad: ArrayLike, speed_rad_s: float, acceleration_rad_s2: float) -> Array:
    """Seconds [...] that a synchronous joint move over dq_rad [...,6] takes.

    The joint with the longest way is the leading axis: it accelerates, cruises at ``speed_rad_s`` and brakes,
    or never reaches that speed on a short way (a triangle); the others follow in proportion.
    """
    way = np.abs(np.asarray(dq_rad, dtype=float)).max(axis=-1)
    v, a = speed_rad_s, acceleration_rad_s2
    return np.asarray(np.where(way >= v * v / a, way / v + v / a, 2 * np.sqrt(way / a)))
