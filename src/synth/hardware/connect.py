"""Arm and camera of a cell, real or simulated, connected together and released together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from synth.cell.board import Board
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.errors import InputError
from synth.geometry.se3 import Array
from synth.hardware.arms import ARMS
from synth.hardware.arms.driver import SimulatedArm
from synth.hardware.camera import Camera, CameraInfo
from synth.hardware.cameras import CAMERAS
from synth.hardware.cameras.driver import SimulatedCamera
from synth.hardware.robot import Robot
from synth.hardware.safety import GuardedRobot
from synth.hardware.simulated.eye_in_hand import WorldFromArm
from synth.hardware.simulated.faults import RobotFault
from synth.hardware.simulated.faults_camera import CameraFault
from synth.hardware.simulated.motion import ArmTruth
from synth.hardware.simulated.truth import load_truth
from synth.hardware.simulated.world import World


@dataclass(frozen=True, eq=False)
class SimulatedBench:
    """What stands behind the drivers of a simulated cell; read by tests and benchmarks only."""

    world: World
    arm: SimulatedArm
    camera: SimulatedCamera

    def inject(self, fault: RobotFault | CameraFault) -> None:
        """Let a fault happen at the device that it belongs to."""
        if isinstance(fault, RobotFault):
            self.arm.inject(fault)
        else:
            self.camera.inject(fault)


@dataclass(frozen=True, eq=False)
class Devices:
    """Connected devices.

    info: who they are and how they are set, ready for JSON. bench: None for a real cell.
    """

    robot: Robot
    camera: Camera
    info: dict[str, Any]
    bench: SimulatedBench | None


@contextmanager
def connect(
    cell: Cell,
    bodies: CellBodies,
    *,
    seed: int,
    pace: float | None = None,
    faults: Sequence[RobotFault | CameraFault] = (),
    locked: Mapping[str, float] | None = None,
    board: Board | None = None,
) -> Iterator[Devices]:
    """Connect arm and camera; whatever fails, and wherever, everything that was opened is closed.

    seed: of a simulated bench's texture, noise and repeatability error. pace: simulated seconds per wall
    second; None = as the cell says. faults: what goes wrong on a simulated bench. locked: the exposure, gain
    and white balance that an earlier part of the same run metered. board: what the part is, where a
    calibration board takes its place (a real camera sees for itself). Raises InputError for a cell of which
    one device is real and the other simulated, and the devices' own errors.
    """
    if cell.robot.is_simulated != cell.camera.is_simulated:
        real, simulated = ("camera", "robot") if cell.robot.is_simulated else ("robot", "camera")
        raise InputError(
            f"The {simulated} of this cell is simulated and its {real} is real: a picture would not show the "
            "arm that moves; write «simulated» or a real device in both robot.address and camera.serial"
        )
    arm_driver, camera_driver = ARMS[cell.robot.model], CAMERAS[cell.camera.model]
    with ExitStack() as stack:
        bench = None
        if cell.is_simulated:
            world = _world(cell, bodies, seed, board)
            arm, simulated_arm = stack.enter_context(
                arm_driver.simulated(
                    cell.robot,
                    ArmTruth(world.dh, world.repeatability_m),
                    pace=cell.simulation.pace if pace is None else pace,
                    seed=seed,
                )
            )
            eye, simulated_camera = camera_driver.simulated(
                cell.camera, world, simulated_arm.arm_state, locked=locked
            )
            bench = SimulatedBench(world, simulated_arm, simulated_camera)
        else:
            arm = arm_driver.robot(cell.robot)
            eye = camera_driver.camera(cell.camera, locked=locked)
        robot = stack.enter_context(GuardedRobot(arm, cell, bodies))
        camera = stack.enter_context(eye)
        if bench:  # Only now: a fault counts the grabs of the run, not those of metering.
            for fault in faults:
                bench.inject(fault)
        info = {"robot": asdict(robot.info), "camera": _camera_record(camera.info)}
        yield Devices(robot, camera, info, bench)


@contextmanager
def connect_camera(cell: Cell, bodies: CellBodies, *, seed: int = 0) -> Iterator[Camera]:
    """Connect the camera alone, for a look; the arm is left as it is, a simulated one at its home.

    Raises the camera's own errors.
    """
    driver = CAMERAS[cell.camera.model]
    if cell.camera.is_simulated:
        world = _world(cell, bodies, seed, None)
        at_rest = _ArmAtRest(cell.robot.home_q_rad)
        eye, _ = driver.simulated(cell.camera, world, lambda: at_rest, locked=None)
    else:
        eye = driver.camera(cell.camera, locked=None)
    with eye as camera:
        yield camera


@dataclass(frozen=True, eq=False)
class _ArmAtRest:
    """A simulated arm that nobody moves."""

    q_true_rad: Array
    is_moving: bool = False
    arrival_index: int = 0
    target_key: int = 0


def _world(cell: Cell, bodies: CellBodies, seed: int, board: Board | None) -> World:
    kind = WorldFromArm if cell.camera.is_on_arm else World
    return kind(cell, bodies, load_truth(cell), seed, board=board)


def _camera_record(info: CameraInfo) -> dict[str, Any]:
    """CameraInfo as JSON."""
    return {
        "name": info.name,
        "serial": info.serial,
        "firmware": info.firmware,
        "sdk_version": info.sdk_version,
        "usb": info.usb,
        "simulated": info.simulated,
        "color": {
            "size_wh": list(info.color.size_wh),
            "K": info.color.K.tolist(),
            "dist": info.color.dist.tolist(),
        },
        "depth": None
        if info.depth is None
        else {
            "size_wh": list(info.depth.size_wh),
            "K": info.depth.K.tolist(),
            "dist": info.depth.dist.tolist(),
        },
        "T_cam_depth": None if info.T_cam_depth is None else info.T_cam_depth.tolist(),
        "depth_scale_m": info.depth_scale_m,
        "options": info.options,
    }
