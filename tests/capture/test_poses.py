import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from synth.capture.coverage import Spread, joint_cells
from synth.capture.poses import Plan, plan_poses
from synth.capture.visit_order import plan_visits
from synth.cell.candidates import draw_candidates
from synth.cell.mesh import CellBodies, label_normal_part
from synth.errors import InputError
from synth.geometry import frames, se3
from synth.geometry.arm import forward, trapezoid_time_s
from synth.geometry.mesh import Mesh
from synth.geometry.normals import angle_deg
from synth.hardware.safety import SafetyModel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plan(cell, bodies, camera) -> Plan:
    return plan_poses(cell, bodies, camera, 40, 0)


@pytest.fixture(scope="module")
def safety(cell, bodies) -> SafetyModel:
    return SafetyModel(cell, bodies)


def digest(plan: Plan) -> str:
    """One number for a plan: joints in their order, splits, names."""
    text = [
        f"{p.name} {p.split} {p.q_rad.tobytes().hex()} {p.square_xyxy_px.tobytes().hex()}" for p in plan.poses
    ]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()


def change(cell, section, **values):
    return cell.model_copy(update={section: getattr(cell, section).model_copy(update=values)})


def change_joints(cell, **ranges):
    joints = cell.robot.joints
    new = {name: type(joints.base)(**value) for name, value in ranges.items()}
    return change(cell, "robot", joints=joints.model_copy(update=new))


def test_every_pose_keeps_every_promise(plan, cell, bodies, camera, safety):
    """Ranges, distances, the whole square box in the image, tilt: recomputed from the mesh."""
    bounds, gates = cell.robot.joints.bounds_rad, cell.gates
    T_cam_base = se3.inverse(cell.camera.T_base_cam)
    for pose in plan.poses:
        assert (pose.q_rad >= bounds[:, 0] - 1e-9).all()
        assert (pose.q_rad <= bounds[:, 1] + 1e-9).all()
        assert safety.is_free(pose.q_rad).all()
        np.testing.assert_allclose(pose.T_base_tool, cell.robot.T_base_tool(pose.q_rad))
        T_cam_part = T_cam_base @ pose.T_base_tool @ cell.part.T_tool_part
        pixels = camera.project(se3.transform(T_cam_part, bodies.part.vertices_m)) + 0.5
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        assert (high - low).max() == pytest.approx(pose.square_xyxy_px[2] - pose.square_xyxy_px[0], abs=0.05)
        np.testing.assert_allclose(
            (low + high) / 2, (pose.square_xyxy_px[:2] + pose.square_xyxy_px[2:]) / 2, atol=0.05
        )
        assert pose.square_xyxy_px.min() >= gates.image_margin_px
        assert (pose.square_xyxy_px[2:] <= np.array(camera.size_wh) - gates.image_margin_px).all()
        normal = T_cam_part[:3, :3] @ label_normal_part(cell, bodies.part)
        point = se3.transform(T_cam_part, cell.part.point_of_interest_m)
        np.testing.assert_allclose(pose.normal_uvw, frames.uvw_from_cam(normal), atol=1e-9)
        assert angle_deg(normal, -point) == pytest.approx(pose.tilt_deg)
        assert pose.tilt_deg <= gates.max_tilt_deg
        assert pose.visible >= gates.min_visible


def test_the_arm_gets_everywhere_on_free_ways(plan, cell, safety):
    """From home to the first pose, from each to the next (by home if need be), and from any pose home."""
    stops = [cell.robot.home_q_rad, *(plan.poses[i].q_rad for i in plan.visits)]
    for start, goal in pairwise(stops):
        safety.route(start, goal, cell.robot.home_q_rad)
    assert all(safety.check_path(p.q_rad, cell.robot.home_q_rad) is None for p in plan.poses)


def test_a_larger_plan_begins_with_the_smaller_one(plan, cell, bodies, camera):
    """Poses, names and splits of the first, whatever more is asked for; stand-ins too. All are visited."""
    larger = plan_poses(cell, bodies, camera, 47, 0)
    assert digest(replace(larger, poses=larger.poses[:40])) == digest(plan)
    for index in (0, 19, 20, 39):
        first, again = plan.replacement(index, 1), larger.replacement(index, 1)
        assert first.q_rad.tobytes() == again.q_rad.tobytes()
    assert sorted(larger.visits) == list(range(47))


def test_names_count_up_and_splits_follow_the_rule(plan):
    """Forty poses: 24 train, 6 val, 10 test, as 240, 60, 100 of 400; names are their indices."""
    assert [p.name for p in plan.poses] == [f"{i:06d}" for i in range(40)]
    assert Counter(p.split for p in plan.poses) == {"train": 24, "val": 6, "test": 10}


def test_poses_are_spread(plan):
    """Tilts up to the gate, most of the image's width, all spins; no two poses nearly alike."""
    tilts = np.array([p.tilt_deg for p in plan.poses])
    assert tilts.min() < 15
    assert tilts.max() > 42
    centres = np.array([(p.square_xyxy_px[:2] + p.square_xyxy_px[2:]) / 2 for p in plan.poses])
    assert np.ptp(centres[:, 0]) > 0.55 * 1280
    assert np.ptp(centres[:, 1]) > 0.35 * 720
    q = np.array([p.q_rad for p in plan.poses])
    apart = np.abs(q[:, None] - q[None]).max(axis=-1) + np.eye(len(q))
    assert np.degrees(apart.min()) > 3
    assert len(np.unique(np.floor((np.degrees(q[:, 5]) + 180) / 60))) == 6


def test_the_choice_covers_more_than_chance(cell, bodies, camera, safety):
    """150 chosen poses visit more normals × places, and more evenly, than 150 of a Sobol sequence."""
    pool = draw_candidates(cell, bodies, camera, 150, np.random.default_rng(0))
    chosen = Spread(camera.size_wh, cell.gates.max_tilt_deg).pick(pool, 150, lambda _: True)
    assert len(set(chosen)) == 150
    cells = joint_cells(pool, camera.size_wh, cell.gates.max_tilt_deg)
    assert len(set(cells[chosen])) > 1.15 * len(set(cells[:150]))
    rings = np.bincount((pool.tilt_deg[chosen] / cell.gates.max_tilt_deg * 3).astype(int))
    by_chance = np.bincount((pool.tilt_deg[:150] / cell.gates.max_tilt_deg * 3).astype(int))
    assert rings.min() > 1.5 * by_chance.min(), "flat tilts do not come by themselves"


def test_the_same_seed_gives_the_same_plan_in_another_process(plan):
    """Byte for byte, whatever the hash seed and the number of threads."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np\n"
        "from synth.capture.poses import plan_poses\n"
        "from synth.cell.load import load_cell\n"
        "from synth.cell.mesh import load_bodies\n"
        "from synth.geometry.pinhole import Pinhole\n"
        "K = np.array([[905.1, 0, 645.7], [0, 904.6, 358.9], [0, 0, 1.0]])\n"
        "camera = Pinhole((1280, 720), K, np.array([0.166, -0.51, -0.0005, -0.0007, 0.468]))\n"
        "cell = load_cell(None)\n"
        "plan = plan_poses(cell, load_bodies(cell), camera, 40, 0)\n"
        "from test_poses import digest\n"
        "print(digest(plan))\n"
    )
    environment = {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": ""}
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", code, folder], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(plan)


def test_another_seed_gives_another_plan(plan, cell, bodies, camera):
    """Seeds matter, and the arrangement of splits too."""
    other = plan_poses(cell, bodies, camera, 40, 1)
    assert digest(other) != digest(plan)
    block = plan_poses(cell, bodies, camera, 40, 0, split="block")
    assert [p.split for p in block.poses] != [p.split for p in plan.poses]
    np.testing.assert_array_equal([p.q_rad for p in block.poses], [p.q_rad for p in plan.poses])
    assert block.train_test_deg.min() > 1.5 * plan.train_test_deg.min()


def test_replacements_are_own_near_and_independent_of_history(plan, cell, bodies, camera):
    """A stand-in keeps name and split, is no pose of the plan nor of another's stand-ins, and does not depend
    on what was asked before.
    """
    again = plan_poses(cell, bodies, camera, 40, 0)
    backwards = {(i, k): again.replacement(i, k).q_rad for i in reversed(range(40)) for k in (2, 1)}
    seen = {p.q_rad.tobytes() for p in plan.poses}
    for index in range(40):
        for attempt in (1, 2):
            stand_in = plan.replacement(index, attempt)
            assert (stand_in.name, stand_in.split) == (plan.poses[index].name, plan.poses[index].split)
            np.testing.assert_array_equal(stand_in.q_rad, backwards[index, attempt])
            assert stand_in.q_rad.tobytes() not in seen
            seen.add(stand_in.q_rad.tobytes())
    turn = [angle_deg(plan.replacement(i, 1).normal_uvw, plan.poses[i].normal_uvw) for i in range(40)]
    random_turn = [angle_deg(plan.poses[i - 7].normal_uvw, plan.poses[i].normal_uvw) for i in range(40)]
    assert np.median(turn) < 0.5 * np.median(random_turn)


def test_replacements_run_out_in_words(plan):
    """More refusals than there are stand-ins: one sentence that names the pose."""
    with pytest.raises(InputError, match=r"000003.*no reachable pose is left"):
        plan.replacement(3, 99)


def test_the_tour_is_short_and_complete(plan, cell, safety):
    """Every stop once, and far less time than in the order of drawing."""
    q = np.array([p.q_rad for p in plan.poses])
    shuffled = q[np.random.default_rng(0).permutation(len(q))]
    limits = {"speed_rad_s": np.radians(90), "acceleration_rad_s2": np.radians(180)}
    order, times_s = plan_visits(cell.robot.home_q_rad, shuffled, safety, **limits)
    assert sorted(order) == list(range(40))
    as_drawn = trapezoid_time_s(np.diff(shuffled, axis=0), **limits).sum()
    assert times_s.sum() < 0.6 * as_drawn
    stops = np.concatenate([[cell.robot.home_q_rad], shuffled[order]])
    np.testing.assert_allclose(times_s, trapezoid_time_s(np.diff(stops, axis=0), **limits))


def test_durations_add_up(plan, cell):
    """Life takes at least motion and settling; a faster pace takes less."""
    assert plan.duration_s() > plan.motion_s + 40 * cell.robot.settle_s
    assert plan.duration_s(20) < plan.duration_s(1)
    assert plan.figures()["motion_s"] == pytest.approx(plan.motion_s, abs=1e-3)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_plans_work(cell, bodies, camera, n):
    """One pose is a plan too, and its figures are JSON numbers or null."""
    tiny = plan_poses(cell, bodies, camera, n, 0)
    assert len(tiny.poses) == n
    assert all(value is None or np.isfinite(value).all() for value in tiny.figures().values())


@pytest.mark.parametrize("n", [0, -5])
def test_no_poses_is_refused(cell, bodies, camera, n):
    """Zero or fewer poses: one sentence."""
    with pytest.raises(InputError, match="1 pose or more"):
        plan_poses(cell, bodies, camera, n, 0)


def test_nothing_reachable_says_which_check_and_what_to_change(cell, bodies, camera):
    """The check that refuses most is named with the key to change."""
    away = np.array(cell.camera.T_base_cam) @ se3.from_rotvec([np.pi / 2, 0, 0], [0, 0, 0])
    with pytest.raises(InputError, match=r"None of .* image check refuses most \(100%\).*camera\.T_base_cam"):
        plan_poses(change(cell, "camera", T_base_cam=away), bodies, camera, 4, 0)
    with pytest.raises(InputError, match=r"size check.*gates\.min_box_px"):
        plan_poses(change(cell, "gates", min_box_px=400), bodies, camera, 4, 0)
    upside = np.diag([1.0, -1.0, -1.0, 1.0])
    with pytest.raises(InputError, match=r"tilt check.*gates\.max_tilt_deg"):
        plan_poses(change(cell, "part", T_tool_part=upside), bodies, camera, 4, 0)


def test_a_hidden_part_is_refused(cell, bodies, camera):
    """A mount that covers the part: the visibility check refuses every pose."""
    lid = Mesh.box([-0.05, -0.04, 0.04], [0.05, 0.04, 0.045])
    with pytest.raises(InputError, match=r"visibility check.*gates\.min_visible"):
        plan_poses(cell, CellBodies(bodies.part, Mesh.merge([bodies.mount, lid])), camera, 4, 0)


def test_a_part_behind_the_wrist_is_refused(cell, bodies, camera):
    """Seen from under the wrist, with hardly a mount, the arm itself hides the part; from aside not."""
    crumb = CellBodies(bodies.part, Mesh.box([-0.001, -0.001, -0.002], [0.001, 0.001, 0]))
    cell = change_joints(
        cell,
        base={"min_deg": 14, "max_deg": 16},
        wrist_1={"min_deg": -71, "max_deg": -69},
        wrist_2={"min_deg": -91, "max_deg": -89},
    )
    cell = change(cell, "part", normal=(0.0, 0.0, -1.0), point_of_interest_m=(0.0, 0.0, 0.0))
    cell = change(cell, "bench", table=cell.bench.table.model_copy(update={"point_m": (0, 0, -9)}))
    below = forward(cell.robot.home_q_rad, cell.robot.arm.dh) @ se3.make(np.eye(3), [0, 0, -0.7])
    with pytest.raises(InputError, match="visibility check"):
        plan_poses(change(cell, "camera", T_base_cam=below), crumb, camera, 4, 0)
    aside = below @ se3.from_rotvec([0, -0.6, 0], [0.45, 0, 0.1])
    assert len(plan_poses(change(cell, "camera", T_base_cam=aside), crumb, camera, 4, 0).poses) == 4


def test_more_poses_than_the_cell_has_are_refused(cell, bodies, camera, monkeypatch):
    """A nearly fixed arm at the edge of the tilt gate: the message says how many there are."""
    monkeypatch.setattr("synth.cell.candidates.MAX_DRAWN", 4096)
    narrow = change(cell, "gates", max_tilt_deg=4.0)
    with pytest.raises(InputError, match=r"\d+ of 8192 .*400 are wanted.*tilt check.*at most \d+ poses"):
        plan_poses(narrow, bodies, camera, 400, 0)


def test_an_arm_without_a_free_joint_is_refused(cell, bodies, camera):
    """All joints fixed: says where to give a range."""
    still = change_joints(
        cell,
        base={"fixed_deg": 10},
        wrist_1={"fixed_deg": -70},
        wrist_2={"fixed_deg": -90},
        wrist_3={"fixed_deg": 0},
    )
    with pytest.raises(InputError, match=r"Every joint is fixed.*robot\.joints"):
        plan_poses(still, bodies, camera, 4, 0)


def test_a_home_that_touches_something_is_refused(cell, bodies, camera):
    """Home is where every way leads: it must be free."""
    with pytest.raises(InputError, match=r"home is not free.*table.*robot\.home_deg"):
        plan_poses(change(cell, "robot", home_deg=(15, -190, -50, -70, -90, 0)), bodies, camera, 4, 0)


@pytest.mark.slow
def test_four_hundred_poses_are_planned_quickly_and_well(camera):
    """Under 20 s and 600 MB on two cores; boxes of 95 px in the median; nearly every cell visited."""
    code = (
        "import numpy as np, re, time\n"
        "from synth.capture.poses import plan_poses\n"
        "from synth.cell.load import load_cell\n"
        "from synth.cell.mesh import load_bodies\n"
        "from synth.geometry.pinhole import Pinhole\n"
        "K = np.array([[905.1, 0, 645.7], [0, 904.6, 358.9], [0, 0, 1.0]])\n"
        "camera = Pinhole((1280, 720), K, np.array([0.166, -0.51, -0.0005, -0.0007, 0.468]))\n"
        "cell = load_cell(None)\n"
        "start = time.process_time()\n"
        "plan = plan_poses(cell, load_bodies(cell), camera, 400, 0)\n"
        "side = np.median([p.square_xyxy_px[2] - p.square_xyxy_px[0] for p in plan.poses])\n"
        "peak_kb = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]\n"
        "memory_mb = int(peak_kb) / 1024\n"
        "print(time.process_time() - start, memory_mb, side, plan.coverage, *plan.tilt_histogram)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, memory_mb, side, coverage, *tilts = map(float, done.stdout.split())
    assert seconds < 40, "processor seconds of two cores"
    assert memory_mb < 600
    assert side >= 95
    assert coverage > 0.95
    assert min(tilts) > 10
    assert sum(tilts) == 400
