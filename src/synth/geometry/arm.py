"""Arms of six revolute joints: kinematics, shapes of links, and the timing of joint moves.

Frames are those of the controller: ``base`` is the frame its poses are given in, ``flange`` is where a tool
is screwed on. What belongs to one arm alone stands in `ArmModel`; `synth.geometry.arms` has them by name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

FinishName = Literal["silver", "tube", "cap", "rubber", "steel"]


@dataclass(frozen=True, eq=False)
class DH:
    """Standard Denavit–Hartenberg parameters of six revolute joints, [6] each; theta_rad is added to q."""

    a_m: Array
    d_m: Array
    alpha_rad: Array
    theta_rad: Array = field(default_factory=lambda: np.zeros(6))


@dataclass(frozen=True, eq=False)
class Capsules:
    """Rounded cylinders: segments a_m to b_m [...,N,3], radius_m [N]; body [N] is what each belongs to."""

    a_m: Array
    b_m: Array
    radius_m: Array
    body: np.ndarray[tuple[int], np.dtype[np.intp]]


@dataclass(frozen=True, eq=False)
class Piece:
    """A solid in its link's frame and the name of its surface."""

    mesh: Mesh
    finish: FinishName


@dataclass(frozen=True, eq=False)
class ArmModel:
    """All that is known of one make of arm.

    title: its maker's name for it. dh: nominal parameters. joint_limit_rad: range of each joint, ±, [6].
    joint_speed_limit_rad_s, acceleration_limit_rad_s2: [6] and one for all. reach_m: [6], how far from each
    joint's axis anything can be that it moves, a load of 0.15 m on the flange included. payload_kg: the most
    it carries. link_capsules: its links in link frames; ``body`` indexes link_names, base first, a link a
    frame. never_touch: pairs of links two joints apart that pass each other at every angle. links: the pieces
    of seven links, in the frames that `joint_frames` returns.
    """

    title: str
    dh: DH
    joint_limit_rad: Array
    joint_speed_limit_rad_s: Array
    acceleration_limit_rad_s2: float
    reach_m: Array
    payload_kg: float
    link_names: tuple[str, ...]
    link_capsules: Capsules
    never_touch: tuple[tuple[int, int], ...]
    links: Callable[[], tuple[tuple[Piece, ...], ...]]


def joint_frames(q_rad: ArrayLike, dh: DH) -> Array:
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


def forward(q_rad: ArrayLike, dh: DH) -> Array:
    """T_base_flange [...,4,4] of joints q_rad [...,6]."""
    return joint_frames(q_rad, dh)[..., 6, :, :]


def link_capsules(q_rad: ArrayLike, arm: ArmModel) -> Capsules:
    """The link shapes in base for joints q_rad [...,6]; segments are [...,N,3]."""
    capsules = arm.link_capsules
    return place_capsules(capsules, joint_frames(q_rad, arm.dh)[..., capsules.body, :, :])


def place_capsules(capsules: Capsules, T: Array) -> Capsules:
    """Capsules moved by T [...,N,4,4], or by one T [...,1,4,4] for all."""
    ends = np.stack([capsules.a_m, capsules.b_m], axis=-1)
    moved = T[..., :3, :3] @ ends + T[..., :3, 3:]
    return Capsules(moved[..., 0], moved[..., 1], capsules.radius_m, capsules.body)


def joint_path(
    q_from_rad: ArrayLike, q_to_rad: ArrayLike, arm: ArmModel, max_travel_m: float = 0.01
) -> Array:
    """[M,6] evenly spaced joints on a joint-space line, both ends included.

    No point of the arm or its load travels farther than ``max_travel_m`` from one to the next.
    """
    q_from, q_to = np.asarray(q_from_rad, dtype=float), np.asarray(q_to_rad, dtype=float)
    n_steps = max(1, int(np.ceil(np.abs(q_to - q_from) @ arm.reach_m / max_travel_m)))
    return np.asarray(q_from + np.linspace(0.0, 1.0, n_steps + 1)[:, None] * (q_to - q_from))


def trapezoid_time_s(dq_rad: ArrayLike, speed_rad_s: float, acceleration_rad_s2: float) -> Array:
    """Seconds [...] that a synchronous joint move over dq_rad [...,6] takes.

    The joint with the longest way is the leading axis: it accelerates, cruises at ``speed_rad_s`` and brakes,
    or never reaches that speed on a short way (a triangle); the others follow in proportion.
    """
    way = np.abs(np.asarray(dq_rad, dtype=float)).max(axis=-1)
    v, a = speed_rad_s, acceleration_rad_s2
    return np.asarray(np.where(way >= v * v / a, way / v + v / a, 2 * np.sqrt(way / a)))
