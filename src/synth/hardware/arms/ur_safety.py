"""Why a UR's safety system holds the arm, one sentence a cause; none of them is cleared by software.

Names and numbers are those of Universal Robots' RTDE guide and of the client library that they publish.
"""

from synth.errors import EmergencyStop, ProtectiveStop, SafetyStop
from synth.hardware.robot import SafetyMode

MAY_MOVE = (SafetyMode.NORMAL.name, SafetyMode.REDUCED.name)

_NAMES = {mode.value: mode.name for mode in SafetyMode}
_RELEASE = "make the cell safe, release the button, start the arm at the pendant"
_LEAVE = "leave what it guards, close its doors and press its reset, if it has one"
_HOLD = "hold it there, or switch the operational mode to Automatic at the pendant"

_STOPS: dict[str, tuple[type[SafetyStop], str, str]] = {
    "PROTECTIVE_STOP": (
        ProtectiveStop,
        "The robot stopped to protect",
        "see what it touched, clear it at the pendant",
    ),
    "ROBOT_EMERGENCY_STOP": (EmergencyStop, "An emergency stop is pressed at the robot", _RELEASE),
    "SYSTEM_EMERGENCY_STOP": (
        EmergencyStop,
        "An emergency stop is pressed elsewhere in the system that the robot is wired to",
        _RELEASE,
    ),
    "IMMI_EMERGENCY_STOP": (EmergencyStop, "An emergency stop is pressed at the moulding machine", _RELEASE),
    "PROFISAFE_EMERGENCY_STOP": (EmergencyStop, "An emergency stop came over PROFIsafe", _RELEASE),
    "SAFEGUARD_STOP": (SafetyStop, "A safeguard stop holds the arm: its safeguard input is open", _LEAVE),
    "AUTOMATIC_MODE_SAFEGUARD_STOP": (
        SafetyStop,
        "The safeguard stop of the automatic mode holds the arm: its safeguard input is open",
        _LEAVE,
    ),
    "IMMI_SAFEGUARD_STOP": (SafetyStop, "A safeguard stop of the moulding machine holds the arm", _LEAVE),
    "PROFISAFE_SAFEGUARD_STOP": (SafetyStop, "A safeguard stop over PROFIsafe holds the arm", _LEAVE),
    "PROFISAFE_AUTOMATIC_MODE_SAFEGUARD_STOP": (
        SafetyStop,
        "The safeguard stop of the automatic mode, over PROFIsafe, holds the arm",
        _LEAVE,
    ),
    "SAFETY_API_SAFEGUARD_STOP": (
        SafetyStop,
        "A safeguard stop over the safety API holds the arm",
        "end it in the program that asked for it",
    ),
    "SYSTEM_THREE_POSITION_ENABLING_STOP": (
        SafetyStop,
        "A three-position enabling device is not held in its middle position",
        _HOLD,
    ),
    "TP_THREE_POSITION_ENABLING_STOP": (
        SafetyStop,
        "The pendant's three-position enabling button is not held in its middle position",
        _HOLD,
    ),
    "PROFISAFE_WAITING_FOR_PARAMETERS": (
        SafetyStop,
        "The robot waits for the parameters of its PROFIsafe controller",
        "start that controller, or disable PROFIsafe at the pendant (Installation > Safety)",
    ),
    "RECOVERY": (
        SafetyStop,
        "The robot is in recovery mode, since it stands outside a safety limit",
        "move it back within its limits at the pendant, with freedrive or on the Move tab",
    ),
    "VIOLATION": (
        SafetyStop,
        "A safety limit was violated",
        "read the pendant's log, end the cause, start the safety system again at the pendant",
    ),
    "FAULT": (
        SafetyStop,
        "The safety system reports a fault of its own",
        "read the pendant's log, switch the control box off and on, ask the service where that does not help",
    ),
    "VALIDATE_JOINT_ID": (
        SafetyStop,
        "The controller wants its joints validated, as after one was exchanged",
        "follow what the pendant says",
    ),
    "UNDEFINED_SAFETY_MODE": (
        SafetyStop,
        "The controller itself has no word for its safety mode",
        "look at the pendant",
    ),
}


def name_of(safety_mode: int) -> str:
    """The name of RTDE's ``safety_mode``; its number where the published ones end."""
    return _NAMES.get(safety_mode, str(safety_mode))


def stop_of(safety: str) -> SafetyStop | None:
    """What holds the arm and what a person does about it; None when it may move.

    safety: the mode's name, as the dashboard says it, or its number where it has no name.
    """
    if safety in MAY_MOVE:
        return None
    if safety not in _STOPS:
        return SafetyStop(
            f"The robot is in safety mode {safety}, which this version of synth does not know: look at the "
            "pendant and end there what holds the arm"
        )
    kind, what, to_do = _STOPS[safety]
    return kind(f"{what} ({safety}): {to_do}")


def refuse_stopped(safety: str) -> None:
    """Raise SafetyStop, or which of its kinds it is, unless the arm may move; ``safety`` as in `stop_of`."""
    stop = stop_of(safety)
    if stop is not None:
        raise type(stop)(f"{stop}, then run the same command again")
