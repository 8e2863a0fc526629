"""The same seed gives the same dataset, byte for byte, interrupted or not; time stamps aside."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from synth.capture.run import capture, fill, make_plan
from synth.capture.settings import CaptureSettings, find_earlier_run
from synth.dataset.reader import DatasetReader
from synth.errors import CameraUnplugged, DatasetError
from synth.hardware.connect import connect
from synth.hardware.simulated.faults_camera import UnplugFault


class Silence:
    """Progress that nobody watches."""

    def say(self, text): ...
    def begin(self, *, total, done): ...
    def accepted(self, name): ...
    def refused(self, name, reason): ...
    def end(self): ...


@pytest.fixture(scope="module")
def contents():
    path = Path(__file__).parents[2] / "benchmarks" / "kill.py"
    spec = importlib.util.spec_from_file_location("benchmark_kill", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.contents


def _capture_until_unplugged(settings, plan, bodies):
    with connect(settings.cell, bodies, seed=settings.seed, pace=settings.pace) as devices:
        devices.bench.camera.inject(UnplugFault(after_grabs=4, persistent=True))
        fill(settings, plan, bodies, devices, Silence())


@pytest.fixture(scope="module")
def small(cell):
    """The default cell with a small camera."""
    sizes = {"color_size_wh": (640, 360), "depth_size_wh": (320, 240)}
    return cell.model_copy(update={"camera": cell.camera.model_copy(update=sizes)})


@pytest.mark.slow
def test_a_capture_that_grew_is_the_larger_one(small, bodies, contents, tmp_path):
    """Three poses and then five are five at once, in the order of their names; three are refused then."""
    five = CaptureSettings(cell=small, out=tmp_path / "five", n_poses=5, n_plates=1, pace=40)
    capture(five, make_plan(five, bodies), bodies, Silence())
    three = replace(five, out=tmp_path / "grown", n_poses=3)
    capture(three, make_plan(three, bodies), bodies, Silence())
    grown = replace(five, out=three.out)
    capture(grown, plan := make_plan(grown, bodies), bodies, Silence())
    assert contents(grown.out) == contents(five.out)
    assert [s.name for s in DatasetReader(grown.out)] == [pose.name for pose in plan.poses]

    with pytest.raises(DatasetError, match="begun for 5 poses, and --poses says 3: a capture may grow"):
        find_earlier_run(three, plan)


@pytest.mark.slow
def test_one_seed_is_one_dataset(small, bodies, contents, tmp_path):
    """Plan, images, labels and splits are equal in a second run, and in one that was interrupted."""
    settings = CaptureSettings(cell=small, out=tmp_path / "a", n_poses=4, n_plates=2, pace=40, seed=3)
    plan = make_plan(settings, bodies)
    capture(settings, plan, bodies, Silence())
    first = contents(settings.out)
    assert len([name for name in first if name.startswith("images/")]) == 4

    again = replace(settings, out=tmp_path / "b", pace=25)
    capture(again, make_plan(again, bodies), bodies, Silence())
    assert contents(again.out) == first

    broken = replace(settings, out=tmp_path / "c")
    with pytest.raises(CameraUnplugged):
        _capture_until_unplugged(broken, plan, bodies)
    capture(broken, plan, bodies, Silence())
    assert contents(broken.out) == first
