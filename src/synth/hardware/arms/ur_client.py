"""The process in which ur_rtde lives; the only file that imports it.

The client library reconnects by itself, sends its script again and repeats commands, waits without end with
Python's lock held, and crashes when it is closed meanwhile. So it gets a process of its own: whatever goes
wrong ends the process, its sockets with it, and the driver starts another. One thread answers requests (JSON
lines on stdin and stdout) and, in between, kicks the controller's watchdog. When the driver's process ends,
this one stops the arm and ends, too; if this one freezes or dies, the kicks end and the controller stops the
arm.
"""

import json
import os
import select
import signal
import sys
import time
from typing import Any, NoReturn

READINGS = [
    "timestamp",
    "actual_q",
    "actual_qd",
    "actual_TCP_pose",
    "robot_mode",
    "safety_mode",
    "runtime_state",
    "robot_status_bits",
    "safety_status_bits",
    "speed_scaling",
    "target_speed_fraction",
    "payload",
    "payload_cog",
]
# Slow enough for a loaded computer to keep, fast enough that an arm without a host does not travel on.
WATCHDOG_HZ = 1.0
IDLE_PERIOD_S = 0.02
KICK_PERIOD_S = 0.1
STALE_AFTER_S = 2.0
# The kernel ends this process when one call takes longer; nothing in Python could.
CALL_ALARM_S = 6
CONNECT_ALARM_S = 15


class _Lost(Exception):
    """The connection is not the one that was made, or its readings stand still."""


class Client:
    """Both interfaces of ur_rtde and what the driver asks of them."""

    def __init__(self, address: str, frequency_hz: float) -> None:
        from rtde_control import RTDEControlInterface
        from rtde_receive import RTDEReceiveInterface

        flags = RTDEControlInterface.Flags
        self._receive = RTDEReceiveInterface(address, frequency_hz, READINGS)
        lower, upper = flags.FLAGS_DEFAULT, flags.FLAGS_DEFAULT | flags.FLAG_UPPER_RANGE_REGISTERS
        try:
            self._control = RTDEControlInterface(address, frequency_hz, int(lower))
        except RuntimeError as error:
            if "already in use" not in str(error):
                raise
            self._control = RTDEControlInterface(address, frequency_hz, int(upper))
        self._is_kicking = False
        self._kicked_s = 0.0

    def check(self) -> None:
        """Raise _Lost when a connection broke, before the client's own reconnection can hide it."""
        if not (self._receive.isConnected() and self._control.isConnected()):
            raise _Lost("the connection broke")

    def kick(self) -> None:
        """Tell the controller's watchdog that all is well, from time to time."""
        now_s = time.monotonic()
        if self._is_kicking and now_s - self._kicked_s > KICK_PERIOD_S and self._control.isProgramRunning():
            self._control.kickWatchdog()
            self._kicked_s = now_s

    def set_watchdog(self) -> bool:
        """Have the controller stop the arm when the kicks end."""
        self._is_kicking = bool(self._control.setWatchdog(WATCHDOG_HZ))
        return self._is_kicking

    def call(self, name: str, *args: Any) -> Any:
        """A method of the control interface."""
        return getattr(self._control, name)(*args)

    def read(self) -> dict[str, Any]:
        """All readings of one packet that arrived after this call."""
        receive, deadline_s = self._receive, time.monotonic() + STALE_AFTER_S
        before_s = receive.getTimestamp()
        while time.monotonic() < deadline_s:
            self.check()
            self.kick()
            controller_s = receive.getTimestamp()
            if controller_s != before_s:
                operation = self._control.getAsyncOperationProgressEx()
                reading = {
                    "t_ns": time.monotonic_ns(),
                    "controller_time_s": controller_s,
                    "q_rad": receive.getActualQ(),
                    "qd_rad_s": receive.getActualQd(),
                    "tcp_pose": receive.getActualTCPPose(),
                    "robot_mode": receive.getRobotMode(),
                    "safety_mode": receive.getSafetyMode(),
                    "speed_scaling": receive.getSpeedScaling() * receive.getTargetSpeedFraction(),
                    "payload": [receive.getPayload(), *receive.getPayloadCog()],
                    "operation": operation.operationId(),
                    "is_operation_running": operation.isAsyncOperationRunning(),
                    "is_program_running": self._control.isProgramRunning(),
                }
                if receive.getTimestamp() == controller_s:
                    return reading
            time.sleep(5e-4)
        raise _Lost(f"the readings stand still since {STALE_AFTER_S:g} s")

    def leave(self) -> NoReturn:
        """Stop the script, and with it the arm, and end; the kernel closes the sockets."""
        signal.alarm(3)
        if self._receive.isConnected() and self._control.isConnected():
            self._control.stopScript()
        os._exit(0)


def main() -> None:
    """Serve the process that started this one until it goes."""
    parent_pid = os.getppid()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # What the library prints belongs to the log.

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    first = json.loads(sys.stdin.readline())
    signal.alarm(CONNECT_ALARM_S)
    try:
        client = Client(first["address"], first["frequency_hz"])
    except ImportError as error:
        answer({"error": "missing", "message": str(error)})
        return
    except Exception as error:  # noqa: BLE001 - the library throws C++ types; the text tells them apart.
        kind = "registers" if "already in use" in str(error) else "lost"
        answer({"error": kind, "message": " ".join(str(error).split())})
        return
    answer({"id": first["id"], "value": True})
    try:
        _serve(client, parent_pid, answer)
    except Exception as error:  # noqa: BLE001 - as above; all end this connection.
        answer({"error": "lost", "message": " ".join(str(error).split())})
        os._exit(1)


def _serve(client: Client, parent_pid: int, answer: Any) -> None:
    pending = b""
    while True:
        signal.alarm(CALL_ALARM_S)
        is_ready, _, _ = select.select([0], [], [], IDLE_PERIOD_S)
        client.check()
        client.kick()
        if not is_ready:
            if os.getppid() != parent_pid:
                client.leave()
            continue
        data = os.read(0, 65536)
        if not data:
            client.leave()
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            match request["do"]:
                case "read":
                    value: Any = client.read()
                case "set_watchdog":
                    value = client.set_watchdog()
                case "leave":
                    client.leave()
                case name:
                    value = client.call(name, *request["args"])
            answer({"id": request["id"], "value": value})


if __name__ == "__main__":
    main()
