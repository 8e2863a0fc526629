"""Arm and camera come and go together."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import psutil
import pytest

from synth.cell.cameras import CAMERA_MODELS
from synth.cell.load import DEFAULT_CELL, default_cell, parse_cell
from synth.cell.mesh import load_bodies
from synth.cell.model import CameraCell, Cell, RobotCell
from synth.errors import CameraNotFound, InputError, StreamFrozen
from synth.geometry.arms import ARM_MODELS
from synth.hardware.arms import ARMS
from synth.hardware.camera import CameraInfo
from synth.hardware.cameras import CAMERAS
from synth.hardware.cameras.realsense import RealSenseCamera
from synth.hardware.connect import connect
from synth.hardware.robot import RobotInfo
from synth.hardware.simulated.faults_camera import FrozenStreamFault

pytestmark = pytest.mark.slow

CELL = default_cell()
BODIES = load_bodies(CELL)


def with_devices(address: str, serial: str) -> Cell:
    robot = CELL.robot.model_copy(update={"address": address})
    camera = CELL.camera.model_copy(update={"serial": serial})
    return CELL.model_copy(update={"robot": robot, "camera": camera})


def children() -> set[int]:
    return {p.pid for p in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize(("address", "serial"), [("simulated", "f1"), ("192.0.2.1", "simulated")])
def test_half_simulated_cells_are_refused(address: str, serial: str) -> None:
    """A simulated arm before a real camera, or the reverse, is refused before anything is opened."""
    before = children()
    with (
        pytest.raises(InputError, match="would not show the arm that moves"),
        connect(with_devices(address, serial), BODIES, seed=0),
    ):
        pass
    assert children() == before


@pytest.mark.slow
def test_the_camera_sees_the_arm_move() -> None:
    """Through both genuine drivers: a move changes the picture, the same joints give the same bytes."""
    before = children()
    with connect(CELL, BODIES, seed=3, pace=20) as devices:
        bench = devices.bench
        assert bench
        assert devices.info["camera"]["simulated"]
        assert devices.info["robot"]["simulated"]
        pictures = []
        for wrist_deg in (0, 0, 40):
            q_rad = CELL.robot.home_q_rad.copy()
            q_rad[5] += np.radians(wrist_deg)
            devices.robot.move(q_rad, speed_rad_s=1.5, acceleration_rad_s2=3.0)
            pictures.append(devices.camera.grab(after_ns=time.monotonic_ns()).rgb_u8.astype(int))
        assert np.array_equal(pictures[0], pictures[1]), "the same joints, reached anew, look the same"
        mask = bench.world.truth_of(bench.arm.arm_state().q_true_rad).mask_visib
        changed = np.abs(pictures[2] - pictures[1]).max(axis=-1)
        assert changed[mask].mean() > 3 * changed.mean()
    assert children() == before


def test_a_camera_that_fails_releases_the_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the camera does not connect, the controller process that was started before it is gone again."""
    before = children()

    def refuse(_self: RealSenseCamera) -> RealSenseCamera:
        raise CameraNotFound("none")

    monkeypatch.setattr(RealSenseCamera, "__enter__", refuse)
    with pytest.raises(CameraNotFound), connect(CELL, BODIES, seed=0, pace=20):
        pass
    assert children() == before


class ToyDevice:
    """A robot and a camera that only say who they are."""

    def __init__(self, info: object) -> None:
        self.info = info

    def __enter__(self) -> "ToyDevice":
        return self

    def __exit__(self, *_: object) -> None: ...


class ToyDriver:
    """Makes toys of both kinds."""

    def robot(self, config: RobotCell) -> ToyDevice:
        return ToyDevice(RobotInfo(config.model, config.address, "1", "1.0", simulated=False))

    def camera(self, config: CameraCell, *, locked: object = None) -> ToyDevice:
        pinhole = config.pinhole
        info = CameraInfo("Toy", config.serial, "1", "1", "3", pinhole, False, pinhole, np.eye(4), 1e-3)
        return ToyDevice(info)


@pytest.fixture
def toys() -> Iterator[None]:
    """One more arm and one more camera: a line each where data and drivers are named."""
    members = (ARM_MODELS, replace(CELL.robot.arm, title="Toy")), (ARMS, ToyDriver())
    cameras = (CAMERA_MODELS, replace(CELL.camera.known, title="Toy")), (CAMERAS, ToyDriver())
    for registry, member in members + cameras:
        registry["toy"] = member
    yield
    for registry, _ in members + cameras:
        del registry["toy"]


@pytest.mark.usefixtures("toys")
def test_another_make_of_arm_and_camera_is_found_by_its_name() -> None:
    """A cell file that names them is valid, and its devices come from their drivers."""
    text = DEFAULT_CELL.read_text()
    text = text.replace("model: ur3e", "model: toy").replace("model: l515", "model: toy")
    text = text.replace("address: simulated", "address: 192.0.2.1").replace(
        "serial: simulated", "serial: 't1'"
    )
    cell = parse_cell(text, DEFAULT_CELL)
    with connect(cell, BODIES, seed=0) as devices:
        assert devices.info["robot"]["model"] == "toy"
        assert devices.info["camera"]["name"] == "Toy"
        assert devices.bench is None


@pytest.mark.slow
def test_faults_count_from_the_first_grab(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault given to connect strikes in the run, not while the camera is metering."""
    monkeypatch.setattr(RealSenseCamera, "freeze_s", {"color": 0.3, "depth": 0.4})
    fault = FrozenStreamFault(1, persistent=True)
    with connect(CELL, BODIES, seed=0, pace=20, faults=[fault]) as devices:
        devices.camera.grab(after_ns=time.monotonic_ns())
        with pytest.raises(StreamFrozen):
            devices.camera.grab(after_ns=time.monotonic_ns())
