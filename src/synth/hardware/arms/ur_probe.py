"""Asking a UR controller who it is and whether it may be driven, with plain sockets and short timeouts.

The client library's constructors hold Python's global lock and wait for ever for an answer, so nothing is
handed to them before everything they need has answered here.
"""

import re
import socket
import struct
import time
from dataclasses import dataclass

from synth.errors import EmergencyStop, ProtectiveStop, RobotConnectionLost, RobotUnreachable
from synth.hardware.arms.rtde_wire import PROTOCOL_VERSION, FrameBuffer, Kind, Recipe, frame
from synth.hardware.probe import ProbeRow
from synth.hardware.robot import SafetyMode

DASHBOARD_PORT, RTDE_PORT = 29999, 30004
CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 2.0
QUESTIONS = (
    "PolyscopeVersion",
    "get serial number",
    "get robot model",
    "is in remote control",
    "robotmode",
    "safetystatus",
)

# PolyScope versions met in the field with ur_rtde 1.6; what is in neither table is untried.
OLDEST, NEWEST_GOOD = (5, 6), (5, 21)
KNOWN_BAD = {(5, 22): "the control script often fails to start within 5 s; PolyScope 5.21 is known good"}

REMOTE_STEPS = (
    "on the pendant, 1. menu > Settings > System > Remote Control > Enable, "
    "2. the icon at the top right: Local > Remote Control"
)
_MODE_ADVICE = {
    "RUNNING": "",
    "POWER_OFF": "press the power icon on the pendant, then ON and START",
    "POWER_ON": "press START on the pendant's initialise screen to release the brakes",
    "IDLE": "press START on the pendant's initialise screen to release the brakes",
    "BACKDRIVE": "end freedrive at the pendant",
    "CONFIRM_SAFETY": "confirm the safety configuration on the pendant",
}


@dataclass(frozen=True)
class ControllerReport:
    """What the dashboard says. ``model``: as the controller names it, without the series (UR3 for a UR3e)."""

    address: str
    polyscope: str
    serial: str
    model: str
    is_remote: bool
    robot_mode: str
    safety_status: str

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor PolyScope version; (0, 0) when it cannot be read."""
        found = re.match(r"(\d+)\.(\d+)", self.polyscope)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    @property
    def version_trouble(self) -> str:
        """What is known against this PolyScope version; empty when nothing is."""
        if self.version < OLDEST:
            return "PolyScope 5.6 or newer is needed: update the controller"
        if self.version > NEWEST_GOOD:
            return KNOWN_BAD.get(self.version, "untried with this driver; PolyScope 5.21 is known good")
        return ""

    @property
    def safety_mode(self) -> SafetyMode:
        """The safety status as RTDE numbers it."""
        return SafetyMode.__members__.get(self.safety_status, SafetyMode.UNDEFINED_SAFETY_MODE)

    @property
    def mode_advice(self) -> str:
        """What a person does at the pendant until the robot mode is RUNNING; empty when it is."""
        return _MODE_ADVICE.get(self.robot_mode, "wait until the pendant shows Normal")


def read_report(address: str) -> ControllerReport:
    """Ask the dashboard at ``address``.

    Raises RobotUnreachable when nothing listens there, RobotConnectionLost when it listens and stays silent.
    """
    try:
        connection = socket.create_connection((address, DASHBOARD_PORT), timeout=CONNECT_TIMEOUT_S)
    except (OSError, UnicodeError) as error:
        raise RobotUnreachable(
            f"No robot answers at {address}, port {DASHBOARD_PORT} ({_reason(error)}): check robot.address, "
            "the cable, and that the controller is on and in the same subnet"
        ) from None
    try:
        with connection, connection.makefile("rw", encoding="ascii", errors="replace") as lines:
            connection.settimeout(ANSWER_TIMEOUT_S)
            lines.readline()
            answers = []
            for question in QUESTIONS:
                lines.write(f"{question}\n")
                lines.flush()
                answers.append(lines.readline().strip())
            if not all(answers):
                raise ConnectionError("it hung up")
    except OSError as error:
        raise RobotConnectionLost(
            f"The robot at {address} accepts connections but its dashboard does not answer "
            f"({_reason(error)}): check the cable, then restart the controller"
        ) from None
    polyscope, serial, model, remote, mode, safety = answers
    return ControllerReport(
        address=address,
        polyscope=polyscope.removeprefix("URSoftware ").partition(" ")[0],
        serial=serial,
        model=model,
        is_remote=remote.lower() == "true",
        robot_mode=mode.rpartition(" ")[2],
        safety_status=safety.rpartition(" ")[2],
    )


def check_data_flow(address: str) -> None:
    """Prove that the controller streams readings and that its clock moves; RobotConnectionLost otherwise."""
    lost = f"The controller at {address} streams no fresh readings on port {RTDE_PORT}"
    deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
    requests = (
        frame(Kind.VERSION, struct.pack(">H", PROTOCOL_VERSION)),
        frame(Kind.OUTPUTS, struct.pack(">d", 125.0) + b"timestamp"),
        frame(Kind.START),
    )
    try:
        with socket.create_connection((address, RTDE_PORT), timeout=CONNECT_TIMEOUT_S) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            connection.sendall(b"".join(requests))
            frames, recipe = FrameBuffer(), Recipe(["DOUBLE"])
            times_s: set[object] = set()
            while len(times_s) < 2:
                data = connection.recv(4096)
                if not data or time.monotonic() > deadline_s:
                    raise RobotConnectionLost(lost)
                times_s |= {
                    recipe.unpack(body[1:])[0] for kind, body in frames.feed(data) if kind == Kind.DATA
                }
    except (OSError, ValueError) as error:
        raise RobotConnectionLost(f"{lost} ({error})") from None


def refuse_stopped(safety_mode: SafetyMode) -> None:
    """Raise EmergencyStop or ProtectiveStop, and what the operator does, unless the arm may move."""
    if safety_mode in (SafetyMode.SYSTEM_EMERGENCY_STOP, SafetyMode.ROBOT_EMERGENCY_STOP):
        raise EmergencyStop(
            "An emergency stop is pressed: make the cell safe, release the button, start the arm at the "
            "pendant, then run the same command again"
        )
    if safety_mode not in (SafetyMode.NORMAL, SafetyMode.REDUCED):
        raise ProtectiveStop(
            f"The robot stopped to protect ({safety_mode.name}): see what it touched, clear it at the "
            "pendant, then run the same command again"
        )


def probe(address: str) -> list[ProbeRow]:
    """What stands at ``address``, for `synth doctor`; moves nothing and raises nothing."""
    try:
        report = read_report(address)
    except (RobotUnreachable, RobotConnectionLost) as error:
        return [ProbeRow("Robot", f"no answer at {address}", "bad", str(error))]
    trouble, is_safe = report.version_trouble, report.safety_status in ("NORMAL", "REDUCED")
    rows = [
        ProbeRow("Robot", f"{report.model}, serial {report.serial}, at {address}", "ok"),
        ProbeRow("PolyScope", report.polyscope, "note" if trouble else "ok", trouble),
        ProbeRow("Remote control", "on", "ok")
        if report.is_remote
        else ProbeRow("Remote control", "off", "bad", REMOTE_STEPS),
        ProbeRow("Robot mode", report.robot_mode, "bad" if report.mode_advice else "ok", report.mode_advice),
        ProbeRow(
            "Safety",
            report.safety_status,
            "ok" if is_safe else "bad",
            "" if is_safe else "clear it at the pendant",
        ),
    ]
    try:
        check_data_flow(address)
    except RobotConnectionLost as error:
        rows.append(ProbeRow("Readings", "none", "bad", str(error)))
    return rows


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (getattr(error, "strerror", None) or str(error)).lower()
