"""Arm and camera of a cell, real or simulated, connected together and released together."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from synth.cell.board import Board
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.errors import InputError
from synth.hardware.camera import Camera, CameraInfo
from synth.hardware.realsense import RealSenseCamera, UsbSource
from synth.hardware.robot import Robot
from synth.hardware.safety import GuardedRobot
from synth.hardware.simulated.controller import ControllerProcess
from synth.hardware.simulated.faults import RobotFault
from synth.hardware.simulated.faults_camera import CameraFault
from synth.hardware.simulated.l515 import SimulatedL515
from synth.hardware.simulated.motion import ArmTruth
from synth.hardware.simulated.riding import RidingWorld
from synth.hardware.simulated.truth import load_truth
from synth.hardware.simulated.world import World
from synth.hardware.ur import URRobot


@dataclass(frozen=True, eq=False)
class SimulatedBench:
    """What stands behind the drivers of a simulated cell; read by tests and benchmarks only."""

    world: World
    controller: ControllerProcess
    l515: SimulatedL515

    def inject(self, fault: RobotFault | CameraFault) -> None:
        """Let a fault happen at the device that it belongs to."""
        if isinstance(fault, RobotFault):
            self.controller.inject(fault)
        else:
            self.l515.inject(fault)


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
    rides: bool = False,
) -> Iterator[Devices]:
    """Connect arm and camera; whatever fails, and wherever, everything that was opened is closed.

    seed: of a simulated bench's texture, noise and repeatability error. pace: simulated seconds per wall
    second; None = as the cell says. faults: what goes wrong on a simulated bench. locked: the exposure, gain
    and white balance that an earlier part of the same run metered. board: what the part is, where a
    calibration board takes its place (a real camera sees for itself). rides: the camera is on the arm, at
    ``cell.camera.T_tool_cam``, and the board stands at its ``T_base_board``. Raises InputError for a cell of
    which one device is real and the other simulated, and the devices' own errors.
    """
    if cell.robot.is_simulated != cell.camera.is_simulated:
        real, simulated = ("camera", "robot") if cell.robot.is_simulated else ("robot", "camera")
        raise InputError(
            f"The {simulated} of this cell is simulated and its {real} is real: a picture would not show the "
            "arm that moves; write «simulated» or a real device in both robot.address and camera.serial"
        )
    with ExitStack() as stack:
        bench = None
        if cell.is_simulated:
            bench = _simulated_bench(cell, bodies, seed, pace, stack, board, rides=rides)
        address = bench.controller.address if bench else None
        arm = URRobot(cell.robot, address=address, simulated=bench is not None)
        robot = stack.enter_context(GuardedRobot(arm, cell, bodies))
        source = bench.l515 if bench else UsbSource(cell.camera.serial)
        camera = stack.enter_context(RealSenseCamera(cell.camera, source, locked=locked))
        if bench:  # Only now: a fault counts the grabs of the run, not those of metering.
            for fault in faults:
                bench.inject(fault)
        info = {"robot": asdict(robot.info), "camera": _camera_record(camera.info)}
        yield Devices(robot, camera, info, bench)


def _simulated_bench(
    cell: Cell,
    bodies: CellBodies,
    seed: int,
    pace: float | None,
    stack: ExitStack,
    board: Board | None,
    *,
    rides: bool,
) -> SimulatedBench:
    truth = load_truth(cell)
    if rides:
        assert board is not None
        world: World = RidingWorld(cell, bodies, truth, seed, board)
    else:
        world = World(cell, bodies, truth, seed, board=board)
    controller = stack.enter_context(
        ControllerProcess(
            cell.robot.home_q_rad,
            pace=cell.simulation.pace if pace is None else pace,
            seed=seed,
            truth=ArmTruth(world.dh, truth.repeatability_m),
        )
    )
    return SimulatedBench(world, controller, SimulatedL515(world, controller.arm_state, cell.camera))


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
        "depth": {
            "size_wh": list(info.depth.size_wh),
            "K": info.depth.K.tolist(),
            "dist": info.depth.dist.tolist(),
        },
        "T_cam_depth": info.T_cam_depth.tolist(),
        "depth_scale_m": info.depth_scale_m,
        "options": info.options,
    }
