"""The emulated controller by itself: motion, faults and clock without sockets, then its process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.errors import RobotConnectionLost
from synth.geometry import se3
from synth.geometry.arm import forward, trapezoid_time_s
from synth.hardware.robot import SafetyMode
from synth.hardware.simulated import dashboard, faults, motion
from synth.hardware.simulated.controller import ControllerProcess
from synth.hardware.simulated.controller_core import (
    ControllerCore,
    ControllerOptions,
    RuntimeState,
    _pose,
    _to_pose,
)
from synth.hardware.simulated.controller_readings import read
from synth.hardware.simulated.motion import Arm, ArmTruth

HOME = np.radians([15, -150, -50, -70, -90, 0])
PORTS = (29999, 30004, 30003, 30002)
JOINTS = st.lists(st.floats(-3, 3), min_size=6, max_size=6).map(lambda q: np.round(q, 6))


class Clock:
    """A wall clock that a test turns."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def make_core(**options: object) -> tuple[ControllerCore, Callable[[float], None]]:
    clock = Clock()
    core = ControllerCore(ControllerOptions(q_rad=tuple(HOME), **options), clock)

    def wait(seconds: float) -> None:
        for _ in range(max(int(seconds / 0.01), 1)):
            clock.now_s += 0.01
            core.advance()

    core.upload("def rtde_control():\nend\n")
    wait(0.05)
    return core, wait


def send(core: ControllerCore, command: int, doubles: list[float] = (), asynchronous: int = 0) -> None:
    names = [f"input_double_register_{i}" for i in range(len(doubles))]
    core.write_inputs(names, list(map(float, doubles)))
    core.write_inputs(["input_int_register_1", "input_int_register_0"], [asynchronous, command])


@given(st.floats(1e-4, 6), st.floats(0.05, 3), st.floats(0.1, 10), st.floats(0, 1))
def test_trapezoid_ends_where_and_when_it_says(
    way: float, speed: float, acceleration: float, share: float
) -> None:
    """A profile starts and ends at rest, takes the time that planning expects, never exceeds its limits."""
    profile = motion.trapezoid(way, speed, acceleration)
    total_s = float(trapezoid_time_s(np.full(6, way), speed, acceleration))
    assert profile(0.0) == (0.0, 0.0)
    end, end_speed = profile(total_s)
    assert end == pytest.approx(way, abs=1e-9)
    assert end_speed == pytest.approx(0, abs=1e-6)
    at, v = profile(share * total_s)
    assert -1e-12 <= at <= way + 1e-9
    assert v <= min(speed, (way * acceleration) ** 0.5) * (1 + 1e-9)


@given(JOINTS, st.integers(0, 2**31))
def test_repeatability_is_bounded_and_belongs_to_the_target(q_rad: np.ndarray, seed: int) -> None:
    """The flange ends within 0.03 mm of its encoders' place, always the same way for one seed and target."""
    truth = ArmTruth()
    offset = motion.repeatability_offset_rad(q_rad, truth, seed)
    moved_m = forward(q_rad + offset, truth.dh)[:3, 3] - forward(q_rad, truth.dh)[:3, 3]
    assert np.linalg.norm(moved_m) <= 3e-5 * 1.01
    assert np.array_equal(offset, motion.repeatability_offset_rad(q_rad + 1e-9, truth, seed))


def test_where_the_arm_ends_does_not_depend_on_where_it_came_from() -> None:
    """Two histories that end at one target leave the arm at the same place, bit for bit."""
    ends = []
    for stops in ([HOME + 0.3], [HOME + 0.1, HOME - 0.2, HOME + 0.3]):
        simulated = Arm(HOME, ArmTruth(), seed=7)
        for q_rad in stops:
            simulated.move(q_rad, 1.0, 2.0)
            while not simulated.advance(0.0137):
                pass
        ends.append(simulated.q_true_rad)
    assert np.array_equal(*ends)
    assert not np.array_equal(ends[0], HOME + 0.3)


def test_stop_decelerates_along_the_way() -> None:
    """stopJ ends on the joint line, not at the target, after v²/2a."""
    core, wait = make_core()
    send(core, 1, [*HOME + np.array([0.8, 0.4, 0, 0, 0, 0]), 0.5, 5.0], asynchronous=1)
    wait(0.6)
    at = core.arm.q_rad[0]
    core.write_inputs(["input_int_register_0"], [0])
    send(core, 34, [2.0])
    wait(0.5)
    assert not core.arm.is_moving
    assert core.arm.q_rad[0] - at == pytest.approx(0.5**2 / 4, abs=2e-3)
    assert (core.arm.q_rad - HOME)[1] == pytest.approx((core.arm.q_rad - HOME)[0] / 2)


def test_synchronous_move_answers_done_only_on_arrival() -> None:
    """The handshake: 1 ready, 2 done, and in between neither."""
    core, wait = make_core()
    send(core, 1, [*(HOME + 0.2), 1.0, 2.0])
    assert read(core, "output_int_register_0") == 1
    wait(0.1)
    assert read(core, "output_int_register_0") == 1
    wait(1.0)
    assert read(core, "output_int_register_0") == 2
    assert np.array_equal(core.arm.q_rad, HOME + 0.2)


def test_speed_slider_and_pace_scale_motion() -> None:
    """Half the slider takes twice the controller's time; pace turns wall time into controller time."""
    took_s = []
    for slider in (1.0, 0.5):
        core, wait = make_core(pace=2.0)
        core.slider = slider
        before_s = core.time_s
        send(core, 1, [*(HOME + 0.5), 1.0, 2.0])
        while core.arm.is_moving:
            wait(0.01)
        took_s.append(core.time_s - before_s)
    assert took_s[1] == pytest.approx(2 * took_s[0], rel=0.05)
    assert took_s[0] == pytest.approx(float(trapezoid_time_s(np.full(6, 0.5), 1.0, 2.0)), abs=0.03)


def test_watchdog_runs_on_wall_time_and_stops_the_arm() -> None:
    """Kicked it stays quiet; silent for its period it ends the program and the arm rests."""
    core, wait = make_core(pace=10.0)
    send(core, 35, [2.0])
    core.write_inputs(["input_int_register_0"], [0])
    send(core, 1, [*(HOME + 1.0), 0.01, 1.0], asynchronous=1)
    for _ in range(6):
        wait(0.3)
        core.write_inputs(["input_int_register_0"], [0])
    assert core.runtime == RuntimeState.PLAYING
    wait(0.7)
    assert core.runtime == RuntimeState.STOPPED
    assert not core.arm.is_moving


def test_inverse_kinematics_inverts_the_true_arm() -> None:
    """Joints found for a TCP pose give that pose through the calibrated parameters."""
    core, _ = make_core(truth=ArmTruth.with_offsets(a_m=1e-3))
    pose = read(core, "actual_TCP_pose")
    core.arm.place(HOME + 0.05)
    send(core, 46, list(pose))
    q_rad = [read(core, f"output_double_register_{i}") for i in range(6)]
    core.arm.place(q_rad)
    assert read(core, "actual_TCP_pose") == pytest.approx(pose, abs=1e-6)


def test_joints_beyond_the_range_are_outside_the_safety_limits() -> None:
    """The controller's own answer to 37 for joints inside and outside ±2π."""
    core, _ = make_core()
    for q_rad, expected in ((HOME, 1), (HOME + np.array([7, 0, 0, 0, 0, 0]), 0)):
        send(core, 37, list(q_rad))
        assert read(core, "output_int_register_1") == expected
        core.write_inputs(["input_int_register_0"], [0])


def test_only_the_operator_clears_a_stop() -> None:
    """The dashboard refuses to unlock at once, counts the request, and a program upload changes nothing."""
    core, wait = make_core()
    send(core, 31)
    assert core.safety_mode == SafetyMode.PROTECTIVE_STOP
    assert "Cannot unlock" in dashboard.answer(core, "unlock protective stop")
    assert core.unlock_requests == 1
    core.upload("def rtde_control():\nend\n")
    wait(0.2)
    assert core.runtime != RuntimeState.PLAYING
    core.operator_clears_stop()
    assert core.safety_mode == SafetyMode.NORMAL


@pytest.mark.parametrize(
    "fault", [kind() for kind in faults.RobotFault.__subclasses__()], ids=lambda f: f.kind
)
def test_fault_survives_the_control_pipe(fault: faults.RobotFault) -> None:
    """Every fault is the same on the other side of JSON."""
    assert faults.RobotFault.from_dict(fault.to_dict()) == fault


def test_process_answers_quickly_and_frees_its_ports() -> None:
    """arm_state is quick; after leaving, process and ports are gone, and asking is an error."""
    with ControllerProcess(HOME, pace=20) as process:
        pid, address = process.pid, process.address
        assert address.startswith("127.")
        started_s = time.perf_counter()
        for _ in range(100):
            state = process.arm_state()
        assert (time.perf_counter() - started_s) / 100 < 5e-3
        assert state.arrival_index == 0
        assert not state.is_moving
    assert_gone(pid, address)
    with pytest.raises(RobotConnectionLost):
        process.arm_state()


def test_answer_of_an_interrupted_question_is_not_taken_for_the_next_one() -> None:
    """A question cut short by Ctrl-C leaves its answer in the pipe; the next one still gets its own."""
    with ControllerProcess(HOME) as process:
        assert process._process is not None
        assert process._process.stdin is not None
        process._process.stdin.write('{"id": -1, "do": "unlock_requests"}\n')
        assert np.allclose(process.arm_state().q_true_rad, HOME, atol=1e-3)


def test_two_controllers_run_side_by_side() -> None:
    """Each has an address of its own."""
    with ControllerProcess(HOME) as one, ControllerProcess(HOME) as other:
        assert one.address != other.address
        for process in (one, other):
            for port in PORTS:
                socket.create_connection((process.address, port), timeout=2).close()


ORPHAN = """
import os, sys, time
from synth.hardware.simulated.controller import ControllerProcess
with ControllerProcess([0.0] * 6) as process:
    if len(sys.argv) > 1 and os.fork() == 0:
        os.close(1)
        time.sleep(5)  # Holds a copy of the control pipe.
        os._exit(0)
    print(process.pid, process.address, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("forked", [[], ["fork"]], ids=["alone", "with a fork that holds the pipe"])
def test_nothing_is_left_when_the_parent_is_killed(forked: list[str]) -> None:
    """After SIGKILL of the parent neither process nor port remains, even if a fork holds the control pipe."""
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN, *forked], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, address = parent.stdout.readline().split()
    assert psutil.pid_exists(int(pid))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert_gone(int(pid), address)


def assert_gone(pid: int, address: str) -> None:
    deadline_s = time.monotonic() + 3
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline_s, f"controller {pid} is still there"
        time.sleep(0.02)
    for port in PORTS:
        while is_open(address, port):
            assert time.monotonic() < deadline_s, f"{address}:{port} is still held"
            time.sleep(0.02)


def is_open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("angle_rad", [0.0, 1e-9, 1e-4, 1.0, 3.1])
def test_poses_are_what_scipy_makes_of_them(angle_rad: float) -> None:
    """There and back, whichever way the arm's tool is turned."""
    for axis in np.random.default_rng(0).standard_normal((20, 3)):
        pose = [0.1, -0.2, 0.3, *(axis * angle_rad / np.linalg.norm(axis))]
        T = se3.from_rotvec(pose[3:], pose[:3])
        np.testing.assert_allclose(_pose(pose), T, atol=1e-14)
        np.testing.assert_allclose(_to_pose(T), pose, atol=1e-13)
