"""Every error that synth raises on purpose; anything else that reaches a user is a bug.

::

    SynthError                     1
    ├── InputError                 2   what the user gave: a cell, an argument, a folder, a mesh
    │   ├── CellError                  cell.yaml; carries every problem with its line
    │   └── DatasetError               a dataset folder that is not what its contract says
    ├── DeviceError                3   a robot or camera; the run stops and can be resumed
    │   ├── RobotError
    │   │   ├── RobotUnreachable   2   no dashboard answers at the address
    │   │   ├── WrongRobot         4   another arm answers, or one with other limits, than the cell says
    │   │   ├── UntriedController  2   a series or a version that nothing here was tried on
    │   │   ├── RemoteControlOff   2
    │   │   ├── RobotConnectionLost
    │   │   ├── CommandRefused
    │   │   ├── PoseNotReached
    │   │   ├── MoveTimeout
    │   │   └── SafetyStop             the safety system holds the arm; never cleared by software
    │   │       ├── ProtectiveStop
    │   │       └── EmergencyStop
    │   └── CameraError
    │       ├── CameraNotFound     2
    │       ├── SdkDroppedCamera   2   the L515 is on USB, but this librealsense has no driver for it
    │       ├── CameraBusy         2
    │       ├── CameraUnplugged
    │       ├── StreamFrozen
    │       └── SettingsLost           an exposure, gain or preset does not read back as set
    ├── RendererError              3   Blender crashed, hung or refused; the run can be resumed
    ├── WorkerLost                 3   a child process failed at the same piece of work twice
    ├── TrainingDiverged           3   a loss is no longer a finite number
    ├── UnsafeMotion               4   a limit was reached before the driver was called
    ├── StorageError               5   disk full, no permission
    └── VerifyFailed               6   a check of data found damage

The number is the exit code of the command line, which also knows 130 for Ctrl-C and 1 for a pipe that nobody
reads. A message says what was got, what is allowed and what to do
next, in one sentence or two; it never asks the reader to look at a traceback.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar


class SynthError(Exception):
    """Base of all deliberate errors. Each can be pickled, whatever its constructor takes."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, vars(self))


def _restore(kind: type[SynthError], args: tuple[Any, ...], state: Mapping[str, Any]) -> SynthError:
    """The error as it was; its constructor, which made ``args`` of other things, is not called again."""
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


class InputError(SynthError):
    """Something the user gave cannot be used."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a cell file.

    ``where`` is the dotted key (``camera.T_base_cam``). ``line`` counts from 1; for an absent key it is
    its section's line, and None where there is nothing to point at.
    """

    where: str
    message: str
    line: int | None = None


class CellError(InputError):
    """A cell file is wrong; every problem is reported at once."""

    def __init__(self, path: Path | None, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        name = str(path) if path else "cell"
        lines = [f"{name}:{p.line or '-'}: {p.where}: {p.message}" for p in self.problems]
        super().__init__("\n".join(lines))


class DatasetError(InputError):
    """A folder is not the dataset it should be."""


class DeviceError(SynthError):
    """A device stopped the run."""

    exit_code = 3


class RobotError(DeviceError):
    """Base of the robot's errors."""


class RobotUnreachable(RobotError):
    """No robot's dashboard answers at the robot's address."""

    exit_code = 2


class WrongRobot(RobotError):
    """What answers is another arm, or allows less, than the cell file says; it is not moved."""

    exit_code = 4


class UntriedController(RobotError):
    """The controller is of a series or a version that nothing here was tried on."""

    exit_code = 2


class RemoteControlOff(RobotError):
    """The controller refuses network commands until remote control is switched on at the pendant."""

    exit_code = 2


class RobotConnectionLost(RobotError):
    """The link to the controller broke and could not be built again."""


class CommandRefused(RobotError):
    """The controller answered a command with False."""


class PoseNotReached(RobotError):
    """The arm came to rest away from the commanded joints."""


class MoveTimeout(RobotError):
    """A motion did not finish before its deadline."""


class SafetyStop(RobotError):
    """The robot's safety system holds the arm; only a person may end that."""


class ProtectiveStop(SafetyStop):
    """The controller stopped to protect; only a person at the pendant may clear it."""


class EmergencyStop(SafetyStop):
    """An emergency stop is pressed; only a person may release it."""


class CameraError(DeviceError):
    """Base of the camera's errors."""


class CameraNotFound(CameraError):
    """No camera with the wanted serial is connected."""

    exit_code = 2


class SdkDroppedCamera(CameraError):
    """The camera is on USB, but the installed SDK no longer has a driver for it."""

    exit_code = 2


class CameraBusy(CameraError):
    """Another program holds the camera."""

    exit_code = 2


class CameraUnplugged(CameraError):
    """The camera vanished and did not come back."""


class StreamFrozen(CameraError):
    """A stream delivers nothing new."""


class SettingsLost(CameraError):
    """An option does not read back as it was set."""


class WorkerLost(SynthError):
    """A child process ended in the middle of its work."""

    exit_code = 3


class TrainingDiverged(SynthError):
    """A loss is no longer a finite number; carries the step and every loss of it."""

    exit_code = 3

    def __init__(self, step: int, losses: Mapping[str, float]) -> None:
        self.step = step
        self.losses = dict(losses)
        wrong = ", ".join(name for name, value in losses.items() if not isfinite(value))
        table = "".join(f"\n  {name:<28} {value:.6g}" for name, value in losses.items())
        super().__init__(
            f"training diverged at step {step} ({wrong} not a finite number): train again in another folder "
            f"with a lower learning rate or in float32{table}"
        )


class RendererError(SynthError):
    """Blender's worker crashed, hung or could not do what it was asked."""

    exit_code = 3


class UnsafeMotion(SynthError):
    """A motion would break a limit; the driver was never called."""

    exit_code = 4


class StorageError(SynthError):
    """The disk is full or a folder cannot be written."""

    exit_code = 5


class VerifyFailed(SynthError):
    """A check of data on disk found damage."""

    exit_code = 6
