"""What can go wrong at the arm, as data, injected into the emulated controller and never into the driver.

Every fault counts moves from the moment it is injected: ``after_moves`` of them end well, then it strikes.
``persistent`` faults strike again whenever their cause comes round; the others strike once.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal


@dataclass(frozen=True)
class RobotFault:
    """Base of the faults; ``kind`` is its name on the control pipe."""

    kind: ClassVar[str]
    _kinds: ClassVar[dict[str, type["RobotFault"]]] = {}

    after_moves: int = 0
    persistent: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.kind = cls.__name__
        cls._kinds[cls.kind] = cls

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "RobotFault":
        """The fault that ``to_dict`` described."""
        fields = dict(data)
        return cls._kinds[fields.pop("kind")](**fields)


@dataclass(frozen=True)
class ProtectiveStopFault(RobotFault):
    """Half way through a move the arm stops to protect; only the operator clears it."""


@dataclass(frozen=True)
class EmergencyStopFault(RobotFault):
    """Half way through a move somebody presses the red button."""


@dataclass(frozen=True)
class SafetyStopFault(RobotFault):
    """Half way through a move the safety system stops the arm for another reason.

    mode: as RTDE numbers it. status: as the dashboard names it; a newer controller has modes beyond
    `SafetyMode`.
    """

    mode: int = 5
    status: str = "SAFEGUARD_STOP"


@dataclass(frozen=True)
class ConnectionLostFault(RobotFault):
    """Half way through a move the link breaks: sockets closed, or a black hole that swallows every byte.

    ``for_s`` wall seconds later the network is back; a persistent one never comes back.
    """

    how: Literal["closed", "black_hole"] = "closed"
    for_s: float = 0.0


@dataclass(frozen=True)
class ScriptDiesFault(RobotFault):
    """Half way through a move the control script ends, as after an arithmetic error; the arm decelerates."""


@dataclass(frozen=True)
class RefusedCommandFault(RobotFault):
    """The script ends instead of executing ``command`` (1 = moveJ), so that the client returns False."""

    command: int = 1


@dataclass(frozen=True)
class UnsafeJointsFault(RobotFault):
    """The controller says that joints are outside its safety limits."""


@dataclass(frozen=True)
class PoseNotReachedFault(RobotFault):
    """A move ends ``short_by_rad`` before its target on the leading axis, and says that all is well."""

    short_by_rad: float = 0.02


@dataclass(frozen=True)
class SlowSpeedFault(RobotFault):
    """Somebody turns the speed slider down to ``fraction``."""

    fraction: float = 0.1


@dataclass(frozen=True)
class StaleDataFault(RobotFault):
    """Half way through a move all readings freeze for ``for_s`` wall seconds, clock too; packets go on."""

    for_s: float = 3.0


@dataclass(frozen=True)
class RemoteControlOffFault(RobotFault):
    """The pendant is in local mode."""


@dataclass(frozen=True)
class SlowBootFault(RobotFault):
    """The controller says BOOTING for ``for_s`` wall seconds."""

    for_s: float = 1.0


@dataclass(frozen=True)
class RegistersTakenFault(RobotFault):
    """A fieldbus adapter holds input registers: the lower range, or both."""

    both_ranges: bool = False
