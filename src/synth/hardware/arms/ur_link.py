"""One life of the connection to a UR controller: the driver's end of the pipe to the client's process."""

import itertools
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.errors import CommandRefused, InputError, RobotConnectionLost
from synth.extras import how_to_install
from synth.geometry import se3
from synth.hardware.robot import RobotState

log = logging.getLogger(__name__)

# Longer than the alarms of the client's process, which usually ends by itself.
CALL_TIMEOUT_S = 7.0
CONNECT_TIMEOUT_S = 17.0
CLOSE_TIMEOUT_S = 3.5
ADVICE = "check cable and controller, then run the same command again"
FIELDBUS_ADVICE = (
    "a fieldbus holds the robot's input registers: on the pendant, Installation > Fieldbus, disable "
    "EtherNet/IP and PROFINET, remove MODBUS units, and end other RTDE programs"
)


@dataclass(frozen=True, eq=False)
class Reading:
    """One packet: the arm's state, and the control script's.

    payload: mass in kg, centre of gravity in m. operation: counts asynchronous moves.
    """

    state: RobotState
    payload: list[float]
    operation: int
    is_operation_running: bool
    is_program_running: bool


class Link:
    """A process that holds both client interfaces; made anew for each life, never reconnected.

    Raises RobotConnectionLost when the controller cannot be connected, CommandRefused when its registers are
    taken, InputError when ur_rtde is not installed.
    """

    def __init__(self, address: str, frequency_hz: float) -> None:
        self._address = address
        self._ids = itertools.count()
        self._text = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "synth.hardware.arms.ur_client"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the driver's to handle: the arm stops smoothly.
        )
        threading.Thread(target=self._log_chatter, name="ur-chatter", daemon=True).start()
        try:
            self._ask({"address": address, "frequency_hz": frequency_hz}, CONNECT_TIMEOUT_S)
        except BaseException:
            self._end()
            raise

    @property
    def pid(self) -> int:
        """The client's process."""
        return self._process.pid

    def call(self, name: str, *args: Any) -> Any:
        """What ``name`` of the control interface answers; RobotConnectionLost when it does not."""
        return self._ask({"do": name, "args": args}, CALL_TIMEOUT_S)

    def read(self) -> Reading:
        """A packet newer than this call; RobotConnectionLost when there is none."""
        values = self._ask({"do": "read"}, CALL_TIMEOUT_S)
        pose = values["tcp_pose"]
        state = RobotState(
            t_ns=values["t_ns"],
            controller_time_s=values["controller_time_s"],
            q_rad=np.array(values["q_rad"]),
            qd_rad_s=np.array(values["qd_rad_s"]),
            T_base_tool=se3.from_rotvec(pose[3:], pose[:3]),
            robot_mode=values["robot_mode"],
            safety_mode=values["safety_mode"],
            speed_scaling=values["speed_scaling"],
        )
        script = ("payload", "operation", "is_operation_running", "is_program_running")
        return Reading(state, *(values[name] for name in script))

    def set_watchdog(self) -> bool:
        """Have the controller stop the arm when the client's process falls silent; False when it refuses."""
        return bool(self._ask({"do": "set_watchdog"}, CALL_TIMEOUT_S))

    def close(self) -> None:
        """Stop the script, and with it the arm, and end the process; bounded in time on a dead wire, too."""
        try:
            self._ask({"do": "leave"}, CLOSE_TIMEOUT_S)
        except RobotConnectionLost:
            pass  # It leaves without a word.
        finally:
            self._end()

    def _end(self) -> None:
        process = self._process
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe
            try:
                pipe.close()
            except OSError:
                log.debug("the client's pipe was broken already")

    def _ask(self, message: dict[str, Any], timeout_s: float) -> Any:
        request_id = next(self._ids)
        deadline_s = time.monotonic() + timeout_s
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"id": request_id, **message}).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._answer(deadline_s)
            while answer.get("id", request_id) != request_id:  # Of a call that Ctrl-C cut short.
                answer = self._answer(deadline_s)
        except (OSError, ValueError) as error:
            lost = f"The connection to the robot at {self._address} ended ({error}); {ADVICE}"
            raise RobotConnectionLost(lost) from None
        match answer.get("error"):
            case None:
                return answer["value"]
            case "missing":
                raise InputError(
                    f"Driving a robot needs ur_rtde: install it with {how_to_install('hardware')}"
                )
            case "registers":
                raise CommandRefused(f"The controller at {self._address} refused control: {FIELDBUS_ADVICE}")
        raise RobotConnectionLost(f"The robot at {self._address}: {answer['message']}; {ADVICE}")

    def _answer(self, deadline_s: float) -> dict[str, Any]:
        assert self._process.stdout
        fd = self._process.stdout.fileno()
        while b"\n" not in self._text:
            is_ready, _, _ = select.select([fd], [], [], max(deadline_s - time.monotonic(), 0))
            if not is_ready:
                raise OSError("no answer in time")
            data = os.read(fd, 65536)
            if not data:
                raise OSError("the client ended")
            self._text += data
        line, _, self._text = self._text.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _log_chatter(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in lines:
                log.debug("ur_rtde: %s", line.decode("utf-8", "replace").rstrip())
