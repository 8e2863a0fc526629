"""Universal Robots' arms over ur_rtde: every answer checked, every pose compared, one typed error per cause.

Nothing here can clear a protective or emergency stop: a person at the pendant does, then runs the same
command again.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from synth.cell.model import RobotCell
from synth.errors import CommandRefused, MoveTimeout, PoseNotReached, RobotConnectionLost, RobotError
from synth.geometry.arm import trapezoid_time_s
from synth.geometry.se3 import Array
from synth.hardware.arms.driver import ArmDriver
from synth.hardware.arms.ur_link import Reading
from synth.hardware.arms.ur_probe import probe
from synth.hardware.arms.ur_session import ScriptDied, Session, in_degrees
from synth.hardware.probe import ProbeRow
from synth.hardware.robot import RobotInfo, RobotState
from synth.hardware.simulated.controller import ControllerProcess
from synth.hardware.simulated.motion import ArmTruth

log = logging.getLogger(__name__)

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
READINGS_HZ = 125.0


class URRobot:
    """An arm behind a UR controller; implements ``Robot``.

    config: payload, TCP, settling time. address: where it answers, config.address when None. simulated:
    whether the controller is the emulated one; it changes nothing but ``info``.
    """

    def __init__(
        self,
        config: RobotCell,
        *,
        address: str | None = None,
        simulated: bool = False,
    ) -> None:
        self._config = config
        self._address = address or config.address
        self._is_simulated = simulated
        self._session = Session(config, self._address, READINGS_HZ)
        self._info: RobotInfo | None = None

    @property
    def info(self) -> RobotInfo:
        """Identity, readable once connected."""
        assert self._info is not None, "enter the robot first"
        return self._info

    def __enter__(self) -> Self:
        """Connect, check, set TCP and payload, read both back.

        Raises RobotUnreachable, UntriedController, WrongRobot, RemoteControlOff, SafetyStop, CommandRefused,
        InputError, and RobotConnectionLost when three attempts failed.
        """
        report = self._session.wait_until_running()
        log.info("PolyScope %s at %s, serial %s", report.polyscope, report.address, report.serial)
        if report.version_note:
            log.warning("PolyScope %s: %s", report.polyscope, report.version_note)
        self._info = RobotInfo(
            self._config.model, self._address, report.serial, report.polyscope, self._is_simulated
        )
        self._session.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the script, and with it the arm; release the controller, in bounded time."""
        self._session.close()

    def read_state(self) -> RobotState:
        """A reading newer than this call; a lost connection is rebuilt once.

        Raises RobotConnectionLost when that fails, or the controller's clock stands still again.
        """
        try:
            return self._read()
        except RobotConnectionLost as error:
            log.warning("%s; connecting anew", error)
        self._session.connect()
        return self._read()

    def _read(self) -> RobotState:
        return self._session.link.read().state

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
            except (RobotConnectionLost, ScriptDied) as error:
                log.warning("move interrupted (attempt %d of %d): %s", attempt, MOVE_ATTEMPTS, error)
                if attempt == MOVE_ATTEMPTS:
                    if isinstance(error, ScriptDied):
                        raise CommandRefused(str(error)) from None
                    raise
                self._session.connect()
                _require_on_line(self._read().q_rad, start.q_rad, q_target)
            except BaseException:
                self._halt()
                raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Decelerate to rest; safe to call at any time."""
        if not self._session.is_open:
            return
        self._session.link.call("stopJ", STOP_DECELERATION_RAD_S2)
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
        link = self._session.link
        start = link.read()
        self._session.require_script(start, "the start of a move")
        if not link.call("isJointsWithinSafetyLimits", q_target.tolist()):
            self._session.require_script(link.read(), "isJointsWithinSafetyLimits")
            raise CommandRefused(
                f"The controller says that joints {in_degrees(q_target)} deg are outside its safety limits: "
                "narrow robot.joints or widen the limits on the pendant (Installation > Safety)"
            )
        self._session.command("moveJ", q_target.tolist(), speed_rad_s, acceleration_rad_s2, True)
        ideal_s = float(trapezoid_time_s(q_target - start.state.q_rad, speed_rad_s, acceleration_rad_s2))
        self._watch(start, DEADLINE_FACTOR * ideal_s + DEADLINE_EXTRA_S)
        state = self._settle()
        error_rad = float(np.abs(state.q_rad - q_target).max())
        if error_rad > POSE_TOLERANCE_RAD:
            raise PoseNotReached(
                f"The arm rests {1000 * error_rad:.1f} mrad from joints {in_degrees(q_target)} deg (allowed "
                f"{1000 * POSE_TOLERANCE_RAD:g}): free it of whatever holds it, then run the same "
                "command again"
            )
        return state

    def _watch(self, start: Reading, budget_s: float) -> None:
        """Until the operation that followed ``start`` has ended; time counts at the slider's rate."""
        link, now = self._session.link, start
        while now.operation == start.operation or now.is_operation_running:
            before, now = now, link.read()
            self._session.require_script(now, "moveJ")
            budget_s -= _passed_s(before, now) * max(now.state.speed_scaling, MIN_SCALING)
            if budget_s < 0:
                raise MoveTimeout(
                    f"A move did not end in time (speed slider at {100 * now.state.speed_scaling:.0f} %): "
                    "look whether the arm is held or paused at the pendant, then run the same command again"
                )

    def _settle(self) -> RobotState:
        """Until the arm is steady and has been at rest for ``settle_s`` on the controller's clock."""
        link = self._session.link
        now = link.read()
        rest_since_s, is_steady = now.state.controller_time_s, False
        budget_s = self._config.settle_s + SETTLE_EXTRA_S
        while True:
            before, now = now, link.read()
            self._session.require_script(now, "settling")
            if np.abs(now.state.qd_rad_s).max() > REST_SPEED_RAD_S:
                rest_since_s, is_steady = now.state.controller_time_s, False
            elif not is_steady:
                is_steady = bool(link.call("isSteady"))
            elif now.state.controller_time_s - rest_since_s >= self._config.settle_s:
                return now.state
            budget_s -= _passed_s(before, now)
            if budget_s < 0:
                raise MoveTimeout(
                    "The arm does not come to rest: fix robot and table, check payload_kg and "
                    "centre_of_gravity_m"
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


class URDriver:
    """Arms of Universal Robots; implements ``ArmDriver``."""

    def robot(self, config: RobotCell) -> URRobot:
        """The arm that answers at ``config.address``, not connected yet."""
        return URRobot(config)

    @contextmanager
    def simulated(
        self, config: RobotCell, truth: ArmTruth, *, pace: float, seed: int
    ) -> Iterator[tuple[URRobot, ControllerProcess]]:
        """The same driver in front of an emulated controller in a child process."""
        with ControllerProcess(
            config.home_q_rad, arm=config.model, pace=pace, seed=seed, truth=truth
        ) as controller:
            yield URRobot(config, address=controller.address, simulated=True), controller

    def probe(self, address: str) -> Sequence[ProbeRow]:
        """What stands at ``address``; moves nothing and raises nothing."""
        return probe(address)


UR: ArmDriver = URDriver()
