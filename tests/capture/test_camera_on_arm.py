"""A camera on the arm, going past a part that stands: planned, captured, labelled, twinned, never wrapped."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from small_cell import write_cell_with_camera_on_arm, write_cell_with_d455_on_ur10e
from synth.capture.calibrate.part_fit import fit_part, part_outcome, with_part
from synth.capture.calibrate.part_views import PartShot
from synth.capture.normal_error import normal_sigma_deg
from synth.capture.run import capture, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.calibration import CameraCalibration, PartCalibration, now
from synth.cell.calibration_validity import camera_hash, part_hash, why_uncalibrated
from synth.cell.candidates import draw_candidates
from synth.cell.clearance import CellClearance
from synth.cell.edit import edit_cell
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.cell.places import T_base_cam, T_base_cam_at_home, T_cam_part
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import CellError, InputError, UnsafeMotion
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.raycast import render_ids
from synth.hardware.safety import SafetyModel
from synth.hardware.simulated.eye_in_hand import WorldFromArm
from synth.hardware.simulated.truth import load_truth
from synth.sim.bench import Bench
from synth.sim.furnish import camera_of_cell
from synth.sim.look import measure_look
from synth.sim.meshes import cell_meshes
from synth.sim.sources.fresh import make_fresh
from synth.sim.twins import make_twin

N_POSES = 4


def _script(name):
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cell_file(tmp_path_factory):
    return write_cell_with_camera_on_arm(tmp_path_factory.mktemp("cell"))


@pytest.fixture(scope="module")
def cell(cell_file):
    return load_cell(cell_file)


@pytest.fixture(scope="module")
def bodies(cell):
    return load_bodies(cell)


@pytest.fixture(scope="module")
def benchmark():
    return _script("capture")


@pytest.fixture(scope="module")
def captured(cell, bodies, benchmark, tmp_path_factory):
    out = tmp_path_factory.mktemp("on_arm") / "real"
    settings = CaptureSettings(cell=cell, out=out, n_poses=N_POSES, pace=1000)
    capture(settings, make_plan(settings, bodies), bodies, benchmark.Stopwatch(lambda: 0.0))
    return DatasetReader(out)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (("camera", "T_tool_cam"), None, "camera.T_tool_cam: is missing; a camera on the arm"),
        (("part", "T_base_part"), None, "part.T_base_part: is missing; before a camera on the arm"),
        (("camera", "cable_turn_deg"), 120, "the camera's cable would wrap"),
        (("robot", "park_deg"), [185, -110, 80, -60, -90, 200], "turns wrist 3 to 200°, 200° from home"),
        (("camera", "T_tool_cam"), se3.make(np.eye(3), [0, -70, 0]).tolist(), "70 m from the TCP"),
        (("camera", "mounted"), "gripper", "camera.mounted: is 'gripper'; allowed"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_in_one_sentence(cell_file, key, value, says):
    """What is missing, would wrap or is in millimetres is told when the cell is read."""
    before = cell_file.read_text()
    with pytest.raises(CellError) as caught:
        edit_cell(cell_file, {key: value})
    assert says in str(caught.value)
    assert caught.value.exit_code == 2
    assert cell_file.read_text() == before


def test_wrist_3_is_never_sent_where_the_cable_wraps(cell, bodies):
    """A target within the arm's range but beyond the cable's is refused before the driver is called."""
    target = cell.robot.home_q_rad + np.radians([0, 0, 0, 0, 0, 190])
    assert (np.abs(target) <= cell.robot.arm.joint_limit_rad).all()
    with pytest.raises(UnsafeMotion, match=r"wrist_3 was asked to go to 190.0°; it turns from -180° to 180°"):
        SafetyModel(cell, bodies).check_target(target, speed_rad_s=0.1, acceleration_rad_s2=0.1)


def test_housing_cable_and_the_part_that_stands_are_kept_apart(cell, bodies):
    """All of the arm keeps away from the part; housing and cable from table, walls and links."""
    clearance = CellClearance(cell, bodies)
    for body in ("camera", "cable"):
        assert {"the table", "the workspace's wall", "the part", "forearm"} <= {
            other for name, other in clearance.pairs if name == body
        }
    longer = cell.model_copy(update={"camera": cell.camera.model_copy(update={"cable_m": 0.3})})
    assert clearance.is_free(cell.robot.home_q_rad).all()
    assert not CellClearance(longer, bodies).is_free(cell.robot.home_q_rad).all()
    before_lens = T_base_cam_at_home(cell) @ se3.make(np.eye(3), [0, 0, -0.05])
    near = cell.model_copy(update={"part": cell.part.model_copy(update={"T_base_part": before_lens})})
    there = CellClearance(near, bodies)
    missing_m = there.missing_m(cell.robot.home_q_rad[None])[0]
    assert ("camera", "the part") in [there.pairs[i] for i in np.flatnonzero(missing_m > 0)]


@pytest.mark.slow
def test_labels_agree_with_the_truth(captured, cell, bodies, benchmark):
    """Within the bounds of a camera that stands: tight edges 1 px in the median and 2.5 px at the 95th
    percentile, normals 0.1°; each sample says where its own camera was, and there are no plates.
    """
    assert verify(captured.root) == []
    world = WorldFromArm(cell, bodies, load_truth(cell), 0)
    figures = benchmark.compare_with_truth(captured, world)
    assert figures["edge_error_median_px"] <= 1.0
    assert figures["edge_error_p95_px"] <= 2.5
    assert figures["normal_error_median_deg"] <= 0.1
    assert figures["depth_normal_error_median_deg"] <= 2.0
    assert captured.info.camera.T_base_cam is None
    assert captured.plates == ()
    for sample in captured.samples:
        before, after = (np.asarray(r.T_base_tool) for r in (sample.robot.before, sample.robot.after))
        T_base_tool = se3.mean_pose(before, after)
        np.testing.assert_allclose(sample.T_base_cam, T_base_cam(cell, T_base_tool), atol=1e-9)
        np.testing.assert_allclose(sample.instances[0].T_cam_part, T_cam_part(cell, T_base_tool), atol=1e-9)


@pytest.mark.slow
def test_another_arm_carries_another_camera(benchmark, tmp_path):
    """A D455 on a UR10e: planned, captured and labelled as well, with depth checked at every shot."""
    cell = load_cell(write_cell_with_d455_on_ur10e(tmp_path))
    bodies = load_bodies(cell)
    settings = CaptureSettings(cell=cell, out=tmp_path / "real", n_poses=3, pace=1000)
    capture(settings, make_plan(settings, bodies), bodies, benchmark.Stopwatch(lambda: 0.0))
    reader = DatasetReader(settings.out)
    assert verify(reader.root) == []
    figures = benchmark.compare_with_truth(reader, WorldFromArm(cell, bodies, load_truth(cell), 0))
    assert figures["edge_error_median_px"] <= 1.0
    assert figures["edge_error_p95_px"] <= 2.5
    assert figures["normal_error_median_deg"] <= 0.1
    assert figures["depth_checked"] == 1


@pytest.mark.slow
def test_twins_and_fresh_poses_stand_where_the_camera_was(captured, cell):
    """A twin has its sample's camera and the part where it stands; a fresh pose has the camera that its own
    joints carry; a look is not matched to a bench that moves.
    """
    bench = Bench(cell, camera_of_cell(cell, captured.info.camera), captured)
    fresh = make_fresh(2, cell, cell_meshes(cell), camera_of_cell(cell), seed=1)
    scenes = [make_twin(sample, bench, seed=0, for_analysis=True) for sample in captured.samples]
    for scene, sample in zip(scenes, captured.samples, strict=True):
        np.testing.assert_array_equal(scene.camera.T_base_cam, sample.T_base_cam)
    for scene in fresh:
        carried = T_base_cam(cell, np.asarray(scene.T_base_tool))
        np.testing.assert_allclose(scene.camera.T_base_cam, carried, atol=1e-12)
    for scene in (*scenes, *fresh):
        (part,) = [body for body in scene.bodies if body.instance == 1]
        np.testing.assert_array_equal(part.T_base_body, cell.part.T_base_part)
    with pytest.raises(InputError, match="camera on the arm"):
        measure_look(captured)


def test_normals_carry_the_uncertainty_of_hand_and_part(cell):
    """As with a camera that stands: None until both are calibrated, then their turns, the arm's and the
    shot's together; who changes T_tool_cam or T_base_part by hand has an uncalibrated cell again.
    """
    T = T_cam_part(cell, cell.robot.T_base_tool(cell.robot.home_q_rad))
    normal_cam = T[:3, 2]
    assert normal_sigma_deg(cell, normal_cam, T, 0.0) is None
    assert "never calibrated" in str(why_uncalibrated(cell))
    turn = ((0.01, 0.0, 0.0), (0.0, 0.01, 0.0), (0.0, 0.0, 0.01))
    common = {"date": now(), "sigma_mm": 0.1, "sigma_deg": 0.1, "rotation_covariance_deg2": turn}
    fit = {"n_views": 20, "rms_px": 0.2, "held_out_mm": 0.1, "tool_mm": 0.0, "tool_deg": 0.0}
    hand = CameraCalibration(**common, **fit, sha256=camera_hash(cell, "T_tool_cam"))
    part = PartCalibration(**common, n_poses=20, outline_px=0.5, sha256=part_hash(cell))
    known = cell.model_copy(
        update={"calibration": cell.calibration.model_copy(update={"hand": hand, "part": part})}
    )
    assert why_uncalibrated(known) is None
    sigma_deg = normal_sigma_deg(known, normal_cam, T, 0.0)
    assert sigma_deg == pytest.approx(np.sqrt(2 * 2 * 0.01), rel=1e-6)  # Two turns, each about two axes.
    for section, key in (("camera", "T_tool_cam"), ("part", "T_base_part")):
        moved = np.array(getattr(getattr(known, section), key))
        moved[0, 3] += 0.001
        changed = getattr(known, section).model_copy(update={key: moved})
        assert why_uncalibrated(known.model_copy(update={section: changed})) is not None


def part_shots(cell, part, n):
    """``n`` exact pictures of a part where the cell has it, without noise."""
    camera = cell.camera.pinhole
    poses = draw_candidates(cell, load_bodies(cell), camera, n, np.random.default_rng(0))
    shots = []
    for i, (q_rad, T_base_tool) in enumerate(zip(poses.q_rad[:n], poses.T_base_tool, strict=False)):
        standing = part.transformed(np.asarray(cell.part.T_base_part))
        hits = render_ids([standing], camera, T_base_cam(cell, T_base_tool))
        depth_m = np.where(hits.valid, hits.t, 0).astype(np.float32)
        shots.append(PartShot(f"{i:06d}", T_base_tool, q_rad, hits.valid, depth_m))
    return shots


@pytest.mark.slow
def test_the_place_of_a_part_that_stands_is_found(cell, bodies):
    """From exact outlines and depth of 20 poses, 3 mm and 1.5° off at first: 0.1 mm and 0.1° are left."""
    true = np.asarray(cell.part.T_base_part)
    off = se3.from_rotvec(np.radians([1.0, -1.0, 0.5]), [0.002, -0.002, 0.001])
    shots = part_shots(cell, bodies.part, 20)
    found = fit_part(with_part(cell, true @ off), bodies, cell.camera.pinhole, shots)
    left = se3.inverse(true) @ found.T
    assert 1000 * np.linalg.norm(left[:3, 3]) < 0.1
    assert np.degrees(se3.rotation_angle_rad(left)) < 0.1
    assert 1000 * np.linalg.norm(off[:3, 3]) == pytest.approx(found.moved_mm, abs=0.1)
    values, record, _ = part_outcome(cell, found)
    assert next(iter(values)) == ("part", "T_base_part")
    assert record.sha256 == part_hash(with_part(cell, np.round(found.T, 9)))


@pytest.mark.slow
def test_what_every_picture_has_wrong_alike_is_in_the_stated_uncertainty(cell, bodies):
    """An outline that lies 2 mm out at half a side of the part in all pictures, as a bench that takes the
    part's colour has it: the error is within two of the standard deviations that are said, and it is told
    that more pictures do not help.
    """
    low, high = bodies.part.vertices_m.min(axis=0), bodies.part.vertices_m.max(axis=0)
    beside = Mesh.box([low[0] - 0.002, 0.0, low[2]], [low[0], high[1], low[2] + 0.004])
    seen = Mesh(
        np.concatenate([bodies.part.vertices_m, beside.vertices_m]),
        np.concatenate([bodies.part.triangles, beside.triangles + len(bodies.part.vertices_m)]),
    )
    found = fit_part(cell, bodies, cell.camera.pinhole, part_shots(cell, seen, 20))
    left = se3.inverse(np.asarray(cell.part.T_base_part)) @ found.T
    assert np.degrees(se3.rotation_angle_rad(left)) < 2 * found.sigma_deg
    assert 1000 * np.linalg.norm(left[:3, 3]) < 2 * found.sigma_mm
    without = found.covariance - found.by_places
    assert 1000 * np.linalg.norm(left[:3, 3]) > 2 * 1000 * np.sqrt(np.trace(without[3:, 3:]))
    gates = cell.gates.model_copy(update={"max_calibration_mm": 0.01})
    _, _, (reason,) = part_outcome(cell.model_copy(update={"gates": gates}), found)
    assert "more poses do not help" in reason
