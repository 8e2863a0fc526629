"""The UR3e over ur_rtde: every answer checked, every pose compared, one typed error per cause.

Nothing here can clear a protective or emergency stop: a person at the pendant does, then runs the same
command again.
"""

import logging
import time
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from synth.cell.model import RobotCell
from synth.errors import (
    CommandRefused,
    InputError,
    MoveTimeout,
    PoseNotReached,
    RemoteControlOff,
    RobotConnectionLost,
    RobotError,
    RobotUnreachable,
)
from synth.geometry.arm import trapezoid_time_s
from synth.geometry.se3 import Array
from synth.hardware.robot import RobotInfo, RobotState
from synth.hardware.ur_link import Link, Reading
from synth.hardware.ur_probe import (
    REMOTE_STEPS,
    ControllerReport,
    check_data_flow,
    probe,
    read_report,
    refuse_stopped,
)

__all__ = ["URRobot", "probe"]

log = logging.getLogger(__name__)

CONNECT_ATTEMPTS = 3
FIRST_BACK_OFF_S = 0.5
BOOT_TIMEOUT_S = 60.0
MOVE_ATTEMPTS = 3
# UR servo errors at rest are below 0.1 mrad; 0.5 mrad is 0.25 mm at half a metre, the smallest fault worth a
# stop.
POSE_TOLERANCE_RAD = 5e-4
# After a loss the same move goes on only from the line that was checked before it began.
PATH_TOLERANCE_RAD = 0.02
REST_SPEED_RAD_S = 0.01
# Smooth, and over before the watchdog, which nobody kicks meanwhile, ends the script.
STOP_DECELERATION_RAD_S2 = 4.0
STOP_TIMEOUT_S = 5.0
SETTLE_EXTRA_S = 5.0
# A move may take twice its ideal time and some seconds, at the pendant's slider; the slider's minimum is 2 %.
DEADLINE_FACTOR, DEADLINE_EXTRA_S, MIN_SCALING = 2.0, 3.0, 0.02
# Two readings farther apart than this are our own delay, not the arm's: a busy host is no slow move.
MAX_READING_GAP_S = 0.25
READBACK_TOLERANCE = 1e-4

_BOOTING = {"NO_CONTROLLER", "DISCONNECTED", "BOOTING", "UPDATING_FIRMWARE"}


class _ScriptDied(RobotError):
    """The control script ended under us; a new one is uploaded."""


class URRobot:
    """A UR3e behind its controller; implements ``Robot``.

    config: payload, TCP, settling time. address: where it answers, config.address when None. simulated:
    whether the controller is the emulated one; it changes nothing but ``info``. frequency_hz: rate of
    readings.
    """

    def __init__(
        self,
        config: RobotCell,
        *,
        address: str | None = None,
        simulated: bool = False,
        frequency_hz: float = 125.0,
    ) -> None:
        self.config = config
        self._address = address or config.address
        self._is_simulated = simulated
        self._frequency_hz = frequency_hz
        self._link: Link | None = None
        self._info: RobotInfo | None = None

    # ---------------------------------------------------------------- connection

    @property
    def info(self) -> RobotInfo:
        """Identity, readable once connected."""
        assert self._info is not None, "enter the robot first"
        return self._info

    def __enter__(self) -> Self:
        """Connect, check, set TCP and payload, read both back.

        Raises RobotUnreachable, RemoteControlOff, ProtectiveStop, EmergencyStop, CommandRefused, InputError,
        and RobotConnectionLost when three attempts failed.
        """
        report = self._wait_until_running()
        log.info("PolyScope %s at %s, serial %s", report.polyscope, report.address, report.serial)
        if report.version_trouble:
            log.warning("PolyScope %s: %s", report.polyscope, report.version_trouble)
        self._info = RobotInfo(
            self.config.model, self._address, report.serial, report.polyscope, self._is_simulated
        )
        self._connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the script, and with it the arm; release the controller, in bounded time."""
        self._release()

    def _release(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _wait_until_running(self) -> ControllerReport:
        deadline_s = time.monotonic() + BOOT_TIMEOUT_S
        while True:
            report = read_report(self._address)
            if report.robot_mode not in _BOOTING or time.monotonic() > deadline_s:
                break
            log.info("the controller is booting (%s)", report.robot_mode)
            time.sleep(0.25)
        if not self.config.model.upper().startswith(report.model.upper()):
            raise InputError(
                f"The cell describes a {self.config.model}, but a {report.model} answers at {self._address}: "
                "correct robot.model or robot.address"
            )
        refuse_stopped(report.safety_mode)
        if report.mode_advice:
            raise RobotError(
                f"The robot's mode is {report.robot_mode}, not RUNNING: {report.mode_advice}, then run the "
                "same command again"
            )
        if not report.is_remote:
            raise RemoteControlOff(f"Remote control is off at {self._address}: {REMOTE_STEPS}")
        return report

    def _connect(self) -> None:
        """Build a link from nothing, with back-off; then the controller is set up and its script runs."""
        back_off_s = FIRST_BACK_OFF_S
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            self._release()
            try:
                self._wait_until_running()
                check_data_flow(self._address)
                self._link = Link(self._address, self._frequency_hz)
                self._set_up(self._link)
                return
            except (RobotConnectionLost, RobotUnreachable, _ScriptDied) as error:
                log.info("connecting, attempt %d of %d: %s", attempt, CONNECT_ATTEMPTS, error)
                cause = error
            except BaseException:
                self._release()
                raise
            if attempt < CONNECT_ATTEMPTS:
                time.sleep(back_off_s)
                back_off_s *= 2
        self._release()
        raise RobotConnectionLost(
            f"The robot at {self._address} could not be connected in {CONNECT_ATTEMPTS} attempts "
            f"({cause}); check cable and controller, then run the same command again"
        )

    def _set_up(self, link: Link) -> None:
        tcp, cog_m = list(self.config.tcp_pose), list(self.config.centre_of_gravity_m)
        self._command("setTcp", tcp)
        self._command("setPayload", self.config.payload_kg, cog_m)
        reading = link.read()
        for what, wanted, got in (
            ("TCP", tcp, link.call("getTCPOffset")),
            ("payload", [self.config.payload_kg, *cog_m], reading.payload),
        ):
            if not np.allclose(wanted, got, atol=READBACK_TOLERANCE):
                raise CommandRefused(
                    f"The controller reports a {what} of {np.round(got, 5).tolist()} after {wanted} was set: "
                    "remove whatever else sets it (a URCap, a running program)"
                )
        if not link.set_watchdog():
            raise CommandRefused("The controller refused setWatchdog; no motion is made without it")
        log.info("connected at q = %s deg", _deg(reading.state.q_rad))

    # ---------------------------------------------------------------- reading

    def read_state(self) -> RobotState:
        """A reading newer than this call; a lost connection is rebuilt once.

        Raises RobotConnectionLost when that fails, or the controller's clock stands still again.
        """
        try:
            return self._read()
        except RobotConnectionLost as error:
            log.warning("%s; connecting anew", error)
        self._connect()
        return self._read()

    def _read(self) -> RobotState:
        return self._require_link().read().state

    # ---------------------------------------------------------------- motion

    def move(self, q_rad: ArrayLike, *, speed_rad_s: float, acceleration_rad_s2: float) -> RobotState:
        """Move all joints to ``q_rad`` [6] and return the state at rest; see ``Robot.move``.

        A lost connection or a dead script is rebuilt and the same move is tried again from where the arm
        stands, provided it stands on the line that the move was to take.
        """
        q_target = np.asarray(q_rad, dtype=float)
        start = self.read_state()
        for attempt in range(1, MOVE_ATTEMPTS + 1):
            try:
                return self._move_once(q_target, speed_rad_s, acceleration_rad_s2)
            except (RobotConnectionLost, _ScriptDied) as error:
                log.warning("move interrupted (attempt %d of %d): %s", attempt, MOVE_ATTEMPTS, error)
                if attempt == MOVE_ATTEMPTS:
                    if isinstance(error, _ScriptDied):
                        raise CommandRefused(str(error)) from None
                    raise
                self._connect()
                _require_on_line(self._read().q_rad, start.q_rad, q_target)
            except BaseException:
                self._halt()
                raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Decelerate to rest; safe to call at any time."""
        if self._link is None:
            return
        self._link.call("stopJ", STOP_DECELERATION_RAD_S2)
        state = self._read()
        give_up_s = state.controller_time_s + STOP_TIMEOUT_S
        while np.abs(state.qd_rad_s).max() > REST_SPEED_RAD_S and state.controller_time_s < give_up_s:
            state = self._read()

    def _halt(self) -> None:
        try:
            self.stop()
        except RobotError as error:
            log.warning("stopping: %s; the controller's watchdog stops the arm", error)

    def _move_once(self, q_target: Array, speed_rad_s: float, acceleration_rad_s2: float) -> RobotState:
        link = self._require_link()
        start = link.read()
        self._require_script(start, "the start of a move")
        if not link.call("isJointsWithinSafetyLimits", q_target.tolist()):
            self._require_script(link.read(), "isJointsWithinSafetyLimits")
            raise CommandRefused(
                f"The controller says that joints {_deg(q_target)} deg are outside its safety limits: narrow "
                "robot.joints or widen the limits on the pendant (Installation > Safety)"
            )
        self._command("moveJ", q_target.tolist(), speed_rad_s, acceleration_rad_s2, True)
        ideal_s = float(trapezoid_time_s(q_target - start.state.q_rad, speed_rad_s, acceleration_rad_s2))
        self._watch(start, DEADLINE_FACTOR * ideal_s + DEADLINE_EXTRA_S)
        state = self._settle()
        error_rad = float(np.abs(state.q_rad - q_target).max())
        if error_rad > POSE_TOLERANCE_RAD:
            raise PoseNotReached(
                f"The arm rests {1000 * error_rad:.1f} mrad from joints {_deg(q_target)} deg (allowed "
                f"{1000 * POSE_TOLERANCE_RAD:g}): free it of whatever holds it, then run the same "
                "command again"
            )
        return state

    def _watch(self, start: Reading, budget_s: float) -> None:
        """Until the operation that followed ``start`` has ended; time counts at the slider's rate."""
        link, now = self._require_link(), start
        while now.operation == start.operation or now.is_operation_running:
            before, now = now, link.read()
            self._require_script(now, "moveJ")
            budget_s -= _passed_s(before, now) * max(now.state.speed_scaling, MIN_SCALING)
            if budget_s < 0:
                raise MoveTimeout(
                    f"A move did not end in time (speed slider at {100 * now.state.speed_scaling:.0f} %): "
                    "look whether the arm is held or paused at the pendant, then run the same command again"
                )

    def _settle(self) -> RobotState:
        """Until the arm is steady and has been at rest for ``settle_s`` on the controller's clock."""
        link = self._require_link()
        now = link.read()
        rest_since_s, is_steady = now.state.controller_time_s, False
        budget_s = self.config.settle_s + SETTLE_EXTRA_S
        while True:
            before, now = now, link.read()
            self._require_script(now, "settling")
            if np.abs(now.state.qd_rad_s).max() > REST_SPEED_RAD_S:
                rest_since_s, is_steady = now.state.controller_time_s, False
            elif not is_steady:
                is_steady = bool(link.call("isSteady"))
            elif now.state.controller_time_s - rest_since_s >= self.config.settle_s:
                return now.state
            budget_s -= _passed_s(before, now)
            if budget_s < 0:
                raise MoveTimeout(
                    "The arm does not come to rest: fix robot and table, check payload_kg and "
                    "centre_of_gravity_m"
                )

    # ---------------------------------------------------------------- checks

    def _command(self, name: str, *args: object) -> None:
        """A command that must answer True."""
        link = self._require_link()
        if not link.call(name, *args):
            self._require_script(link.read(), name)
            raise CommandRefused(
                f"The controller refused {name}: look at the pendant's log, then run the same command again"
            )

    def _require_link(self) -> Link:
        if self._link is None:
            raise RobotConnectionLost("The robot is not connected; run the same command again")
        return self._link

    def _require_script(self, reading: Reading, doing: str) -> None:
        refuse_stopped(reading.state.safety_mode)
        if not reading.is_program_running:
            raise _ScriptDied(
                f"The control script ended on the controller at {doing}: look at the pendant's log, then run "
                "the same command again"
            )


def _passed_s(before: Reading, now: Reading) -> float:
    return min(now.state.controller_time_s - before.state.controller_time_s, MAX_READING_GAP_S)


def _require_on_line(q_rad: Array, q_from: Array, q_to: Array) -> None:
    way = q_to - q_from
    share = float(np.clip(np.dot(q_rad - q_from, way) / max(float(way @ way), 1e-12), 0, 1))
    off_rad = float(np.abs(q_rad - q_from - share * way).max())
    if off_rad > PATH_TOLERANCE_RAD:
        raise PoseNotReached(
            f"After an interruption the arm stands {np.degrees(off_rad):.1f} deg off its checked path: jog "
            "it to home, then run the same command again"
        )


def _deg(q_rad: Array) -> list[float]:
    return np.round(np.degrees(q_rad), 1).tolist()  # type: ignore[no-any-return]
