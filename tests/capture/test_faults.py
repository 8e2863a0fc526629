"""Every fault, in device, socket or disk, at a random pose: recovery, or one sentence and a whole folder.

Images are small here, the drivers are the genuine ones.
"""

import errno
import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import synth.dataset.store as store
from small_cell import write_cell_with_camera_on_arm, write_small_cell
from synth.capture.run import capture, fill, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.edit import edit_cell
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import (
    CameraUnplugged,
    DeviceError,
    EmergencyStop,
    ProtectiveStop,
    StorageError,
    SynthError,
)
from synth.hardware.connect import _world, connect
from synth.hardware.simulated import faults as robot
from synth.hardware.simulated import faults_camera as camera

N_POSES = 3

CASES = {
    "dropped colour frame": (camera.DroppedFrameFault, {"stream": "color"}, None),
    "dropped depth frame": (camera.DroppedFrameFault, {"stream": "depth"}, None),
    "frozen colour stream": (camera.FrozenStreamFault, {"stream": "color"}, None),
    "frozen depth stream": (camera.FrozenStreamFault, {"stream": "depth"}, None),
    "stale frame": (camera.StaleFrameFault, {}, None),
    "torn pair": (camera.TornPairFault, {}, None),
    "unplugged and plugged in again": (camera.UnplugFault, {}, None),
    "unplugged for good": (camera.UnplugFault, {"persistent": True}, CameraUnplugged),
    "forgotten settings": (camera.ForgottenSettingsFault, {}, None),
    "protective stop": (robot.ProtectiveStopFault, {}, ProtectiveStop),
    "emergency stop": (robot.EmergencyStopFault, {}, EmergencyStop),
    "connection closed": (robot.ConnectionLostFault, {"how": "closed"}, DeviceError),
    "connection in a black hole": (robot.ConnectionLostFault, {"how": "black_hole"}, DeviceError),
    "script dies": (robot.ScriptDiesFault, {}, DeviceError),
    "refused command": (robot.RefusedCommandFault, {}, DeviceError),
    "pose not reached": (robot.PoseNotReachedFault, {}, DeviceError),
    "stale readings": (robot.StaleDataFault, {}, DeviceError),
}


OTHER_CELLS = {
    "camera on the arm": ("unplugged for good", "protective stop", "connection closed"),
    "d435": ("unplugged for good",),
    "uvc": ("unplugged for good",),
}
"""Where a run that stops and goes on takes another way: pictures and labels of a camera that moves, the
settings that another driver locks. What each arm and camera itself does about faults: tests/contracts.
"""

RUNS = [("standing", case) for case in CASES]
RUNS += [(cell, case) for cell, cases in OTHER_CELLS.items() for case in cases]


class Silence:
    """Progress that nobody watches."""

    def say(self, text): ...
    def begin(self, *, total, done): ...
    def accepted(self, name): ...
    def refused(self, name, reason): ...
    def end(self): ...


def write_cell(folder, kind):
    """A cell file of few pixels."""
    if kind == "camera on the arm":
        return write_cell_with_camera_on_arm(folder)
    file = write_small_cell(folder)
    if kind == "d435":
        d435 = {"model": "d435", "preset": "default", "depth_size_wh": [424, 240]}
        edit_cell(file, {("camera", key): value for key, value in d435.items()})
    if kind == "uvc":
        uvc = {"model": "uvc", "preset": "default", "K": [[475.0, 0, 319.5], [0, 475.0, 179.5], [0, 0, 1]]}
        edit_cell(file, {("camera", key): value for key, value in uvc.items()})
    return file


@pytest.fixture(scope="module")
def prepare(tmp_path_factory):
    """Once a kind of cell: settings of a small, quick capture, its plan, the cell's meshes, and a world that
    keeps what it has drawn.
    """

    @cache
    def prepared(kind):
        cell = load_cell(write_cell(tmp_path_factory.mktemp("cell"), kind))
        bodies = load_bodies(cell)
        settings = CaptureSettings(cell=cell, out=None, n_poses=N_POSES, n_plates=1, pace=40)
        world = _world(cell, bodies, settings.seed, None)
        draw, drawn = world.color, {}

        def color(q_true_rad):
            key = np.asarray(q_true_rad).tobytes()
            if key not in drawn:
                drawn[key] = draw(q_true_rad)
            return drawn[key]

        world.color = color
        return settings, make_plan(settings, bodies), bodies, world

    return prepared


@pytest.fixture
def planned(request, prepare, monkeypatch):
    """Settings, plan and meshes for a kind of cell; every connection sees the same simulated world."""
    *told, world = prepare(request.param)
    monkeypatch.setattr("synth.hardware.connect._world", lambda *_, **__: world)
    return told


def _settings(planned, out):
    return replace(planned[0], out=out), *planned[1:]


def _run_with(settings, plan, bodies, fault):
    """The error that a run ends with when the fault is armed before the first move; None if it completes."""
    try:
        with connect(settings.cell, bodies, seed=settings.seed, pace=settings.pace) as devices:
            bench = devices.bench
            bench.inject(fault)
            fill(settings, plan, bodies, devices, Silence())
    except SynthError as error:
        return error
    return None


def _complete(out):
    reader = DatasetReader(out)
    assert [s.name for s in reader.samples] == [f"{i:06d}" for i in range(N_POSES)]
    assert verify(out) == []


@pytest.mark.slow
@pytest.mark.parametrize(("planned", "case"), RUNS, indirect=["planned"])
def test_a_fault_at_a_random_pose_is_survived(planned, tmp_path, case):
    """The run recovers and completes, or stops with the cause's own error and completes when run again."""
    kind, options, stops_with = CASES[case]
    settings, plan, bodies = _settings(planned, tmp_path / "real")
    when = random.Random(case).randrange(N_POSES)
    if issubclass(kind, robot.RobotFault):
        fault = kind(after_moves=when, **options)
    else:
        fault = kind(after_grabs=when, **options)
    stopped = _run_with(settings, plan, bodies, fault)
    if stopped is None:
        assert stops_with in (None, DeviceError), f"{case} should have stopped the run"
    else:
        assert stops_with is not None, f"{case} should have been recovered from: {stopped}"
        assert isinstance(stopped, stops_with)
        assert len(str(stopped)) > 40
        assert "\n" not in str(stopped)
        assert len(DatasetReader(settings.out).samples) < N_POSES
        capture(settings, plan, bodies, Silence())
    _complete(settings.out)


@pytest.mark.slow
@pytest.mark.parametrize("planned", ["standing", "camera on the arm"], indirect=True)
def test_a_full_disk_stops_the_run_and_leaves_a_whole_folder(planned, tmp_path, monkeypatch):
    """ENOSPC in the middle of a sample is one StorageError; with space again the same call completes."""
    settings, plan, bodies = _settings(planned, tmp_path / "real")
    write_bytes, calls, second = store.write_bytes, [], plan.poses[plan.visits[1]].name

    def fail_later(path, content):
        calls.append(path)
        if path.parent.name == "masks" and path.name == f"{second}.png":
            with store.storage(path):
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_bytes(path, content)

    monkeypatch.setattr(store, "write_bytes", fail_later)
    with pytest.raises(StorageError):
        capture(settings, plan, bodies, Silence())
    monkeypatch.undo()
    assert len(DatasetReader(settings.out).samples) == 1
    assert not (settings.out / f"images/{second}.png").exists()
    capture(settings, plan, bodies, Silence())
    _complete(settings.out)
