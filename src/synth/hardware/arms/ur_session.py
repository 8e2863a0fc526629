"""A UR controller that is connected, set up and obeys; the connection is built anew when it is lost."""

import logging
import time

import numpy as np

from synth.cell.model import RobotCell
from synth.errors import (
    CommandRefused,
    RemoteControlOff,
    RobotConnectionLost,
    RobotError,
    RobotUnreachable,
    UntriedController,
)
from synth.geometry.se3 import Array
from synth.hardware.arms.ur_link import Link, Reading
from synth.hardware.arms.ur_match import read_configuration, refuse_other_arm
from synth.hardware.arms.ur_probe import (
    REMOTE_STEPS,
    ControllerReport,
    check_data_flow,
    read_report,
)
from synth.hardware.arms.ur_safety import name_of, refuse_stopped

log = logging.getLogger(__name__)

CONNECT_ATTEMPTS = 3
FIRST_BACK_OFF_S = 0.5
BOOT_TIMEOUT_S = 60.0
READBACK_TOLERANCE = 1e-4

_BOOTING = {"NO_CONTROLLER", "DISCONNECTED", "BOOTING", "UPDATING_FIRMWARE"}


class ScriptDied(RobotError):
    """The control script ended under us; a new one is uploaded."""


class Session:
    """config: payload and TCP that are set on every connection. address: where the controller answers."""

    def __init__(self, config: RobotCell, address: str, frequency_hz: float) -> None:
        self._config = config
        self._address = address
        self._frequency_hz = frequency_hz
        self._link: Link | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a link, broken or not."""
        return self._link is not None

    @property
    def link(self) -> Link:
        """The link of now; raises RobotConnectionLost where there is none."""
        if self._link is None:
            raise RobotConnectionLost("The robot is not connected; run the same command again")
        return self._link

    def close(self) -> None:
        """Stop the script, and with it the arm; release the controller, in bounded time."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def wait_until_running(self) -> ControllerReport:
        """What the controller says once it has booted; raises the RobotError of whatever forbids a motion."""
        deadline_s = time.monotonic() + BOOT_TIMEOUT_S
        while True:
            report = read_report(self._address)
            if report.robot_mode not in _BOOTING or time.monotonic() > deadline_s:
                break
            log.info("the controller is booting (%s)", report.robot_mode)
            time.sleep(0.25)
        if report.version_trouble:
            raise UntriedController(f"At {self._address} answers {report.version_trouble}")
        refuse_stopped(report.safety_status)
        if report.mode_advice:
            raise RobotError(
                f"The robot's mode is {report.robot_mode}, not RUNNING: {report.mode_advice}, then run the "
                "same command again"
            )
        if not report.is_remote:
            raise RemoteControlOff(f"Remote control is off at {self._address}: {REMOTE_STEPS}")
        refuse_other_arm(self._config, report, read_configuration(self._address))
        return report

    def connect(self) -> None:
        """Build a link from nothing, with back-off; then the controller is set up and its script runs."""
        back_off_s = FIRST_BACK_OFF_S
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            self.close()
            try:
                self.wait_until_running()
                check_data_flow(self._address)
                self._link = Link(self._address, self._frequency_hz)
                self._set_up(self._link)
                return
            except (RobotConnectionLost, RobotUnreachable, ScriptDied) as error:
                log.info("connecting, attempt %d of %d: %s", attempt, CONNECT_ATTEMPTS, error)
                cause = error
            except BaseException:
                self.close()
                raise
            if attempt < CONNECT_ATTEMPTS:
                time.sleep(back_off_s)
                back_off_s *= 2
        self.close()
        to_do = "end that" if isinstance(cause, RobotUnreachable) else "check cable and controller"
        raise RobotConnectionLost(
            f"The robot at {self._address} could not be connected in {CONNECT_ATTEMPTS} attempts "
            f"({cause}); {to_do}, then run the same command again"
        )

    def _set_up(self, link: Link) -> None:
        tcp, cog_m = list(self._config.tcp_pose), list(self._config.centre_of_gravity_m)
        self.command("setTcp", tcp)
        self.command("setPayload", self._config.payload_kg, cog_m)
        reading = link.read()
        for what, wanted, got in (
            ("TCP", tcp, link.call("getTCPOffset")),
            ("payload", [self._config.payload_kg, *cog_m], reading.payload),
        ):
            if not np.allclose(wanted, got, atol=READBACK_TOLERANCE):
                raise CommandRefused(
                    f"The controller reports a {what} of {np.round(got, 5).tolist()} after {wanted} was set: "
                    "remove whatever else sets it (a URCap, a running program)"
                )
        if not link.set_watchdog():
            raise CommandRefused("The controller refused setWatchdog; no motion is made without it")
        log.info("connected at q = %s deg", in_degrees(reading.state.q_rad))

    def command(self, name: str, *args: object) -> None:
        """A command that must answer True; raises CommandRefused or `ScriptDied`."""
        if not self.link.call(name, *args):
            self.require_script(self.link.read(), name)
            raise CommandRefused(
                f"The controller refused {name}: look at the pendant's log, then run the same command again"
            )

    def require_script(self, reading: Reading, doing: str) -> None:
        """Raises what stopped the arm, or `ScriptDied`, unless the control script runs."""
        refuse_stopped(name_of(reading.state.safety_mode))
        if not reading.is_program_running:
            raise ScriptDied(
                f"The control script ended on the controller at {doing}: look at the pendant's log, then run "
                "the same command again"
            )


def in_degrees(q_rad: Array) -> list[float]:
    """Joints [6] as messages show them."""
    return np.round(np.degrees(q_rad), 1).tolist()  # type: ignore[no-any-return]
