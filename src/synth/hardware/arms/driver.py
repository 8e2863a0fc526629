"""What a make of arm offers: its robot, the same robot simulated, and what doctor may say of it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from synth.cell.model import RobotCell
from synth.hardware.probe import ProbeRow
from synth.hardware.robot import Robot
from synth.hardware.simulated.faults import RobotFault
from synth.hardware.simulated.motion import ArmTruth
from synth.hardware.simulated.optics import ArmState


class SimulatedArm(Protocol):
    """What stands behind the driver of a simulated arm."""

    def arm_state(self) -> ArmState:
        """Where the arm truly is at this instant; quick, and safe from any thread."""
        ...

    def inject(self, fault: RobotFault) -> None:
        """Let a fault happen."""
        ...


class ArmDriver(Protocol):
    """Makes robots; opens nothing before they are entered, and moves nothing by itself."""

    def robot(self, config: RobotCell) -> Robot:
        """The arm that answers at ``config.address``, not connected yet."""
        ...

    def simulated(
        self, config: RobotCell, truth: ArmTruth, *, pace: float, seed: int
    ) -> AbstractContextManager[tuple[Robot, SimulatedArm]]:
        """The same driver, not connected yet, and what is simulated behind it, gone when this is left.

        truth: what the arm knows about itself and the cell does not. pace: simulated seconds per wall second.
        seed: of the repeatability error.
        """
        ...

    def probe(self, address: str) -> Sequence[ProbeRow]:
        """What stands at ``address``; moves nothing and raises nothing."""
        ...
