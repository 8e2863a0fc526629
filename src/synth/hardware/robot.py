"""What capture needs from an arm; drivers and their errors are typed, values carry units and frames."""

from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Protocol, Self

from numpy.typing import ArrayLike

from synth.geometry.se3 import Array


class RobotMode(IntEnum):
    """robot_mode of Universal Robots' RTDE guide."""

    NO_CONTROLLER = -1
    DISCONNECTED = 0
    CONFIRM_SAFETY = 1
    BOOTING = 2
    POWER_OFF = 3
    POWER_ON = 4
    IDLE = 5
    BACKDRIVE = 6
    RUNNING = 7
    UPDATING_FIRMWARE = 8


class SafetyMode(IntEnum):
    """safety_mode of Universal Robots' RTDE guide and, from 12 on, of their client library."""

    NORMAL = 1
    REDUCED = 2
    PROTECTIVE_STOP = 3
    RECOVERY = 4
    SAFEGUARD_STOP = 5
    SYSTEM_EMERGENCY_STOP = 6
    ROBOT_EMERGENCY_STOP = 7
    VIOLATION = 8
    FAULT = 9
    VALIDATE_JOINT_ID = 10
    UNDEFINED_SAFETY_MODE = 11
    AUTOMATIC_MODE_SAFEGUARD_STOP = 12
    SYSTEM_THREE_POSITION_ENABLING_STOP = 13
    TP_THREE_POSITION_ENABLING_STOP = 14
    IMMI_EMERGENCY_STOP = 15
    IMMI_SAFEGUARD_STOP = 16
    PROFISAFE_WAITING_FOR_PARAMETERS = 17
    PROFISAFE_AUTOMATIC_MODE_SAFEGUARD_STOP = 18
    PROFISAFE_SAFEGUARD_STOP = 19
    PROFISAFE_EMERGENCY_STOP = 20
    SAFETY_API_SAFEGUARD_STOP = 22


@dataclass(frozen=True)
class RobotInfo:
    """What stands at the other end of the wire. ``simulated`` is true for the emulated controller."""

    model: str
    address: str
    serial: str
    controller_version: str
    simulated: bool


@dataclass(frozen=True, eq=False)
class RobotState:
    """One reading of the arm.

    t_ns: host's ``time.monotonic_ns()`` at reception. controller_time_s: the controller's own clock, which
    proves that a reading is fresh. q_rad, qd_rad_s: measured joints [6]. T_base_tool: measured TCP in the
    controller's base [4,4]. robot_mode, safety_mode: as `RobotMode` and `SafetyMode` number them, and what a
    newer controller numbers beyond. speed_scaling: 0 to 1.
    """

    t_ns: int
    controller_time_s: float
    q_rad: Array
    qd_rad_s: Array
    T_base_tool: Array
    robot_mode: int
    safety_mode: int
    speed_scaling: float


class Robot(Protocol):
    """A six-joint arm that moves joint to joint and says where its tool is.

    Entering connects, checks remote control, and sets TCP and payload; leaving stops the arm and releases the
    controller. Every method may raise the RobotError of its cause.
    """

    @property
    def info(self) -> RobotInfo:
        """Identity, readable once connected."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def read_state(self) -> RobotState:
        """A fresh reading; raises RobotConnectionLost when the controller's clock stands still."""
        ...

    def move(self, q_rad: ArrayLike, *, speed_rad_s: float, acceleration_rad_s2: float) -> RobotState:
        """Move all joints to ``q_rad`` [6] and return the state at rest.

        Blocks until the arm is steady and has dwelt its settling time on the controller's clock. The
        leading axis moves at ``speed_rad_s``. KeyboardInterrupt stops the arm smoothly before it goes on.
        Raises CommandRefused, PoseNotReached, MoveTimeout, SafetyStop, RobotConnectionLost.
        """
        ...

    def stop(self) -> None:
        """Decelerate to rest; safe to call at any time."""
        ...
