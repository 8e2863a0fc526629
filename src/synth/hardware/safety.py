"""Limits that every motion passes before a driver is called.

Nothing here can clear a stop or move an arm by itself: a motion is passed on as it was asked for, or refused.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synth.cell.clearance import CellClearance
from synth.cell.mesh import CellBodies
from synth.cell.model import JOINT_NAMES, Cell
from synth.errors import UnsafeMotion
from synth.geometry.arm import joint_path
from synth.geometry.clearance import WALL
from synth.geometry.se3 import Array
from synth.hardware.robot import Robot, RobotInfo, RobotState

_TO_HOME = "Jog the arm to home with the pendant, then run the same command again."


@dataclass(frozen=True, eq=False)
class Violation:
    """The first place on a path where something would come too near.

    q_rad: joints [6] there. fraction: 0 at the start of the path, 1 at its end. distance_m: negative in an
    overlap.
    """

    body: str
    other: str
    distance_m: float
    required_m: float
    q_rad: Array
    fraction: float

    def __str__(self) -> str:
        joints = ", ".join(f"{angle:.0f}" for angle in np.degrees(self.q_rad))
        if self.other == WALL:
            what = f"{self.body} would be {-self.distance_m * 1000:.0f} mm outside the workspace box"
        elif self.distance_m < 0:
            what = f"{self.body} would cut {-self.distance_m * 1000:.0f} mm into {self.other}"
        else:
            what = (
                f"{self.body} would be {self.distance_m * 1000:.1f} mm from {self.other} "
                f"({self.required_m * 1000:.0f} mm are kept)"
            )
        return f"{what} at joints [{joints}]°, {self.fraction:.0%} of the way"


class SafetyModel:
    """What a cell allows its arm: joints, distances, speeds."""

    def __init__(self, cell: Cell, bodies: CellBodies) -> None:
        self._clearance = CellClearance(cell, bodies)
        self._arm = cell.robot.arm
        self._max_speed_rad_s = min(
            np.radians(cell.robot.speed_deg_s), self._arm.joint_speed_limit_rad_s.min()
        )
        self._max_acceleration_rad_s2 = np.radians(cell.robot.acceleration_deg_s2)

    def is_free(self, q_rad: ArrayLike) -> NDArray[np.bool_]:
        """[M] whether each of joints [M,6] is within limits and keeps every distance."""
        return self._clearance.is_free(q_rad)

    def first_violation(self, path_rad: Array) -> Violation | None:
        """The first of joints [M,6] along a path that comes too near, by what lacks most there."""
        missing = self._clearance.missing_m(path_rad)
        bad = np.flatnonzero(~(missing <= 0).all(axis=1))
        if len(bad) == 0:
            return None
        at = int(bad[0])
        worst = int(missing[at].argmax())
        required_m = float(self._clearance.required_m[worst])
        body, other = self._clearance.pairs[worst]
        return Violation(
            body=body,
            other=other,
            distance_m=required_m - float(missing[at, worst]),
            required_m=required_m,
            q_rad=path_rad[at],
            fraction=at / max(len(path_rad) - 1, 1),
        )

    def check_path(self, q_from_rad: ArrayLike, q_to_rad: ArrayLike) -> Violation | None:
        """The first thing that the straight joint-space way between two joints [6] would touch, or None."""
        return self.first_violation(joint_path(q_from_rad, q_to_rad, self._arm))

    def check_target(self, q_rad: ArrayLike, *, speed_rad_s: float, acceleration_rad_s2: float) -> Array:
        """The target [6] as floats; raises UnsafeMotion for numbers, joints or speeds beyond their limits."""
        q = np.asarray(q_rad, dtype=float)
        if q.shape != (6,) or not np.isfinite(q).all():
            raise UnsafeMotion(f"A move needs 6 finite joint angles in radians, got {q.tolist()}.")
        for name, angle, (low, high) in zip(JOINT_NAMES, q, self._clearance.joint_range_rad, strict=True):
            if not low <= angle <= high:
                raise UnsafeMotion(
                    f"Joint {name} was asked to go to {np.degrees(angle):.1f}°; it turns from "
                    f"{np.degrees(low):.0f}° to {np.degrees(high):.0f}°. Narrow its range under "
                    "robot.joints, or correct home_deg or park_deg in the cell."
                )
        for key, unit, value, limit in (
            ("speed_deg_s", "°/s", speed_rad_s, self._max_speed_rad_s),
            ("acceleration_deg_s2", "°/s²", acceleration_rad_s2, self._max_acceleration_rad_s2),
        ):
            if not 0 < value <= limit * (1 + 1e-9):
                raise UnsafeMotion(
                    f"A move at {np.degrees(value):.4g} {unit} was asked for; this cell allows more "
                    f"than 0 and at most {np.degrees(limit):.4g} {unit} (robot.{key})."
                )
        return q

    def route(self, q_from_rad: ArrayLike, q_to_rad: ArrayLike, via_rad: ArrayLike) -> list[Array]:
        """Targets to move to one after the other: the goal alone, or ``via_rad`` (home) first where that is
        freer.

        Raises UnsafeMotion when neither way is free.
        """
        q_to, via = np.asarray(q_to_rad, dtype=float), np.asarray(via_rad, dtype=float)
        violation = self.check_path(q_from_rad, q_to)
        if violation is None:
            return [q_to]
        if self.check_path(q_from_rad, via) is None and self.check_path(via, q_to) is None:
            return [via, q_to]
        raise UnsafeMotion(f"No free way to the target: {violation}. {_TO_HOME}")


class GuardedRobot:
    """A `Robot` in front of another that lets a motion through only when its whole path is free.

    The path starts at the measured joints, read just before the move, never at assumed ones.
    """

    def __init__(self, robot: Robot, cell: Cell, bodies: CellBodies) -> None:
        self._robot = robot
        self.safety = SafetyModel(cell, bodies)

    @property
    def info(self) -> RobotInfo:
        return self._robot.info

    def __enter__(self) -> Self:
        self._robot.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._robot.__exit__(kind, error, trace)

    def read_state(self) -> RobotState:
        """As the guarded robot's."""
        return self._robot.read_state()

    def move(self, q_rad: ArrayLike, *, speed_rad_s: float, acceleration_rad_s2: float) -> RobotState:
        """As the guarded robot's; raises UnsafeMotion before it is called when a limit would be broken."""
        q_to = self.safety.check_target(
            q_rad, speed_rad_s=speed_rad_s, acceleration_rad_s2=acceleration_rad_s2
        )
        q_measured = self._robot.read_state().q_rad
        if not np.isfinite(q_measured).all():
            raise UnsafeMotion(
                f"The arm reports joints {q_measured.tolist()}; nothing moves until it knows them."
            )
        violation = self.safety.check_path(q_measured, q_to)
        if violation is not None:
            raise UnsafeMotion(f"The move was not started: {violation}. {_TO_HOME}")
        return self._robot.move(q_to, speed_rad_s=speed_rad_s, acceleration_rad_s2=acceleration_rad_s2)

    def stop(self) -> None:
        """As the guarded robot's; never refused."""
        self._robot.stop()
