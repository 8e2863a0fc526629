"""What a make of camera offers: the camera, the same one simulated, and what doctor may say of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from synth.cell.model import CameraCell
from synth.hardware.camera import Camera
from synth.hardware.probe import ProbeRow
from synth.hardware.simulated.faults_camera import CameraFault
from synth.hardware.simulated.optics import ArmState, Scene


class SimulatedCamera(Protocol):
    """What stands behind the driver of a simulated camera. render_s: seconds that its pictures took."""

    render_s: float

    def inject(self, fault: CameraFault) -> None:
        """Let a fault happen after so many more pairs."""
        ...


class CameraDriver(Protocol):
    """Makes cameras; opens nothing before they are entered.

    locked: exposure, gain and white balance to use instead of metering, such as those an interrupted run
    recorded.
    """

    def camera(self, config: CameraCell, *, locked: Mapping[str, float] | None = None) -> Camera:
        """The camera with the serial number of the cell, not connected yet."""
        ...

    def simulated(
        self,
        config: CameraCell,
        scene: Scene,
        arm_state: Callable[[], ArmState],
        *,
        locked: Mapping[str, float] | None = None,
    ) -> tuple[Camera, SimulatedCamera]:
        """The same driver, not connected yet, in front of a scene in which the arm stands where it says."""
        ...

    def probe(self) -> Iterable[ProbeRow]:
        """What is plugged in; opens no stream and raises nothing."""
        ...
