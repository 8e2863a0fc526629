"""The dashboard server's side of the conversation: one line in, one line out."""

from synth.hardware.robot import SafetyMode
from synth.hardware.simulated.controller_core import SERIAL, ControllerCore, RuntimeState

SAYS_REMOTE = (5, 6)  # The first PolyScope with these two questions.
GREETING = "Connected: Universal Robots Dashboard Server"


def answer(core: ControllerCore, line: str) -> str:
    """What the dashboard says to ``line``, as Universal Robots' dashboard guide words it."""
    is_old = core.options.polyscope < SAYS_REMOTE
    match line.strip():
        case "get serial number" | "is in remote control" as text if is_old:
            return f"could not understand: '{text}'"
        case "PolyscopeVersion":
            return f"URSoftware {'.'.join(map(str, core.options.polyscope))} (Jan 01 2025)"
        case "get serial number":
            return SERIAL
        case "get robot model":
            return core.options.model.title.removesuffix("e")  # It leaves the series out.
        case "is in remote control":
            return str(core.is_remote).lower()
        case "running":
            return f"Program running: {str(core.runtime == RuntimeState.PLAYING).lower()}"
        case "robotmode":
            return f"Robotmode: {core.robot_mode.name}"
        case "safetystatus" | "safetymode" as word:
            return f"{word.capitalize()}: {core.safety_status}"
        case "programState":
            return f"{core.runtime.name} rtde_control"
        case "stop":
            core.stop_program()
            return "Stopped"
        case "unlock protective stop":
            core.unlock_requests += 1
            if core.safety_mode != SafetyMode.PROTECTIVE_STOP:
                return "Cannot unlock protective stop: the robot is not in protective stop"
            return "Cannot unlock protective stop until 5s after occurrence"
        case "close popup" | "close safety popup":
            return "closing popup"
        case "quit":
            return "Disconnected"
        case text if text.startswith("popup "):
            return "showing popup"
        case text:
            return f'could not understand: "{text}"'
