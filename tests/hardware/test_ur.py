"""The driver against the emulated controller, through the genuine ur_rtde client."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

import synth
from synth.cell.model import RobotCell
from synth.errors import (
    CommandRefused,
    EmergencyStop,
    InputError,
    MoveTimeout,
    PoseNotReached,
    ProtectiveStop,
    RemoteControlOff,
    RobotConnectionLost,
    RobotError,
    RobotUnreachable,
    SafetyStop,
)
from synth.geometry import arm
from synth.geometry.arms import ARM_MODELS
from synth.hardware.arms import ur, ur_client
from synth.hardware.arms.ur import URRobot, probe
from synth.hardware.simulated import faults
from synth.hardware.simulated.controller import ControllerProcess
from synth.hardware.simulated.motion import ArmTruth

pytestmark = pytest.mark.slow

pytest.importorskip("rtde_control", reason="ur_rtde is not installed")

CELL = yaml.safe_load((Path(synth.__file__).parent / "cell/default/cell.yaml").read_text())
CONFIG = RobotCell.model_validate(CELL["robot"])
HOME = CONFIG.home_q_rad
NEAR = HOME + np.radians([10, 0, 0, 5, -5, 20])
FAST = {"speed_rad_s": 1.5, "acceleration_rad_s2": 3.0}
PACE = 20.0


@contextmanager
def controller(
    *now: faults.RobotFault, pace: float = PACE, arm: str = "ur3e", **options: object
) -> Iterator[ControllerProcess]:
    options.setdefault("truth", ArmTruth(ARM_MODELS[arm].dh))
    with ControllerProcess(HOME, arm=arm, pace=pace, **options) as process:
        for fault in now:
            process.inject(fault)
        yield process
        assert process.unlock_requests() == 0, "the driver asked to unlock a protective stop"


def robot_at(process: ControllerProcess, **changes: object) -> URRobot:
    return URRobot(CONFIG.model_copy(update=changes), address=process.address, simulated=True)


def test_move_ends_where_it_was_sent_and_reports_the_true_tcp() -> None:
    """A move ends within 0.5 mrad; the TCP is reported through the arm's own parameters."""
    truth = ArmTruth.with_offsets(d_m=[1e-3, 0, 0, 0, 0, 0])
    with controller(truth=truth) as process, robot_at(process) as robot:
        state = robot.move(NEAR, **FAST)
        assert np.abs(state.q_rad - NEAR).max() < ur.POSE_TOLERANCE_RAD
        expected = arm.forward(NEAR, truth.dh) @ CONFIG.T_flange_tool
        assert np.allclose(state.T_base_tool, expected, atol=1e-9)
        assert not np.allclose(state.T_base_tool, CONFIG.T_base_tool(NEAR), atol=5e-4)
        assert robot.info.simulated
        assert robot.info.serial


def test_move_dwells_on_the_controllers_clock() -> None:
    """At rest at least settle_s of the controller's time have passed since the arm arrived, at any pace."""
    with controller(pace=50.0) as process, robot_at(process, settle_s=2.0) as robot:
        before_s = robot.read_state().controller_time_s
        state = robot.move(NEAR, **FAST)
        ideal_s = float(arm.trapezoid_time_s(NEAR - HOME, 1.5, 3.0))
        assert state.controller_time_s - before_s >= ideal_s + 2.0
        assert not process.arm_state().is_moving


ARMS = pytest.mark.parametrize("name", ["ur3e", "ur20"])  # The smallest and the largest.

STOPS = [
    (faults.ProtectiveStopFault(), ProtectiveStop, "clear it at the pendant"),
    (faults.EmergencyStopFault(), EmergencyStop, "release the button"),
    (faults.SafetyStopFault(), SafetyStop, "A safeguard stop holds the arm"),
    # RTDE has the mode's number; the dashboard, asked first where a slow machine lost the link, its name.
    (faults.SafetyStopFault(mode=21, status="DOOR_STOP"), SafetyStop, "mode (21|DOOR_STOP), which this"),
    (faults.PoseNotReachedFault(), PoseNotReached, "mrad"),
    (faults.UnsafeJointsFault(), CommandRefused, "safety limits"),
    (faults.RefusedCommandFault(persistent=True), CommandRefused, "moveJ"),
    (faults.ScriptDiesFault(persistent=True), CommandRefused, "control script ended"),
]


@ARMS
@pytest.mark.parametrize(("fault", "error", "says"), STOPS, ids=lambda v: getattr(v, "kind", None))
def test_fault_stops_the_move_with_its_own_error(
    fault: faults.RobotFault, error: type[RobotError], says: str, name: str
) -> None:
    """Each cause gives its own type and a sentence with what to do, and the arm is at rest afterwards."""
    fault = dataclasses.replace(fault, after_moves=1)
    with controller(fault, arm=name) as process:
        with robot_at(process, model=name) as robot:
            robot.move(NEAR, **FAST)
            with pytest.raises(error, match=says):
                robot.move(HOME, **FAST)
        time.sleep(0.1)
        assert not process.arm_state().is_moving


@pytest.mark.parametrize(
    "fault", [faults.ProtectiveStopFault(), faults.EmergencyStopFault()], ids=lambda f: f.kind
)
def test_after_the_operator_cleared_a_stop_the_same_command_goes_on(fault: faults.RobotFault) -> None:
    """While the stop stands no new run starts; once a person cleared it, the run goes on."""
    with controller(fault) as process:
        with robot_at(process) as robot, pytest.raises((ProtectiveStop, EmergencyStop)):
            robot.move(NEAR, **FAST)
        with pytest.raises((ProtectiveStop, EmergencyStop)), robot_at(process):
            pass
        process.operator_clears_stop()
        with robot_at(process) as robot:
            state = robot.move(NEAR, **FAST)
        assert np.abs(state.q_rad - NEAR).max() < ur.POSE_TOLERANCE_RAD


RECOVERS = [
    faults.ConnectionLostFault(how="closed"),
    faults.ConnectionLostFault(how="closed", for_s=0.8),
    faults.ConnectionLostFault(how="black_hole", for_s=1.0),
    faults.ScriptDiesFault(),
    faults.RefusedCommandFault(),
    faults.StaleDataFault(for_s=3.0),
    faults.SlowSpeedFault(fraction=0.05),
]


@ARMS
@pytest.mark.parametrize("fault", RECOVERS, ids=lambda f: f"{f.kind}-{getattr(f, 'how', '')}")
def test_driver_recovers_and_finishes_the_same_move(fault: faults.RobotFault, name: str) -> None:
    """A passing fault is survived: the move ends at its target, and the next one works, too."""
    fault = dataclasses.replace(fault, after_moves=1)
    with controller(fault, arm=name) as process, robot_at(process, model=name) as robot:
        for target in (NEAR, HOME, NEAR):
            state = robot.move(target, **FAST)
            assert np.abs(state.q_rad - target).max() < ur.POSE_TOLERANCE_RAD


def test_link_lost_between_moves_is_rebuilt() -> None:
    """A cable pulled while the arm rests costs nothing but the time to connect."""
    with controller() as process, robot_at(process) as robot:
        process.break_connections()
        time.sleep(0.2)
        assert np.abs(robot.read_state().q_rad - HOME).max() < ur.POSE_TOLERANCE_RAD
        process.break_connections()
        assert np.abs(robot.move(NEAR, **FAST).q_rad - NEAR).max() < ur.POSE_TOLERANCE_RAD


@pytest.mark.parametrize("how", ["closed", "black_hole"])
def test_lasting_loss_ends_in_one_sentence_in_bounded_time(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that never comes back is given up within seconds, and leaving does not hang on the dead wire."""
    monkeypatch.setattr("synth.hardware.arms.ur_probe.ANSWER_TIMEOUT_S", 0.5)
    with controller(faults.ConnectionLostFault(how=how, persistent=True)) as process:
        started_s = time.monotonic()
        with pytest.raises(RobotConnectionLost, match="3 attempts"), robot_at(process) as robot:
            robot.move(NEAR, **FAST)
        assert time.monotonic() - started_s < 20


def test_controller_stops_the_arm_when_the_host_falls_silent() -> None:
    """A frozen client kicks no more: the arm stops before the move is over, though the sockets stay open."""
    with controller(pace=1.0) as process, robot_at(process) as robot:
        far = HOME + np.radians([60, 0, 0, 0, 0, 0])
        assert robot._session.is_open
        assert robot._session.link.call("moveJ", far.tolist(), 0.2, 1.0, True)
        os.kill(robot._session.link.pid, signal.SIGSTOP)
        time.sleep(1 / ur_client.WATCHDOG_HZ + 0.5)
        state = process.arm_state()
        assert not state.is_moving
        assert np.abs(state.q_true_rad - far).max() > 0.5


def test_interrupt_stops_the_arm_before_it_goes_on() -> None:
    """Ctrl-C in a move: the arm decelerates, is at rest, and KeyboardInterrupt reaches the caller."""
    with controller(pace=1.0) as process, robot_at(process) as robot:
        threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            robot.move(HOME + np.radians([40, 0, 0, 0, 0, 0]), speed_rad_s=0.3, acceleration_rad_s2=1.0)
        state = process.arm_state()
        assert not state.is_moving
        assert 0.02 < abs(state.q_true_rad[0] - HOME[0]) < 0.5
        assert np.abs(robot.move(NEAR, **FAST).q_rad - NEAR).max() < ur.POSE_TOLERANCE_RAD


def test_move_that_never_ends_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline at the slider's rate ends the waiting, and the arm is stopped."""
    monkeypatch.setattr(ur, "DEADLINE_FACTOR", 0.2)
    monkeypatch.setattr(ur, "DEADLINE_EXTRA_S", 0.0)
    with controller(pace=2.0) as process, robot_at(process) as robot:
        with pytest.raises(MoveTimeout, match="speed slider at 100 %"):
            robot.move(HOME + 0.5, speed_rad_s=0.3, acceleration_rad_s2=1.0)
        assert not process.arm_state().is_moving


def test_busy_host_is_no_slow_move() -> None:
    """A pause of our own, long on the controller's clock, is not counted against the move's deadline."""
    with controller(pace=50.0) as process, robot_at(process) as robot:
        assert robot._session.is_open
        client = psutil.Process(robot._session.link.pid)

        def pause() -> None:
            while not process.arm_state().is_moving:
                time.sleep(0.001)
            client.suspend()
            time.sleep(0.5)
            client.resume()

        pausing = threading.Thread(target=pause)
        pausing.start()
        state = robot.move(NEAR, **FAST)
        pausing.join()
        assert np.abs(state.q_rad - NEAR).max() < ur.POSE_TOLERANCE_RAD


def test_arm_that_was_jogged_during_a_loss_is_not_driven_back() -> None:
    """After a loss the move goes on only from the line that was checked: elsewhere the path is unknown."""

    def jog_once_arrived(process: ControllerProcess) -> None:
        while process.arm_state().arrival_index == 0:
            time.sleep(0.01)
        process.operator_jogs_to(HOME + np.radians([0, 20, 0, 0, 0, 0]))

    with controller(faults.ConnectionLostFault(for_s=1.0)) as process, robot_at(process) as robot:
        operator = threading.Thread(target=jog_once_arrived, args=(process,))
        operator.start()
        with pytest.raises(PoseNotReached, match="jog it to home"):
            robot.move(NEAR, **FAST)
        operator.join()
        assert process.arm_state().arrival_index == 1


def test_remote_control_off_names_the_two_steps() -> None:
    """Local mode at the pendant is refused before anything else, with the steps."""
    steps = r"1\. menu > Settings.*2\. the icon"
    with controller(faults.RemoteControlOffFault()) as process, pytest.raises(RemoteControlOff, match=steps):
        robot_at(process).__enter__()


def test_booting_controller_is_waited_for() -> None:
    """A controller that is still booting is no error."""
    with controller(faults.SlowBootFault(for_s=1.0)) as process:
        started_s = time.monotonic()
        with robot_at(process) as robot:
            assert robot.read_state().robot_mode == 7
        assert time.monotonic() - started_s > 0.8


def test_taken_registers_use_the_upper_range_or_name_the_fix() -> None:
    """A fieldbus on the lower registers is stepped around; on both, the sentence says what to switch off."""
    with controller(faults.RegistersTakenFault()) as process, robot_at(process) as robot:
        assert np.abs(robot.move(NEAR, **FAST).q_rad - NEAR).max() < ur.POSE_TOLERANCE_RAD
    both = faults.RegistersTakenFault(both_ranges=True)
    with controller(both) as process, pytest.raises(CommandRefused, match="EtherNet/IP"):
        robot_at(process).__enter__()


def test_unreachable_address_is_one_sentence_with_exit_code_2() -> None:
    """An address where nothing listens is named at once."""
    with pytest.raises(RobotUnreachable, match=r"A host answers at 127.0.9.9, but not on port") as caught:
        URRobot(CONFIG, address="127.0.9.9").__enter__()
    assert caught.value.exit_code == 2


def test_missing_client_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without ur_rtde the sentence names what to install."""
    (tmp_path / "rtde_control.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    with controller() as process, pytest.raises(InputError, match=r"install .*\[hardware\]"):
        robot_at(process).__enter__()


def test_probe_reports_without_moving() -> None:
    """The doctor's rows: an address without a robot, a good controller, a PolyScope with known trouble."""
    assert [row.verdict for row in probe("127.0.9.9")] == ["bad"]
    with controller() as process:
        assert {row.verdict for row in probe(process.address)} == {"ok"}
    with controller(faults.RemoteControlOffFault(), polyscope=(5, 22, 0, 1)) as process:
        rows = {row.part: row for row in probe(process.address)}
        assert rows["PolyScope"].verdict == "note"
        assert "5.21" in rows["PolyScope"].advice
        assert rows["Remote control"].verdict == "bad"


def test_nothing_in_the_source_can_clear_a_protective_stop() -> None:
    """No code of ours but the emulated dashboard's own answer knows the words, nor the client's methods."""
    words = re.compile(
        r"unlock.?protective|unlockProtectiveStop|restart.?safety|brake.?release|power on", re.I
    )
    source = Path(synth.__file__).parent
    allowed = {source / "hardware/simulated/dashboard.py"}
    found = [
        f"{path}: {line.strip()}"
        for path in source.rglob("*.py")
        if path not in allowed
        for line in path.read_text(encoding="utf-8").splitlines()
        if words.search(line)
    ]
    assert not found, found


DRIVER = """
import sys, yaml, numpy as np
from synth.cell.model import RobotCell
from synth.hardware.arms.ur import URRobot
config = RobotCell.model_validate(yaml.safe_load(sys.stdin))
with URRobot(config, address=sys.argv[1]) as robot:
    print(robot._session.link.pid, flush=True)
    robot.move(config.home_q_rad + 0.8, speed_rad_s=0.1, acceleration_rad_s2=1.0)
"""


def test_killed_driver_leaves_neither_a_moving_arm_nor_a_process() -> None:
    """SIGKILL in the middle of a move: the client's process stops the arm and ends."""
    with controller(pace=1.0) as process:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, process.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert driver.stdin
        assert driver.stdout
        with driver.stdin:
            yaml.safe_dump(CELL["robot"], driver.stdin)
        client = psutil.Process(int(driver.stdout.readline()))
        while not process.arm_state().is_moving:
            time.sleep(0.01)
        driver.kill()
        driver.wait()
        deadline_s = time.monotonic() + 3.0
        while process.arm_state().is_moving or is_alive(client):
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        assert np.abs(process.arm_state().q_true_rad - HOME).max() < 0.5


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
