"""What every Robot promises, whichever of ARMS it is and whatever stands behind it.

The arm named by SYNTH_ROBOT_CELL (a cell file) is only moved when the tests marked ``hardware`` are asked
for; it moves within 5 degrees of where it stands, at 10 degrees per second.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from synth.cell.load import default_cell, load_cell
from synth.errors import ProtectiveStop, RobotError
from synth.geometry.arms import ARM_MODELS
from synth.hardware.arms import ARMS
from synth.hardware.arms.driver import SimulatedArm
from synth.hardware.robot import Robot, RobotMode, SafetyMode
from synth.hardware.simulated import faults
from synth.hardware.simulated.motion import ArmTruth

SLOW = {"speed_rad_s": np.radians(10), "acceleration_rad_s2": np.radians(20)}
STEP = np.radians([5, 0, 0, 0, 0, 5])


REAL_CELL = os.environ.get("SYNTH_ROBOT_CELL")
REAL = pytest.param(
    "real",
    marks=[
        pytest.mark.hardware,
        pytest.mark.skipif(not REAL_CELL, reason="SYNTH_ROBOT_CELL names no cell file of a real robot"),
    ],
)


@pytest.fixture(scope="module", params=[*ARMS, REAL])
def robot(request: pytest.FixtureRequest) -> Iterator[Robot]:
    if request.param == "real":
        config = load_cell(Path(REAL_CELL or "")).robot
        with ARMS[config.model].robot(config) as robot:
            yield robot
        return
    with simulated(request.param) as (robot, _), robot:
        yield robot


@contextmanager
def simulated(name: str) -> Iterator[tuple[Robot, SimulatedArm]]:
    """An arm, not connected yet, and what stands behind it."""
    config = default_cell().robot.model_copy(update={"model": name})
    with ARMS[name].simulated(config, ArmTruth(config.arm.dh), pace=20.0, seed=0) as pair:
        yield pair


def test_every_arm_that_is_driven_is_known() -> None:
    """A cell file's robot.model names data and a driver."""
    assert list(ARMS) == list(ARM_MODELS)


def test_says_who_it_is(robot: Robot) -> None:
    """Identity is complete once connected."""
    info = robot.info
    assert info.model
    assert info.address
    assert info.serial
    assert info.controller_version


def test_readings_are_fresh_and_whole(robot: Robot) -> None:
    """Each reading is newer than the call, on both clocks, of the right shape, with a rigid tool pose."""
    before_ns = time.monotonic_ns()
    first, second = robot.read_state(), robot.read_state()
    assert before_ns < first.t_ns < second.t_ns
    assert first.controller_time_s < second.controller_time_s
    assert first.q_rad.shape == first.qd_rad_s.shape == (6,)
    assert np.allclose(first.T_base_tool[:3, :3] @ first.T_base_tool[:3, :3].T, np.eye(3), atol=1e-9)
    assert first.robot_mode == RobotMode.RUNNING
    assert first.safety_mode in (SafetyMode.NORMAL, SafetyMode.REDUCED)
    assert 0 < first.speed_scaling <= 1


def test_move_ends_at_rest_at_its_target_and_comes_back(robot: Robot) -> None:
    """There and back: each state is at rest within half a milliradian, and the tool is where it was."""
    home = robot.read_state()
    there = robot.move(home.q_rad + STEP, **SLOW)
    assert np.abs(there.q_rad - home.q_rad - STEP).max() < 5e-4
    assert np.abs(there.qd_rad_s).max() < 0.01
    back = robot.move(home.q_rad, **SLOW)
    assert np.abs(back.T_base_tool - home.T_base_tool).max() < 5e-4
    assert np.abs(there.T_base_tool - home.T_base_tool).max() > 1e-3


def test_move_to_where_it_stands_is_no_error(robot: Robot) -> None:
    """A move of no length ends at once."""
    q_rad = robot.read_state().q_rad
    assert np.abs(robot.move(q_rad, **SLOW).q_rad - q_rad).max() < 5e-4


def test_stop_at_rest_is_harmless(robot: Robot) -> None:
    """stop may be called at any time, and moves work afterwards."""
    q_rad = robot.read_state().q_rad
    robot.stop()
    robot.stop()
    assert np.abs(robot.move(q_rad, **SLOW).q_rad - q_rad).max() < 5e-4


def test_impossible_joints_are_refused_and_nothing_moves(robot: Robot) -> None:
    """Joints outside the controller's limits raise a RobotError; the arm stays."""
    q_rad = robot.read_state().q_rad
    with pytest.raises(RobotError):
        robot.move(q_rad + np.array([0, 0, 9, 0, 0, 0]), **SLOW)
    assert np.abs(robot.read_state().q_rad - q_rad).max() < 5e-4


PASSING = [faults.ConnectionLostFault(how="closed"), faults.ScriptDiesFault()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ARMS)
def test_what_passes_is_survived_and_what_stops_the_arm_is_told(name: str) -> None:
    """A link or script that breaks in a move costs time: the move ends at its target. A protective stop ends
    it with its own error in one sentence, the arm short of its target.
    """
    with simulated(name) as (robot, arm), robot:
        home_rad = robot.read_state().q_rad
        for fault, target in zip(PASSING, (home_rad + STEP, home_rad), strict=True):
            arm.inject(fault)
            assert np.abs(robot.move(target, **SLOW).q_rad - target).max() < 5e-4
        arm.inject(faults.ProtectiveStopFault())
        with pytest.raises(ProtectiveStop, match="clear it at the pendant") as caught:
            robot.move(home_rad + STEP, **SLOW)
        assert "\n" not in str(caught.value)
        assert not arm.arm_state().is_moving
        assert np.abs(arm.arm_state().q_true_rad - home_rad - STEP).max() > 1e-3
