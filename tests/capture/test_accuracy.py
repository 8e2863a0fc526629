"""A small capture of the simulated cell against the simulator's exact truth: the bounds of the benchmark."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml

from synth.capture.label import Labeller
from synth.capture.run import capture, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.dataset.reader import DatasetReader
from synth.geometry import se3
from synth.geometry.normals import angle_deg
from synth.geometry.pinhole import Pinhole
from synth.hardware.simulated.truth import load_truth
from synth.hardware.simulated.world import World

N_POSES = 4


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "capture.py"
    spec = importlib.util.spec_from_file_location("benchmark_capture", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def captured(cell, bodies, benchmark, tmp_path_factory):
    """A dataset of the default cell, and a world that is what the simulator was."""
    out = tmp_path_factory.mktemp("accuracy") / "real"
    settings = CaptureSettings(cell=cell, out=out, n_poses=N_POSES, n_plates=1, pace=40)
    capture(settings, make_plan(settings, bodies), bodies, benchmark.Stopwatch(lambda: 0.0))
    return DatasetReader(out), World(cell, bodies, load_truth(cell), settings.seed)


@pytest.mark.slow
def test_labels_agree_with_the_truth(captured, benchmark):
    """Tight box edges within 1 px in the median and 2.5 px at the 95th percentile, normals within 0.1°."""
    figures = benchmark.compare_with_truth(*captured)
    assert figures["box_side_median_px"] >= 90
    assert figures["edge_error_median_px"] <= 1.0
    assert figures["edge_error_p95_px"] <= 2.5
    assert figures["normal_error_median_deg"] <= 0.1
    assert figures["depth_normal_error_median_deg"] <= 2.0


@pytest.mark.slow
def test_a_camera_that_stands_wrong_by_a_fifth_of_a_degree_is_noticed(captured, bodies, tmp_path):
    """The same images labelled with T_base_cam turned by 0.2° miss the bound: the test can fail."""
    reader, world = captured
    cell = load_cell(None)
    turned = np.asarray(cell.camera.T_base_cam) @ se3.from_rotvec(np.radians([0.14, 0.14, 0]), [0, 0, 0])
    wrong = cell.model_copy(update={"camera": cell.camera.model_copy(update={"T_base_cam": turned})})
    sample = reader.samples[0]
    pinhole = Pinhole(tuple(sample.size_wh), np.asarray(sample.K), np.asarray(sample.dist))
    labeller = Labeller(wrong, bodies, pinhole, source="colour", crop_kind="rectified")
    errors = []
    for sample in reader.samples:
        before = sample.robot.before
        label = labeller.label(
            reader.load_rgb(sample), np.asarray(before.T_base_tool), np.asarray(before.q_rad)
        )
        truth = world.truth_of(np.asarray(before.q_rad))
        errors.append(angle_deg(label.normal_uvw, truth.normal_uvw))
    assert np.median(errors) > 0.1


@pytest.mark.slow
def test_the_truth_file_is_what_the_picture_follows(cell, bodies):
    """A world whose truth pins T_base_cam elsewhere than the cell's shows its normals there."""
    truth = load_truth(cell)
    T_base_cam = np.asarray(cell.camera.T_base_cam) @ se3.from_rotvec(np.radians([0.2, 0, 0]), [0, 0, 0])
    elsewhere = type(truth).model_validate(
        yaml.safe_load(yaml.safe_dump(truth.model_dump(mode="json", exclude_none=True)))
        | {"T_base_cam": T_base_cam.tolist()}
    )
    q_rad = cell.robot.home_q_rad
    a = World(cell, bodies, truth, 0).truth_of(q_rad)
    b = World(cell, bodies, elsewhere, 0).truth_of(q_rad)
    assert angle_deg(a.normal_uvw, b.normal_uvw) == pytest.approx(
        0.2 * np.linalg.norm(np.cross([1, 0, 0], a.normal_cam)), rel=0.01
    )
