"""One life of the connection to a UR controller: both client interfaces, driven by one thread.

The client's calls can hang for minutes and answer failure with False. Here each one runs on the link's own
thread and is awaited for a bounded time. Between calls that thread kicks the controller's watchdog: when this
process dies or is stopped, the kicks end and the controller stops the arm.
"""

import ctypes
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from synth.errors import CommandRefused, InputError, RobotConnectionLost

log = logging.getLogger(__name__)
T = TypeVar("T")

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
CALL_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 15.0
CLOSE_TIMEOUT_S = 3.0
# Slow enough for a loaded computer to keep, fast enough that an arm without a host does not travel on.
WATCHDOG_HZ = 1.0
KICK_PERIOD_S = 0.1
FIELDBUS_ADVICE = (
    "a fieldbus holds the robot's input registers: on the pendant, Installation > Fieldbus, disable "
    "EtherNet/IP "
    "and PROFINET, remove MODBUS units, and end other RTDE programs"
)


class Link:
    """Both interfaces of ur_rtde, made anew for each life; never reconnected.

    Entering a dead controller raises RobotConnectionLost, taken registers CommandRefused, a missing client
    InputError.
    """

    def __init__(self, address: str, frequency_hz: float) -> None:
        self.address = address
        self.receive: Any = None
        self._control: Any = None
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._has_watchdog = False
        self._lost = ""
        self._thread = threading.Thread(target=self._work, name="ur-link", daemon=True)
        self._thread.start()
        try:
            self._run(lambda: self._connect(frequency_hz), CONNECT_TIMEOUT_S, "connecting")
        except BaseException:
            self.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether both interfaces are still the connections that were made, and nothing has hung."""
        return not self._lost and self.receive.isConnected() and self._control.isConnected()

    @property
    def is_program_running(self) -> bool:
        """Whether the control script runs on the controller."""
        return bool(self._control.isProgramRunning())

    def operation(self) -> tuple[int, bool]:
        """Number of the last asynchronous operation and whether it still runs."""
        status = self._control.getAsyncOperationProgressEx()
        return int(status.operationId()), bool(status.isAsyncOperationRunning())

    def call(self, name: str, *args: Any, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """Call ``name`` of the control interface.

        Raises RobotConnectionLost when the link is gone or the call does not come back in ``timeout_s``.
        """
        return self._run(lambda: getattr(self._control, name)(*args), timeout_s, name)

    def arm_watchdog(self) -> bool:
        """Have the controller stop the arm when this process falls silent; False when it refuses."""
        self._has_watchdog = bool(self.call("setWatchdog", WATCHDOG_HZ))
        return self._has_watchdog

    def close(self) -> None:
        """End the script and both connections in bounded time, however dead the wire is."""
        self._has_watchdog = False
        if self._control is not None and self.is_alive:
            try:
                self.call("stopScript", timeout_s=CLOSE_TIMEOUT_S)
            except (RobotConnectionLost, CommandRefused) as error:
                log.debug("stopScript while closing: %s", error)
        self._lost = self._lost or "it was closed"
        self._jobs.put(None)
        closers = [
            threading.Thread(target=_disconnect, args=(interface,), name="ur-close", daemon=True)
            for interface in (self._control, self.receive)
            if interface is not None
        ]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(CLOSE_TIMEOUT_S)

    # ---------------------------------------------------------------- the link's thread

    def _run(self, job: Callable[[], T], timeout_s: float, what: str) -> T:
        if self._lost:
            raise RobotConnectionLost(f"The link to the robot at {self.address} is gone: {self._lost}")
        future: Future[T] = Future()
        self._jobs.put((job, future))
        try:
            return future.result(timeout_s)
        except FutureTimeout:
            self._lost = f"{what} did not return within {timeout_s:g} s"
            raise RobotConnectionLost(f"The robot at {self.address}: {self._lost}") from None

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=KICK_PERIOD_S)
            except queue.Empty:
                self._kick()
                continue
            if job is None:
                return
            call, future = job
            try:
                if self._control is not None and not self.is_alive:
                    raise RobotConnectionLost(f"The connection to the robot at {self.address} broke")
                future.set_result(call())
            except (RobotConnectionLost, CommandRefused, InputError) as error:
                future.set_exception(error)
            except Exception as error:  # noqa: BLE001 - the client throws C++ types; all mean the same.
                self._lost = " ".join(str(error).split())
                future.set_exception(RobotConnectionLost(f"The robot at {self.address}: {self._lost}"))

    def _kick(self) -> None:
        if not self._has_watchdog or self._control is None or self._lost:
            return
        if not self.is_alive:  # Seen early, before the client's own reconnection can hide it.
            self._lost = "the connection broke"
            return
        try:
            if self._control.isProgramRunning():
                self._control.kickWatchdog()
        except Exception as error:  # noqa: BLE001 - as above; the next call tells the caller.
            self._lost = " ".join(str(error).split())

    def _connect(self, frequency_hz: float) -> None:
        try:
            from rtde_control import RTDEControlInterface
            from rtde_receive import RTDEReceiveInterface
        except ImportError:
            raise InputError(
                'Driving a robot needs ur_rtde: install it with pip install "synth-robotics[hardware]"'
            ) from None
        flags = RTDEControlInterface.Flags
        self.receive = RTDEReceiveInterface(self.address, frequency_hz, READINGS)
        ranges = [flags.FLAGS_DEFAULT, flags.FLAGS_DEFAULT | flags.FLAG_UPPER_RANGE_REGISTERS]
        for use in ranges:
            try:
                self._control = RTDEControlInterface(self.address, frequency_hz, int(use))
                return
            except RuntimeError as error:
                if "already in use" not in str(error):
                    raise
                log.info("input registers are taken; trying the upper range")
        raise CommandRefused(f"The controller at {self.address} refused control: {FIELDBUS_ADVICE}")


def _disconnect(interface: Any) -> None:
    # The client's destructor disconnects again and sleeps, at worst for ever, with Python's lock held: these
    # few kilobytes are never freed.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(interface))
    try:
        interface.disconnect()
    except Exception as error:  # noqa: BLE001 - nothing is left to save here.
        log.debug("disconnect: %s", error)
