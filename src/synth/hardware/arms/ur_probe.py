"""Asking a UR controller who it is and whether it may be driven, with plain sockets and short timeouts.

The client library's constructors hold Python's global lock and wait for ever for an answer, so nothing is
handed to them before everything they need has answered here.
"""

import re
import socket
import struct
import time
from dataclasses import dataclass

from synth.errors import RobotConnectionLost, RobotUnreachable
from synth.hardware.arms.rtde_wire import PROTOCOL_VERSION, FrameBuffer, Kind, Recipe, frame
from synth.hardware.arms.ur_safety import stop_of
from synth.hardware.probe import ProbeRow
from synth.hardware.robot import RobotMode

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

# PolyScope 5.6 is the first whose dashboard says whether remote control is on; later ones were met in the
# field with ur_rtde 1.6, and what is in neither table is untried.
OLDEST, NEWEST_GOOD, POLYSCOPE_X = (5, 6), (5, 21), (10, 0)
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
NEEDED = "synth needs an e-Series controller with PolyScope 5, from 5.6 on; 5.21 is known good"
_NOT_UNDERSTOOD = "could not understand"


@dataclass(frozen=True)
class ControllerReport:
    """What the dashboard says; empty where it does not understand the question.

    model: as the controller names it, without the series (UR3 for a UR3e).
    """

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
        """Which controller this is, and why it is not driven; empty when it is."""
        version, untried = self.version, "nothing here was tried on it"
        if version == (0, 0):
            return (
                f"something that says {self.polyscope!r} when it is asked for its PolyScope version: correct "
                f"robot.address; {NEEDED}"
            )
        if version < (5, 0):
            series = "CB3" if version >= (3, 0) else "CB2"
            return f"a {series} controller with PolyScope {self.polyscope}: {untried}; {NEEDED}"
        if version < OLDEST:
            return (
                f"PolyScope {self.polyscope}, which cannot say whether remote control is on: {untried}; "
                f"{NEEDED}; update the controller"
            )
        if version >= POLYSCOPE_X:
            return f"PolyScope X {self.polyscope}: {untried}; {NEEDED}"
        return ""

    @property
    def version_note(self) -> str:
        """What is known against a PolyScope version that is driven all the same; empty when nothing is."""
        if self.version > NEWEST_GOOD:
            return KNOWN_BAD.get(self.version, "untried with this driver; PolyScope 5.21 is known good")
        return ""

    @property
    def mode_advice(self) -> str:
        """What a person does at the pendant until the robot mode is RUNNING; empty when it is."""
        if self.robot_mode not in RobotMode.__members__:
            return "this version of synth does not know that mode: look at the pendant"
        return _MODE_ADVICE.get(self.robot_mode, "wait until the pendant shows Normal")


def read_report(address: str) -> ControllerReport:
    """Ask the dashboard at ``address``.

    Raises RobotUnreachable when nothing listens there, RobotConnectionLost when it listens and stays silent.
    """
    try:
        connection = socket.create_connection((address, DASHBOARD_PORT), timeout=CONNECT_TIMEOUT_S)
    except (OSError, UnicodeError) as error:
        raise RobotUnreachable(_no_dashboard(address, error)) from None
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
            answers = ["" if said.startswith(_NOT_UNDERSTOOD) else said for said in answers]
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


def probe(address: str) -> list[ProbeRow]:
    """What stands at ``address``, for `synth doctor`; moves nothing and raises nothing."""
    try:
        report = read_report(address)
    except (RobotUnreachable, RobotConnectionLost) as error:
        return [ProbeRow("Robot", f"no dashboard at {address}", "bad", str(error))]
    who = f"{report.model or 'a controller'}{report.serial and f', serial {report.serial}'}, at {address}"
    robot = ProbeRow("Robot", who, "ok")
    if report.version_trouble:
        return [robot, ProbeRow("PolyScope", report.polyscope, "bad", f"This is {report.version_trouble}")]
    note, stop = report.version_note, stop_of(report.safety_status)
    rows = [
        robot,
        ProbeRow("PolyScope", report.polyscope, "note" if note else "ok", note),
        ProbeRow("Remote control", "on", "ok")
        if report.is_remote
        else ProbeRow("Remote control", "off", "bad", REMOTE_STEPS),
        ProbeRow("Robot mode", report.robot_mode, "bad" if report.mode_advice else "ok", report.mode_advice),
        ProbeRow("Safety", report.safety_status, "bad" if stop else "ok", str(stop or "")),
    ]
    try:
        check_data_flow(address)
    except RobotConnectionLost as error:
        rows.append(ProbeRow("Readings", "none", "bad", str(error)))
    return rows


def _no_dashboard(address: str, error: Exception) -> str:
    """What may be wrong when ``error`` met a connection to the dashboard: a host that answers has a cable."""
    try:
        socket.create_connection((address, RTDE_PORT), timeout=CONNECT_TIMEOUT_S).close()
        rtde, others = f"port {RTDE_PORT} (RTDE) is open, so it is likely a UR controller", ""
    except (OSError, UnicodeError):
        if not isinstance(error, ConnectionRefusedError):
            return (
                f"No robot answers at {address}, port {DASHBOARD_PORT} ({_reason(error)}): check "
                "robot.address, the cable, and that the controller is on and in the same subnet"
            )
        rtde = f"port {RTDE_PORT} (RTDE) is closed, too"
        others = ", or the controller is still starting, or robot.address is another computer's"
    return (
        f"A host answers at {address}, but not on port {DASHBOARD_PORT} ({_reason(error)}), and {rtde}: "
        "perhaps its Dashboard Server is off (on PolyScope 5, switch it on in Settings > Security > "
        f"Services), or it runs PolyScope X, which has none ({NEEDED}){others}"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (getattr(error, "strerror", None) or str(error)).lower()
