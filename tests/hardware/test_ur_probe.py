"""What is said of a UR controller before anything of it moves; its sockets stand in this process."""

import asyncio
import dataclasses
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from synth.cell.load import default_cell
from synth.errors import (
    EmergencyStop,
    ProtectiveStop,
    RobotError,
    RobotUnreachable,
    SafetyStop,
    UntriedController,
)
from synth.hardware.arms import ur_probe
from synth.hardware.arms.ur import URRobot, probe
from synth.hardware.arms.ur_safety import MAY_MOVE, name_of, refuse_stopped, stop_of
from synth.hardware.robot import SafetyMode
from synth.hardware.simulated.controller_core import ControllerOptions
from synth.hardware.simulated.controller_server import ControllerServer

CONFIG = default_cell().robot


@pytest.fixture
def server() -> Iterator[ControllerServer]:
    """The emulated controller's own server, in a thread."""
    loop = asyncio.new_event_loop()
    server = ControllerServer(ControllerOptions(q_rad=tuple(CONFIG.home_q_rad)))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.open(), loop).result()
    loop.call_soon_threadsafe(server.pump)
    yield server
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.close()


def refusal(address: str) -> RobotError:
    with pytest.raises(RobotError) as caught:
        URRobot(CONFIG, address=address).__enter__()
    return caught.value


def rows(address: str) -> dict[str, tuple[str, str, str]]:
    return {row.part: tuple(row[1:]) for row in probe(address)}


@contextmanager
def listening(*ports: int) -> Iterator[str]:
    """A host that answers on these ports alone."""
    address = "127.0.9.8"
    with socket.create_server((address, ports[0])) if ports else socket.socket():
        yield address


def test_a_host_that_refuses_the_dashboard_is_not_blamed_on_the_cable() -> None:
    """The Dashboard Server that is off, or PolyScope X, is named; RTDE that is open is said."""
    with listening(ur_probe.RTDE_PORT) as address:
        error = refusal(address)
        said = rows(address)["Robot"]
    assert isinstance(error, RobotUnreachable)
    assert error.exit_code == 2
    for words in ("A host answers at 127.0.9.8", "30004 (RTDE) is open", "Settings > Security > Services"):
        assert words in str(error)
    assert "PolyScope X, which has none" in str(error)
    assert "cable" not in str(error)
    assert said == ("no dashboard at 127.0.9.8", "bad", str(error))


def test_a_host_that_refuses_both_ports_may_be_another_computer() -> None:
    """Without RTDE the sentence says that, too, and does not say that a robot is there."""
    error = str(refusal("127.0.9.9"))
    assert "30004 (RTDE) is closed, too" in error
    assert "robot.address is another computer's" in error
    assert "cable" not in error


@pytest.mark.parametrize("is_streaming", [True, False])
def test_silence_is_a_cable_only_where_nothing_answers(
    is_streaming: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dashboard port that is silent, as behind a firewall: where RTDE answers, there is a cable."""
    genuine = socket.create_connection

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        if address[1] == ur_probe.DASHBOARD_PORT or not is_streaming:
            raise TimeoutError
        return genuine(address, timeout=timeout)

    monkeypatch.setattr(ur_probe.socket, "create_connection", connect)
    with listening(ur_probe.RTDE_PORT) as address:
        error = str(refusal(address))
    assert ("the cable" in error) is not is_streaming
    assert ("A host answers" in error) is is_streaming
    assert "no answer in time" in error


@pytest.mark.parametrize(
    ("polyscope", "says"),
    [
        ((3, 15, 8, 106339), "a CB3 controller with PolyScope 3.15.8.106339: nothing here was tried on it"),
        ((1, 8, 1, 0), "a CB2 controller with PolyScope 1.8.1.0"),
        ((5, 4, 3, 0), "PolyScope 5.4.3.0, which cannot say whether remote control is on"),
        ((10, 11, 0, 0), "PolyScope X 10.11.0.0: nothing here was tried on it"),
    ],
)
def test_a_controller_that_nothing_was_tried_on_is_refused_by_name(
    server: ControllerServer, polyscope: tuple[int, int, int, int], says: str
) -> None:
    """By doctor and before any motion, with the version that is needed and no steps that it does not have."""
    server.core.options = dataclasses.replace(server.core.options, polyscope=polyscope)
    error = refusal(server.address)
    assert isinstance(error, UntriedController)
    assert error.exit_code == 2
    assert says in str(error)
    assert "from 5.6 on" in str(error)
    assert "Remote" not in str(error)
    found = rows(server.address)
    assert list(found) == ["Robot", "PolyScope"]
    assert found["PolyScope"][1] == "bad"
    assert says in found["PolyScope"][2]
    assert "could not understand" not in found["Robot"][0]


def test_what_is_no_controller_is_told_so(server: ControllerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else that listens on the dashboard's port is quoted, not read as a robot."""
    monkeypatch.setattr("synth.hardware.simulated.dashboard.answer", lambda _core, _line: "HTTP/1.1 400")
    assert "says 'HTTP/1.1' when it is asked for its PolyScope version" in str(refusal(server.address))


@pytest.mark.parametrize(
    ("mode", "kind", "says"),
    [
        ("PROTECTIVE_STOP", ProtectiveStop, "stopped to protect"),
        ("SAFEGUARD_STOP", SafetyStop, "A safeguard stop holds the arm"),
        ("AUTOMATIC_MODE_SAFEGUARD_STOP", SafetyStop, "safeguard stop of the automatic mode"),
        ("SYSTEM_THREE_POSITION_ENABLING_STOP", SafetyStop, "A three-position enabling device is not held"),
        ("TP_THREE_POSITION_ENABLING_STOP", SafetyStop, "pendant's three-position enabling button"),
        ("SYSTEM_EMERGENCY_STOP", EmergencyStop, "elsewhere in the system"),
        ("ROBOT_EMERGENCY_STOP", EmergencyStop, "pressed at the robot"),
        ("RECOVERY", SafetyStop, "outside a safety limit"),
        ("VIOLATION", SafetyStop, "A safety limit was violated"),
        ("FAULT", SafetyStop, "a fault of its own"),
        ("VALIDATE_JOINT_ID", SafetyStop, "wants its joints validated"),
        ("UNDEFINED_SAFETY_MODE", SafetyStop, "itself has no word"),
    ],
)
def test_each_safety_mode_has_its_own_sentence(
    server: ControllerServer, mode: str, kind: type[SafetyStop], says: str
) -> None:
    """What holds the arm is told apart, by capture and by doctor; only a protective stop is called one."""
    server.core.set_safety(SafetyMode[mode])
    error = refusal(server.address)
    assert type(error) is kind
    assert says in str(error)
    assert f"({mode})" in str(error)
    assert ("protect" in str(error)) is (mode == "PROTECTIVE_STOP")
    advice = str(error).removesuffix(", then run the same command again")
    assert rows(server.address)["Safety"] == (mode, "bad", advice)


def test_every_known_mode_is_told_apart() -> None:
    """No two modes share a sentence, and each that is no leave to move has one."""
    said = [str(stop_of(mode.name)) for mode in SafetyMode if mode.name not in MAY_MOVE]
    assert len(set(said)) == len(said) == len(SafetyMode) - 2
    assert not any("does not know" in text for text in said)
    for name in MAY_MOVE:
        refuse_stopped(name)


@pytest.mark.parametrize("number", [0, 21, 99])
def test_a_newer_mode_is_named_by_its_number(number: int) -> None:
    """RTDE gives numbers: one beyond the published ones is said as it is, never as undefined."""
    with pytest.raises(SafetyStop, match=f"safety mode {number}, which this version of synth does not know"):
        refuse_stopped(name_of(number))


def test_a_newer_mode_is_named_as_the_dashboard_names_it(server: ControllerServer) -> None:
    """The dashboard gives names: a new one is said, and the pendant pointed to; so it is with robot modes."""
    server.core.set_safety(21, "DOOR_STOP")
    error = str(refusal(server.address))
    assert "safety mode DOOR_STOP, which this version of synth does not know: look at the pendant" in error
    assert ur_probe.read_report(server.address).safety_status == "DOOR_STOP"
    report = dataclasses.replace(ur_probe.read_report(server.address), robot_mode="WAITING_CALIBRATION")
    assert "does not know that mode: look at the pendant" in report.mode_advice
