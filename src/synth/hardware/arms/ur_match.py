"""Whether the controller that answers drives the arm that the cell describes; asked before anything moves."""

import socket
import time
from collections.abc import Iterator

import numpy as np

from synth.cell.model import JOINT_NAMES, RobotCell
from synth.errors import RobotConnectionLost, WrongRobot
from synth.geometry.arm import DH
from synth.geometry.se3 import Array
from synth.hardware.arms.secondary_wire import Configuration, find_configuration
from synth.hardware.arms.ur_probe import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, ControllerReport

SECONDARY_PORT = 30002
DH_TOLERANCE_M = 0.01
"""A calibrated arm is some millimetres off the published table; the arms of the family 50 mm and more."""

_ANGLE_TOLERANCE_RAD = 1e-3
_AT_THE_PENDANT = "on the pendant (Installation > Safety)"


def read_configuration(address: str) -> Configuration:
    """Limits and kinematics of the controller at ``address``; raises RobotConnectionLost without them."""
    deadline_s = time.monotonic() + ANSWER_TIMEOUT_S
    data, found = b"", None
    try:
        with socket.create_connection((address, SECONDARY_PORT), timeout=CONNECT_TIMEOUT_S) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            while found is None:
                received = connection.recv(4096)
                if not received or time.monotonic() > deadline_s:
                    raise TimeoutError("none arrived")
                data += received
                found = find_configuration(data)
    except (OSError, ValueError) as error:
        raise RobotConnectionLost(
            f"The controller at {address} does not say its joint limits on port {SECONDARY_PORT} ({error}): "
            "switch its Secondary Client on (Settings > Security > Services), check the cable"
        ) from None
    return found


def refuse_other_arm(cell: RobotCell, report: ControllerReport, configuration: Configuration) -> None:
    """Raises WrongRobot where model, kinematics, joint limits or speeds are not those the cell counts on."""
    for difference in _differences(cell, report, configuration):
        raise WrongRobot(f"{difference}; this arm is not moved")


def _differences(cell: RobotCell, report: ControllerReport, configuration: Configuration) -> Iterator[str]:
    title, at = cell.arm.title, report.address
    if report.model.upper() not in (title.upper(), title.upper().removesuffix("E")):
        who = f"a {report.model}" if report.model else "a controller that does not name its arm"
        yield (
            f"The cell describes a {title}, but {who} answers at {at}: correct robot.model or robot.address"
        )
    off_m = _lengths_m(configuration.dh) - _lengths_m(cell.arm.dh)
    if not (np.abs(off_m) <= DH_TOLERANCE_M).all():
        yield (
            f"The controller at {at} has links up to {1000 * np.abs(off_m).max():.0f} mm other than a "
            f"{title} ({1000 * DH_TOLERANCE_M:.0f} mm are allowed): correct robot.model or robot.address"
        )
    asked = [(f"robot.joints.{name}", i, b) for i, name in enumerate(JOINT_NAMES) for b in _bounds(cell, i)]
    for key, pose in (("robot.home_deg", cell.home_q_rad), ("robot.park_deg", cell.park_q_rad)):
        asked += [] if pose is None else [(key, i, float(angle)) for i, angle in enumerate(pose)]
    for key, joint, angle_rad in asked:
        low, high = configuration.joint_range_rad[joint]
        if not low - _ANGLE_TOLERANCE_RAD <= angle_rad <= high + _ANGLE_TOLERANCE_RAD:
            yield (
                f"{key} asks {JOINT_NAMES[joint]} to turn to {np.degrees(angle_rad):.0f}°, but the "
                f"controller at {at} allows {np.degrees(low):.0f}° to {np.degrees(high):.0f}°: narrow the "
                f"cell's, or widen the controller's {_AT_THE_PENDANT}"
            )
    slowest = int(configuration.joint_speed_limit_rad_s.argmin())
    limit_deg_s = float(np.degrees(configuration.joint_speed_limit_rad_s[slowest]))
    if cell.speed_deg_s > limit_deg_s + 0.1:
        yield (
            f"robot.speed_deg_s is {cell.speed_deg_s:g}, but the controller at {at} allows "
            f"{JOINT_NAMES[slowest]} {limit_deg_s:.0f}°/s: lower the cell's, or raise the controller's "
            f"{_AT_THE_PENDANT}"
        )


def _lengths_m(dh: DH) -> Array:
    """[5] what tells the family's arms apart and calibration hardly changes: those of the three parallel
    axes along themselves are free to differ, as only their sum shows.
    """
    return np.array([dh.a_m[1], dh.a_m[2], dh.d_m[0], dh.d_m[4], dh.d_m[5]])


def _bounds(cell: RobotCell, joint: int) -> list[float]:
    return [float(bound) for bound in cell.joints.bounds_rad[joint]]
