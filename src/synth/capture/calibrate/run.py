"""Move board or camera, stop, shoot, look for corners; again until enough views show the board."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from synth.capture.arm import Arm
from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.poses import CalibrationPlan, plan_views
from synth.capture.calibrate.setup import CalibrationSetup, make_setup
from synth.capture.calibrate.shots import ShotFolder
from synth.capture.calibrate.view import MIN_CORNERS, Eye
from synth.capture.settings import label_pinhole
from synth.cell.board import Board
from synth.cell.load import cell_fingerprint
from synth.cell.mesh import load_bodies
from synth.cell.model import Cell
from synth.compute.progress import Progress
from synth.compute.run_dir import RunDir
from synth.geometry import se3
from synth.geometry.se3 import Array
from synth.hardware.connect import Devices, connect
from synth.hardware.safety import SafetyModel


@dataclass(frozen=True)
class CalibrationSettings:
    """One run. payload_kg: of board or camera, None as with the part. pace: of a simulated arm."""

    cell: Cell
    board: Board
    out: Path
    eye: Eye = "to-hand"
    n_views: int = 30
    seed: int = 0
    payload_kg: float | None = None
    pace: float | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """A run that is planned."""

    settings: CalibrationSettings
    setup: CalibrationSetup
    plan: CalibrationPlan


def make_run(settings: CalibrationSettings) -> Run:
    """Plan the poses; opens no device. Raises InputError where the cell has too few of them."""
    s = settings
    setup = make_setup(s.cell, load_bodies(s.cell), s.board, s.eye, payload_kg=s.payload_kg)
    return Run(s, setup, plan_views(setup, s.cell.camera.pinhole, s.n_views, s.seed))


def shoot(run: Run, progress: Progress) -> int:
    """Take the views that the folder does not hold yet; returns how many show enough of the board.

    Raises a DeviceError when a device stops the run, StorageError, KeyboardInterrupt: the folder is whole
    then, and the same call goes on. InputError when the folder holds something else.
    """
    s = run.settings
    config: dict[str, JsonValue] = {
        "cell": cell_fingerprint(s.cell),
        "board": s.board.model_dump(mode="json"),
        "eye": s.eye,
        "views": s.n_views,
        "seed": s.seed,
    }
    setup = run.setup
    with (
        RunDir.create_or_resume(s.out, config),
        connect(setup.cell, setup.bodies, seed=s.seed, pace=s.pace, board=setup.board) as devices,
    ):
        return _fill(run, devices, progress)


def _fill(run: Run, devices: Devices, progress: Progress) -> int:
    s, info = run.settings, devices.camera.info
    folder = ShotFolder(s.out)
    eye = s.cell.camera
    camera = label_pinhole(s.cell, info) if eye.known.tells_lens or eye.K is not None else None
    done = folder.begin(s.board, s.eye, camera, info.depth_scale_m, simulated=s.cell.is_simulated)
    robot_cell = run.setup.cell.robot
    arm = Arm(devices.robot, SafetyModel(run.setup.cell, run.setup.bodies), robot_cell)
    n_good = 0
    progress.begin(total=s.n_views, done=0)
    try:
        for i, q_rad in enumerate(chain(run.plan.q_rad, run.plan.spare_q_rad)):
            name = f"{i:06d}"
            if name not in done and not _shoot(folder, name, q_rad, arm, devices, s.cell):
                progress.refused(name, "the tool moved during every shot")
                continue
            n_seen = len(find_corners(folder.load_image(name), s.board))
            if n_seen < MIN_CORNERS:
                progress.refused(name, f"{n_seen} corners of the board are seen, {MIN_CORNERS} are needed")
                continue
            progress.say(f"{name}: {n_seen} of {len(s.board.corners_m)} corners")
            progress.accepted(name)
            n_good += 1
            if n_good == s.n_views:
                break
        arm.go_to(robot_cell.home_q_rad)
    finally:
        progress.end()
    return n_good


def _shoot(folder: ShotFolder, name: str, q_rad: Array, arm: Arm, devices: Devices, cell: Cell) -> bool:
    """One pair with the arm at rest before and after; again where it was not. False where it never was."""
    arm.go_to(q_rad)
    for _ in range(1 + cell.gates.max_retries):
        before = arm.read_state()
        sample = devices.camera.grab(after_ns=before.t_ns)
        after = arm.read_state()
        moved = se3.inverse(before.T_base_tool) @ after.T_base_tool
        if (
            1000 * np.linalg.norm(moved[:3, 3]) <= cell.gates.max_shot_motion_mm
            and np.degrees(se3.rotation_angle_rad(moved)) <= cell.gates.max_shot_rotation_deg
        ):
            T_base_tool = se3.mean_pose(before.T_base_tool, after.T_base_tool)
            folder.add(name, T_base_tool, sample.rgb_u8, sample.depth_counts)
            return True
    return False
