from dataclasses import dataclass, field

import numpy as np
import pytest

from synth.cell.load import default_cell
from synth.cell.mesh import CellBodies, load_bodies
from synth.cell.model import Cell
from synth.errors import UnsafeMotion
from synth.geometry import se3
from synth.geometry.arm import forward
from synth.geometry.arms import ARM_MODELS
from synth.geometry.clearance import CAMERA, TABLE
from synth.hardware.robot import RobotInfo, RobotMode, RobotState, SafetyMode
from synth.hardware.safety import GuardedRobot, SafetyModel, Violation


@dataclass
class Recorder:
    """A robot that writes down what it is told and moves at once."""

    q_rad: np.ndarray
    calls: list[str] = field(default_factory=list)
    info: RobotInfo = field(default_factory=lambda: RobotInfo("UR3e", "here", "1", "5.11", simulated=True))

    def __enter__(self):
        self.calls.append("enter")
        return self

    def __exit__(self, *error):
        self.calls.append("exit")

    def read_state(self):
        T = forward(self.q_rad, ARM_MODELS["ur3e"].dh)
        return RobotState(0, 0.0, self.q_rad, np.zeros(6), T, RobotMode.RUNNING, SafetyMode.NORMAL, 1.0)

    def move(self, q_rad, *, speed_rad_s, acceleration_rad_s2):
        self.calls.append("move")
        self.q_rad = q_rad
        return self.read_state()

    def stop(self):
        self.calls.append("stop")


@pytest.fixture(scope="module")
def cell() -> Cell:
    return default_cell()


@pytest.fixture(scope="module")
def bodies(cell) -> CellBodies:
    return load_bodies(cell)


@pytest.fixture(scope="module")
def safety(cell, bodies) -> SafetyModel:
    return SafetyModel(cell, bodies)


SPEED = {"speed_rad_s": np.radians(90), "acceleration_rad_s2": np.radians(180)}
THROUGH_TABLE = np.radians([15, -190, -50, -70, -90, 0])


def guarded(cell, bodies, q_rad=None):
    robot = Recorder(cell.robot.home_q_rad if q_rad is None else np.asarray(q_rad))
    return robot, GuardedRobot(robot, cell, bodies)


def with_camera_at(cell: Cell, place) -> Cell:
    T = np.array(cell.camera.T_base_cam)
    T[:3, 3] = place
    return cell.model_copy(update={"camera": cell.camera.model_copy(update={"T_base_cam": T})})


def test_a_free_move_is_passed_on_unchanged(cell, bodies):
    """Target, speed and acceleration reach the driver as they were given; the state comes back."""
    robot, guard = guarded(cell, bodies)
    target = cell.robot.home_q_rad + np.radians([10, 0, 0, -10, 5, 40])
    with guard as entered:
        assert entered is guard
        state = guard.move(target, **SPEED)
    np.testing.assert_array_equal(state.q_rad, target)
    assert robot.calls == ["enter", "move", "exit"]
    assert guard.info.model == "UR3e"


def test_home_and_park_are_free_and_joined_by_a_free_way(cell, safety):
    """The default cell can park and come back."""
    assert safety.check_path(cell.robot.home_q_rad, cell.robot.park_q_rad) is None
    assert safety.is_free(np.stack([cell.robot.home_q_rad, THROUGH_TABLE])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (THROUGH_TABLE, "the table"),
        (np.radians([15, -150, -163, -70, -90, 0]), "upper arm|shoulder|table"),
        (np.radians([0, -90, 0, -90, 90, 0]), "workspace"),
        (np.radians([400, -150, -50, -70, -90, 0]), "base.*400.*from -360° to 360°"),
        ([np.nan, 0, 0, 0, 0, 0], "6 finite"),
        ([0, 0, 0], "6 finite"),
    ],
)
def test_an_unsafe_target_never_reaches_the_driver(cell, bodies, target, says):
    """Collisions, joint limits and nonsense are refused in words, and the driver's move is not called."""
    robot, guard = guarded(cell, bodies)
    with pytest.raises(UnsafeMotion, match=says):
        guard.move(target, **SPEED)
    assert robot.calls == []


@pytest.mark.parametrize(
    "change",
    [
        {"speed_rad_s": np.radians(90.1)},
        {"speed_rad_s": 0.0},
        {"speed_rad_s": -1.0},
        {"speed_rad_s": np.nan},
        {"acceleration_rad_s2": np.radians(181)},
        {"acceleration_rad_s2": np.inf},
    ],
)
def test_speeds_beyond_the_cell_never_reach_the_driver(cell, bodies, change):
    """Faster or harder than the cell allows, backwards or not a number: refused, naming the key."""
    robot, guard = guarded(cell, bodies)
    with pytest.raises(UnsafeMotion, match=r"robot\.(speed_deg_s|acceleration_deg_s2)"):
        guard.move(cell.robot.home_q_rad, **{**SPEED, **change})
    assert robot.calls == []


def test_the_path_is_checked_between_free_ends(cell, bodies):
    """A camera that hangs half way: both ends are free, the move is refused, the place is named."""
    left = cell.robot.home_q_rad + np.radians([-35, 0, 0, 0, 0, 0])
    right = cell.robot.home_q_rad + np.radians([35, 0, 0, 0, 0, 0])
    middle = cell.robot.T_base_tool(cell.robot.home_q_rad) @ se3.make(np.eye(3), [0, 0, 0.06])
    blocked = with_camera_at(cell, middle[:3, 3])
    safety = SafetyModel(blocked, bodies)
    assert safety.is_free(np.stack([left, right])).all()
    violation = safety.check_path(left, right)
    assert isinstance(violation, Violation)
    assert violation.other == CAMERA
    assert 0.2 < violation.fraction < 0.5
    robot, guard = guarded(blocked, bodies, left)
    with pytest.raises(UnsafeMotion, match=r"camera.*joints \[.*\]°.*% of the way.*[Jj]og the arm to home"):
        guard.move(right, **SPEED)
    assert robot.calls == []


def test_the_path_starts_where_the_arm_is_measured(cell, bodies):
    """An arm that was pushed elsewhere is not assumed to stand at its last target."""
    robot, guard = guarded(cell, bodies)
    guard.move(cell.robot.home_q_rad, **SPEED)
    robot.q_rad = THROUGH_TABLE
    with pytest.raises(UnsafeMotion, match=f"{TABLE}.* 0% of the way"):
        guard.move(cell.robot.home_q_rad, **SPEED)
    robot.q_rad = np.full(6, np.nan)
    with pytest.raises(UnsafeMotion, match="reports joints"):
        guard.move(cell.robot.home_q_rad, **SPEED)
    assert robot.calls == ["move"]


def test_stopping_is_never_refused(cell, bodies):
    """Stop goes through wherever the arm stands."""
    robot, guard = guarded(cell, bodies, THROUGH_TABLE)
    guard.stop()
    assert robot.calls == ["stop"]


def test_the_way_round_by_home_is_found(cell, bodies):
    """Where the straight way is barred the route goes by the given middle, or says there is none."""
    left = cell.robot.home_q_rad + np.radians([-35, 0, 0, 0, 0, 0])
    right = cell.robot.home_q_rad + np.radians([35, 0, 0, 0, 0, 0])
    under = cell.robot.home_q_rad + np.radians([0, -12, 0, 0, 0, 0])
    middle = cell.robot.T_base_tool(cell.robot.home_q_rad) @ se3.make(np.eye(3), [0, 0, 0.06])
    safety = SafetyModel(with_camera_at(cell, middle[:3, 3]), bodies)
    assert len(safety.route(left, left + 0.01, under)) == 1
    np.testing.assert_array_equal(safety.route(left, right, under), [under, right])
    with pytest.raises(UnsafeMotion, match="No free way"):
        safety.route(left, right, cell.robot.home_q_rad)


def test_a_violation_tells_overlap_from_nearness():
    """Distances read as a person would say them."""
    q = np.zeros(6)
    assert "cut 3 mm into the table" in str(Violation("wrist 2", "the table", -0.003, 0.02, q, 0.5))
    assert "19.6 mm from the table (20 mm are kept)" in str(
        Violation("part", "the table", 0.0196, 0.02, q, 0.5)
    )
    assert "4 mm outside the workspace box" in str(
        Violation("part", "the workspace's wall", -0.004, 0, q, 1.0)
    )
