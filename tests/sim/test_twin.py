"""Twins stand exactly where the captured samples say, and show what the simulated camera saw."""

import cv2
import numpy as np
import pytest

from as_the_cell_says import AS_THE_CELL_SAYS
from synth.capture.label import Labeller
from synth.cell.load import default_cell
from synth.cell.mesh import load_bodies
from synth.dataset.sample import RobotReading, RobotShot, Sample
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.arm import forward, joint_frames
from synth.hardware.simulated.sensor import REFERENCE_EXPOSURE_US, REFERENCE_GAIN
from synth.hardware.simulated.world import World
from synth.sim.bench import Bench
from synth.sim.furnish import camera_of_cell, scene_seed
from synth.sim.labels import cell_labels, label_scene
from synth.sim.meshes import cell_meshes
from synth.sim.sources.fresh import make_fresh
from synth.sim.twins import STREAM, make_twin

CELL = default_cell()
BODIES = load_bodies(CELL)
MESHES = cell_meshes(CELL)
BENCH = Bench(CELL, camera_of_cell(CELL))
LABELS = cell_labels(CELL, MESHES)
N_POSES = 4


@pytest.fixture(scope="module")
def world():
    return World(CELL, BODIES, AS_THE_CELL_SAYS, seed=0)


@pytest.fixture(scope="module")
def samples(world):
    """What a capture records at a few poses: the controller knows its arm, the cell file its camera."""
    poses = [np.array(s.q_rad) for s in make_fresh(N_POSES, CELL, MESHES, camera_of_cell(CELL), seed=3)]
    return [_sample(world, i, q) for i, q in enumerate(poses)]


def _sample(world, number, q_rad, split="train", shift_m=0.0):
    before = world.T_base_tool_of(q_rad)
    after = before.copy()
    after[0, 3] += shift_m
    before, after = (
        RobotReading(q_rad=q_rad, T_base_tool=T, t_ns=0, controller_time_s=0.0) for T in (before, after)
    )
    camera = world.color_camera
    return Sample(
        name=f"{number:06d}",
        split=split,
        size_wh=camera.size_wh,
        K=camera.K,
        dist=camera.dist,
        T_base_cam=world.T_base_cam,
        robot=RobotShot(before=before, after=after),
        layers={"image": f"images/{number:06d}.png"},
        sha256={f"images/{number:06d}.png": "0" * 64},
        pixels_sha256="0" * 64,
    )


def _iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_a_twin_stands_where_the_sample_was_measured(samples):
    """The labelled pose is T_base_cam⁻¹ · T_base_tool · T_tool_part exactly; name and split stay."""
    for sample in samples:
        scene = make_twin(sample, BENCH, seed=0)
        instance = label_scene(scene, MESHES, LABELS).instances[0]
        T_base_tool = np.array(sample.robot.before.T_base_tool)
        expected = se3.inverse(np.array(sample.T_base_cam)) @ T_base_tool @ CELL.part.T_tool_part
        np.testing.assert_allclose(instance.T_cam_part, expected, atol=1e-12)
        assert (scene.name, scene.split, scene.parents) == (sample.name, sample.split, (sample.name,))
        assert (scene.camera.K, scene.camera.dist) == (sample.K, sample.dist)
        assert [lamp.position_m for lamp in scene.lamps] == [lamp.position_m for lamp in CELL.bench.lamps]


def test_the_tool_is_half_way_between_the_two_readings(world):
    """A tool that moved by 0.2 mm during the shot stands at 0.1 mm."""
    scene = make_twin(_sample(world, 0, CELL.robot.home_q_rad, shift_m=2e-4), BENCH, seed=0)
    moved = np.array(scene.T_base_tool) - world.T_base_tool_of(CELL.robot.home_q_rad)
    np.testing.assert_allclose(moved[:3, 3], [1e-4, 0, 0], atol=1e-12)


def test_the_twin_s_label_is_what_the_simulated_camera_saw(samples, world):
    """Mask, box and visible share of nominal links and CAD against the simulator's truth."""
    for sample in samples:
        labels = label_scene(make_twin(sample, BENCH, seed=0), MESHES, LABELS)
        truth = world.truth_of(np.array(sample.robot.before.q_rad))
        assert _iou(labels.mask > 0, truth.mask_visib) > 0.995
        np.testing.assert_allclose(labels.instances[0].box_xyxy_px, truth.box_xyxy_px, atol=0.75)
        assert labels.instances[0].visib_fract == pytest.approx(truth.visib_fract, abs=0.01)
        np.testing.assert_allclose(labels.instances[0].normal_uvw, truth.normal_uvw, atol=1e-9)
        point_px = np.array(labels.instances[0].point_xy) * sample.size_wh - 0.5
        np.testing.assert_allclose(point_px, truth.point_px, atol=1e-6)


@pytest.mark.slow
def test_the_twin_s_contour_is_within_a_pixel_of_the_captured_colour_mask(samples, world):
    """The median distance between the outlines of the two masks is at most 1 px; the masks nearly cover."""
    labeller = Labeller(CELL, BODIES, world.color_camera, source="colour", crop_kind="rectified")
    distances, ious = [], []
    for sample in samples:
        q_rad = np.array(sample.robot.before.q_rad)
        rgb = world.expose(world.color(q_rad), REFERENCE_EXPOSURE_US, REFERENCE_GAIN, 5500.0, (1, 0))
        captured = labeller.label(rgb, np.array(sample.robot.before.T_base_tool), q_rad).mask
        mask = label_scene(make_twin(sample, BENCH, seed=0), MESHES, LABELS).mask > 0
        contour = mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) == 0)
        edge = captured & (cv2.erode(captured.astype(np.uint8), np.ones((3, 3))) == 0)
        distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5)
        distances.append(np.median(distance[contour]))
        ious.append(_iou(mask, captured))
    assert np.median(distances) <= 1.0
    assert np.median(ious) > 0.965


def test_links_are_within_two_millimetres_of_the_true_arm(samples, world):
    """Nominal kinematics place the links, the measured tool the wrists: what shadows need."""
    for sample in samples:
        scene = make_twin(sample, BENCH, seed=0)
        true = joint_frames(scene.q_rad, world.dh)
        for body in scene.bodies:
            if body.name.startswith("arm_"):
                link = int(body.name.split("_")[1])
                error_m = np.linalg.norm(np.array(body.T_base_body)[:3, 3] - true[link][:3, 3])
                assert error_m < (0.0005 if link >= 4 else 0.002), body.name


def test_the_wrist_meets_the_measured_flange(samples):
    """No gap at the flange: wrist 3 stands on the measured tool pose."""
    scene = make_twin(samples[0], BENCH, seed=0)
    wrist = next(b for b in scene.bodies if b.name == "arm_6_silver")
    expected = np.array(scene.T_base_tool) @ se3.inverse(CELL.robot.T_flange_tool)
    np.testing.assert_allclose(wrist.T_base_body, expected, atol=1e-12)
    assert not np.allclose(expected, forward(scene.q_rad, CELL.robot.arm.dh), atol=1e-4)


def test_a_test_sample_has_a_twin_only_for_analysis(world):
    """Unasked, a twin of a test sample is refused; asked for, it stays test and names its parent."""
    sample = _sample(world, 5, CELL.robot.home_q_rad, split="test")
    with pytest.raises(InputError, match=r"000005 is a test sample.*--test-twins"):
        make_twin(sample, BENCH, seed=0)
    scene = make_twin(sample, BENCH, seed=0, for_analysis=True)
    assert (scene.split, scene.parents) == ("test", ("000005",))


@pytest.mark.parametrize("key", ["robot", "K", "T_base_cam"])
def test_a_sample_without_its_pose_or_camera_has_no_twin(world, key):
    """One sentence that names the sample."""
    sample = _sample(world, 5, CELL.robot.home_q_rad).model_copy(update={key: None})
    with pytest.raises(InputError, match=r"000005.*no twin"):
        make_twin(sample, BENCH, seed=0)


def test_the_same_sample_gives_the_same_bytes(samples):
    """A twin and its seed depend on sample and run seed alone."""
    a, b = (make_twin(samples[1], BENCH, seed=7).model_dump_json() for _ in range(2))
    assert a == b
    seeds = {scene_seed(s, STREAM, n) for s in range(3) for n in range(50)}
    assert len(seeds) == 150
