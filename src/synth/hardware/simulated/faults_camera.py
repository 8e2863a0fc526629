"""What can go wrong at the camera, as data; injected into the simulated device, never into the driver.

Every fault counts pairs from the moment it is injected: ``after_grabs`` of them come well, then it strikes.
A ``persistent`` one stays or comes back after the driver's reset, the others strike once.
"""

from dataclasses import dataclass
from typing import Literal

StreamName = Literal["color", "depth"]


@dataclass(frozen=True)
class CameraFault:
    """Base of the camera's faults."""

    after_grabs: int = 0
    persistent: bool = False


@dataclass(frozen=True)
class DroppedFrameFault(CameraFault):
    """One frame of a stream is missing."""

    stream: StreamName = "color"


@dataclass(frozen=True)
class FrozenStreamFault(CameraFault):
    """A stream falls silent until the device is reset while the other goes on."""

    stream: StreamName = "depth"


@dataclass(frozen=True)
class StaleFrameFault(CameraFault):
    """Both streams give their previous frame once more: old picture, old number, old stamp."""


@dataclass(frozen=True)
class TornPairFault(CameraFault):
    """The depth frame is ``by_ms`` older than the colour frame beside it."""

    by_ms: float = 150.0


@dataclass(frozen=True)
class UnplugFault(CameraFault):
    """The cable comes out; it is back before the driver's reset, a persistent one is not."""


@dataclass(frozen=True)
class ForgottenSettingsFault(CameraFault):
    """The settings fall back to those at power-on while streaming; a persistent one cannot be set again."""
