"""The arm as a run moves it: by free ways, slowly at first."""

import numpy as np

from synth.cell.model import RobotCell
from synth.geometry.arm import trapezoid_time_s
from synth.geometry.se3 import Array
from synth.hardware.robot import Robot, RobotState
from synth.hardware.safety import SafetyModel

FIRST_SWEEP_MOVES = 12
"""How many moves after every connection to a real arm go at the cell's ``first_sweep_speed``."""


class Arm:
    """Moves the robot by free ways, slowly at first where it is real."""

    def __init__(self, robot: Robot, safety: SafetyModel, cell: RobotCell) -> None:
        self._robot = robot
        self._safety = safety
        self._cell = cell
        self._n_slow_moves = 0 if robot.info.simulated else FIRST_SWEEP_MOVES

    def read_state(self) -> RobotState:
        """A fresh reading."""
        return self._robot.read_state()

    def go_to(self, q_rad: Array) -> tuple[RobotState, float]:
        """Move to joints [6], by way of home where the straight way is barred.

        Returns the state at rest and the seconds of pure motion on the robot's clock. Raises UnsafeMotion
        when neither way is free.
        """
        state = self._robot.read_state()
        motion_s = 0.0
        for target in self._safety.route(state.q_rad, q_rad, self._cell.home_q_rad):
            slow = self._cell.first_sweep_speed if self._n_slow_moves > 0 else 1.0
            self._n_slow_moves -= 1
            speed_rad_s = float(np.radians(self._cell.speed_deg_s)) * slow
            acceleration_rad_s2 = float(np.radians(self._cell.acceleration_deg_s2)) * slow
            way_rad = target - state.q_rad
            state = self._robot.move(target, speed_rad_s=speed_rad_s, acceleration_rad_s2=acceleration_rad_s2)
            motion_s += float(trapezoid_time_s(way_rad, speed_rad_s, acceleration_rad_s2)) / max(
                state.speed_scaling, 0.01
            )
        return state, motion_s
