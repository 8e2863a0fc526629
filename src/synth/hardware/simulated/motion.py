"""How the emulated arm moves: synchronous trapezoids in joint space, and where it truly ends."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry import se3
from synth.geometry.arm import DH, forward, trapezoid_time_s
from synth.geometry.arms import ARM_MODELS, DEFAULT_ARM
from synth.geometry.se3 import Array

_DH_FIELDS = ("a_m", "d_m", "alpha_rad", "theta_rad")


@dataclass(frozen=True, eq=False)
class ArmTruth:
    """What the arm knows about itself and its users do not.

    dh: its calibrated parameters, through which it reports its TCP. repeatability_m: how far the flange ends
    at most from where its joints say, the same way for the same target.
    """

    dh: DH = field(default_factory=lambda: ARM_MODELS[DEFAULT_ARM].dh)
    repeatability_m: float = 3e-5

    @classmethod
    def with_offsets(
        cls,
        *,
        a_m: ArrayLike = 0.0,
        d_m: ArrayLike = 0.0,
        alpha_rad: ArrayLike = 0.0,
        theta_rad: ArrayLike = 0.0,
        repeatability_m: float = 3e-5,
    ) -> "ArmTruth":
        """An arm whose parameters differ from the published ones by these amounts, [6] or one for all."""
        nominal = cls().dh
        dh = DH(
            a_m=nominal.a_m + np.asarray(a_m),
            d_m=nominal.d_m + np.asarray(d_m),
            alpha_rad=nominal.alpha_rad + np.asarray(alpha_rad),
            theta_rad=nominal.theta_rad + np.asarray(theta_rad),
        )
        return cls(dh, repeatability_m)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        dh = {name: getattr(self.dh, name).tolist() for name in _DH_FIELDS}
        return {**dh, "repeatability_m": self.repeatability_m}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "ArmTruth":
        """The truth that ``to_dict`` described."""
        arrays = {
            name: np.asarray(data[name], dtype=float) for name in ("a_m", "d_m", "alpha_rad", "theta_rad")
        }
        return cls(DH(**arrays), float(data["repeatability_m"]))


def _rounded(q_rad: ArrayLike) -> Array:
    return np.asarray(np.round(np.asarray(q_rad, dtype=float), 6) + 0.0)  # + 0.0 turns −0 into 0.


def target_key(q_rad: ArrayLike) -> int:
    """A 63-bit name of commanded joints [6], equal for targets equal to 1e-6 rad."""
    rounded = _rounded(q_rad)
    return int.from_bytes(hashlib.blake2b(rounded.tobytes(), digest_size=8).digest(), "big") >> 1


def repeatability_offset_rad(q_rad: Array, truth: ArmTruth, seed: int) -> Array:
    """Joint offset [6] that puts the flange up to ``repeatability_m`` away; seed and target decide it."""
    rng = np.random.default_rng([seed, target_key(q_rad)])
    q_rad = _rounded(q_rad)
    direction = rng.standard_normal(6)
    direction /= np.linalg.norm(direction)
    distance_m = truth.repeatability_m * rng.random() ** (1 / 3)
    step = 1e-5
    moved_m = np.linalg.norm(
        forward(q_rad + step * direction, truth.dh)[:3, 3] - forward(q_rad, truth.dh)[:3, 3]
    )
    # Near a direction that hardly moves the flange the offset would grow without end; no joint is that loose.
    return np.asarray(direction * min(distance_m * step / max(float(moved_m), 1e-12), 2e-4))


def inverse_kinematics(T_base_flange: Array, near_rad: Array, dh: DH) -> Array | None:
    """Joints [6] near ``near_rad`` that put the flange there, or None."""
    from scipy.optimize import least_squares

    def error(q_rad: Array) -> Array:
        T = se3.inverse(T_base_flange) @ forward(q_rad, dh)
        return np.concatenate([T[:3, 3], 0.3 * se3.to_rotvec(T)])  # 0.3 m: the arm's size makes both metres.

    found = least_squares(error, near_rad, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    return np.asarray(found.x) if np.abs(found.fun).max() < 1e-6 else None


Profile = Callable[[float], tuple[float, float]]  # seconds -> way and speed of the leading axis


def trapezoid(way_rad: float, speed_rad_s: float, acceleration_rad_s2: float) -> Profile:
    """Way [rad] and speed [rad/s] over time of a move that starts and ends at rest."""
    v, a = speed_rad_s, acceleration_rad_s2
    if way_rad < v * v / a:
        v = float(np.sqrt(way_rad * a))
    ramp_s = v / a
    total_s = way_rad / v + ramp_s

    def at(t_s: float) -> tuple[float, float]:
        if t_s < ramp_s:
            return a * t_s * t_s / 2, a * t_s
        if t_s < total_s - ramp_s:
            return v * (t_s - ramp_s / 2), v
        left_s = max(total_s - t_s, 0.0)
        return way_rad - a * left_s * left_s / 2, a * left_s

    return at


def brake(way_rad: float, speed_rad_s: float, deceleration_rad_s2: float) -> Profile:
    """Way and speed of an axis that is at ``way_rad`` with ``speed_rad_s`` and decelerates to rest."""

    def at(t_s: float) -> tuple[float, float]:
        t_s = min(t_s, speed_rad_s / deceleration_rad_s2)
        return way_rad + speed_rad_s * t_s - deceleration_rad_s2 * t_s * t_s / 2, (
            speed_rad_s - deceleration_rad_s2 * t_s
        )

    return at


class Arm:
    """Joints that move and rest. Encoders read ``q_rad``; the arm is truly at ``q_true_rad``."""

    def __init__(self, q_rad: ArrayLike, truth: ArmTruth, seed: int) -> None:
        self.truth = truth
        self._seed = seed
        self.n_arrivals = 0
        self.rest_s = 1.0
        self._profile: Profile | None = None
        self._t_s = self._total_s = 0.0
        self.place(q_rad)

    def place(self, q_rad: ArrayLike) -> None:
        """Put the arm at rest at ``q_rad`` [6], as power-on or a hand does."""
        self.q_rad, self.qd_rad_s = np.array(q_rad, dtype=float), np.zeros(6)
        self.key = target_key(self.q_rad)
        self._offset_rad = repeatability_offset_rad(self.q_rad, self.truth, self._seed)
        self._profile = None

    @property
    def q_true_rad(self) -> Array:
        return np.asarray(self.q_rad + self._offset_rad)

    @property
    def is_moving(self) -> bool:
        return self._profile is not None

    @property
    def left_s(self) -> float:
        """Seconds of undisturbed motion left; 0 at rest."""
        return self._total_s - self._t_s if self.is_moving else 0.0

    @property
    def until_half_s(self) -> float:
        """Seconds until half of this move's time has gone; 0 or less afterwards."""
        return self._total_s / 2 - self._t_s

    def move(
        self, q_target_rad: Array, speed_rad_s: float, acceleration_rad_s2: float, short_by_rad: float = 0.0
    ) -> None:
        """Start for ``q_target_rad`` [6]; a fault may end the way ``short_by_rad`` early."""
        self.key = target_key(q_target_rad)
        self._q_from, self._q_to = self.q_rad.copy(), np.array(q_target_rad, dtype=float)
        self._offset_from = self._offset_rad
        self._offset_to = repeatability_offset_rad(self._q_to, self.truth, self._seed)
        self._way_rad = float(np.abs(self._q_to - self._q_from).max())
        travel_rad = max(self._way_rad - short_by_rad, 0.0)
        if travel_rad < 1e-9:
            travel_rad = 0.0
            self._profile, self._total_s = (lambda _t: (travel_rad, 0.0)), 0.0
        else:
            self._profile = trapezoid(travel_rad, speed_rad_s, acceleration_rad_s2)
            self._total_s = float(trapezoid_time_s(np.full(6, travel_rad), speed_rad_s, acceleration_rad_s2))
        self._t_s = 0.0

    def stop(self, deceleration_rad_s2: float) -> None:
        """Decelerate to rest along the way."""
        if self._profile is None:
            return
        way_rad, speed_rad_s = self._profile(self._t_s)
        self._profile = brake(way_rad, speed_rad_s, deceleration_rad_s2)
        self._t_s, self._total_s = 0.0, speed_rad_s / deceleration_rad_s2

    def advance(self, dt_s: float) -> bool:
        """Let ``dt_s`` pass; True when the arm came to rest in it."""
        if self._profile is None:
            self.rest_s += dt_s
            return False
        self._t_s += dt_s
        way_rad, speed_rad_s = self._profile(min(self._t_s, self._total_s))
        share = way_rad / self._way_rad if self._way_rad > 0 else 1.0
        if share > 1 - 1e-12:
            self.q_rad, self._offset_rad = self._q_to.copy(), self._offset_to
        else:
            self.q_rad = self._q_from + share * (self._q_to - self._q_from)
            self._offset_rad = self._offset_from + share * (self._offset_to - self._offset_from)
        if self._t_s < self._total_s:
            self.qd_rad_s = (self._q_to - self._q_from) * (speed_rad_s / self._way_rad)
            return False
        self.qd_rad_s = np.zeros(6)
        self.rest_s = self._t_s - self._total_s
        self._profile = None
        self.n_arrivals += 1
        return True
