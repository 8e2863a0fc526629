"""Fresh poses, bins and random spreads keep their promises; meshes are written once."""

from dataclasses import replace
from importlib.util import find_spec
from itertools import combinations

import numpy as np
import open3d as o3d
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.cell.clearance import CellClearance
from synth.cell.load import default_cell
from synth.cell.mesh import CellBodies, is_closed
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.boxes import inside_image
from synth.geometry.mesh import Mesh
from synth.sim.bin_box import FLOOR_M, bin_box, diagonal_m, moved
from synth.sim.blender import Blender
from synth.sim.furnish import camera_of_cell, pinhole_of, training_split
from synth.sim.labels import cell_labels, label_scene
from synth.sim.meshes import cell_meshes, write_meshes
from synth.sim.randomize import MAX_CLUTTER, RANGES, randomize
from synth.sim.scene import Scene
from synth.sim.sources.bin import MAX_OVERLAP_M, deepest_overlap_m, is_inside, make_bin, start_poses
from synth.sim.sources.fresh import make_fresh

pytestmark = pytest.mark.slow

CELL = default_cell()
MESHES = cell_meshes(CELL)
LABELS = cell_labels(CELL, MESHES)
CAMERA = camera_of_cell(CELL)
PART = MESHES["part"]
BOX = bin_box(CELL, PART)
seeds = st.integers(0, 2**31)


def stay(bodies, static):
    """No gravity: what was dropped hangs where it was."""
    return [np.array(b.T_base_body) for b in bodies]


@pytest.fixture(scope="module")
def fresh():
    return make_fresh(20, CELL, MESHES, CAMERA, seed=0)


def test_fresh_poses_keep_ranges_and_the_image(fresh):
    """Joints within the cell's ranges, tool by kinematics, room all around, square box in the image."""
    bounds = CELL.robot.joints.bounds_rad
    clearance = CellClearance(CELL, CellBodies(PART, MESHES["mount"]))
    for scene in fresh[:8]:
        q_rad = np.array(scene.q_rad)
        assert (q_rad >= bounds[:, 0] - 1e-9).all()
        assert (q_rad <= bounds[:, 1] + 1e-9).all()
        assert clearance.is_free(q_rad).all()
        np.testing.assert_allclose(scene.T_base_tool, CELL.robot.T_base_tool(q_rad), atol=1e-12)
        instance = label_scene(scene, MESHES, LABELS).instances[0]
        assert inside_image(np.array(instance.square_xyxy_px), CAMERA.size_wh)
        assert instance.visib_fract >= CELL.gates.min_visible


def test_fresh_scenes_train_or_validate_and_have_no_parents(fresh):
    """Four fifths train, one fifth val, none test; names count up."""
    splits = [scene.split for scene in fresh]
    assert (splits.count("train"), splits.count("val"), splits.count("test")) == (16, 4, 0)
    assert [scene.name for scene in fresh] == [f"{i:06d}" for i in range(20)]
    assert all(scene.parents == () for scene in fresh)


def test_a_longer_run_begins_with_the_shorter_one(fresh):
    """The same seed gives the same bytes, however many are asked for; another seed gives other poses."""
    again = make_fresh(7, CELL, MESHES, CAMERA, seed=0)
    assert [s.model_dump_json() for s in again] == [s.model_dump_json() for s in fresh[:7]]
    assert make_fresh(1, CELL, MESHES, CAMERA, seed=1)[0].q_rad != fresh[0].q_rad
    assert make_fresh(0, CELL, MESHES, CAMERA, seed=0) == []


@given(seeds, st.integers(0, 3), st.integers(0, 1000))
def test_nothing_synthetic_tests(seed, stream, stratum):
    """Of every five in a row exactly one is val, the others train."""
    splits = [training_split(seed, stream, 5 * stratum + i) for i in range(5)]
    assert sorted(splits) == ["train"] * 4 + ["val"]


def test_the_box_is_a_closed_solid_in_view():
    """Watertight, its rim in the image, its floor on the table, large enough for the part to lie any way."""
    assert is_closed(BOX.mesh)
    assert BOX.side_m > 1.3 * diagonal_m(PART)
    a, b, c = np.moveaxis(BOX.mesh.vertices_m[BOX.mesh.triangles], 1, 0)
    side, top = BOX.side_m + 0.008, FLOOR_M + BOX.height_m
    volume = np.einsum("ti,ti->", a, np.cross(b, c)) / 6
    assert volume == pytest.approx(side**2 * top - BOX.side_m**2 * BOX.height_m)
    corners = se3.transform(BOX.T_base_bin, BOX.mesh.vertices_m)
    assert corners[:, 2].min() == pytest.approx(CELL.bench.table.point_m[2])
    T_cam_base = se3.inverse(np.asarray(CELL.camera.T_base_cam))
    pixels = pinhole_of(CAMERA).project(se3.transform(T_cam_base, corners))
    assert (pixels > 0).all()
    assert (pixels < np.array(CAMERA.size_wh)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), seeds)
def test_parts_start_apart_and_over_the_box(count, seed):
    """No two touch before they fall, and each starts between the walls."""
    poses = start_poses(BOX, PART, count, np.random.default_rng(seed))
    assert len(poses) == count
    middle = (PART.vertices_m.min(axis=0) + PART.vertices_m.max(axis=0)) / 2
    middles = [se3.transform(T, middle) for T in poses]
    for a, b in combinations(middles, 2):
        assert np.linalg.norm(a - b) >= diagonal_m(PART) - 1e-9
    assert all(is_inside(BOX, PART.transformed(T)) for T in poses)


def test_boxes_stand_here_and_there():
    """Turned and pushed about, never out of view; the same seed, the same place."""
    places = [moved(CELL, BOX, np.random.default_rng(seed)).T_base_bin for seed in range(20)]
    assert np.array_equal(places[3], moved(CELL, BOX, np.random.default_rng(3)).T_base_bin)
    from_middle = np.array([se3.inverse(BOX.T_base_bin) @ T for T in places])
    assert np.abs(from_middle[:, 2, 3]).max() < 1e-9, "a box left the table"
    assert np.ptp(from_middle[:, :2, 3], axis=0).min() > 0.1
    assert np.ptp(np.arctan2(from_middle[:, 1, 0], from_middle[:, 0, 0])) > np.pi
    camera = CELL.camera.pinhole
    for T in places:
        corners = se3.transform(se3.inverse(np.asarray(CELL.camera.T_base_cam)) @ T, BOX.mesh.vertices_m)
        pixels = camera.project(corners)
        assert (pixels >= 0).all()
        assert (pixels <= np.array(camera.size_wh)).all()


def test_a_bin_is_repeatable_and_labelled():
    """The same number and seed give the same bytes; splits as above; the arm is absent; parts hide parts."""
    scenes = [make_bin(i, CELL, MESHES, CAMERA, stay, seed=0, first_number=40) for i in range(5)]
    assert (
        scenes[3].model_dump_json()
        == make_bin(3, CELL, MESHES, CAMERA, stay, seed=0, first_number=40).model_dump_json()
    )
    assert [s.name for s in scenes] == [f"{40 + i:06d}" for i in range(5)]
    assert sorted(s.split for s in scenes) == ["train"] * 4 + ["val"]
    assert all(s.bodies[0].name == "bin" and s.q_rad is None for s in scenes)
    shares = [i.visib_fract for s in scenes for i in label_scene(s, MESHES, LABELS).instances]
    assert min(shares) < 0.8, "nothing is hidden in any bin"


@pytest.mark.skipif(find_spec("bpy") is None, reason="Blender is not installed")
def test_parts_come_to_rest_in_the_box(tmp_path, warm_blender):
    """Dropped by Blender's physics: all in the box, none in another or in the air, some hidden."""
    meshes = cell_meshes(CELL)
    write_meshes(meshes, tmp_path)
    with Blender(tmp_path) as blender:
        scenes = [make_bin(i, CELL, meshes, CAMERA, blender.settle, seed=0) for i in (3, 0)]
        again = make_bin(3, CELL, meshes, CAMERA, blender.settle, seed=0)
    assert again.model_dump_json() == scenes[0].model_dump_json()
    for scene in scenes:
        bodies = [meshes[b.mesh].transformed(np.array(b.T_base_body)) for b in scene.bodies]
        box = replace(BOX, T_base_bin=np.array(scene.bodies[0].T_base_body))
        assert all(is_inside(box, part) for part in bodies[1:])
        assert deepest_overlap_m(bodies) <= MAX_OVERLAP_M
        for i, part in enumerate(bodies[1:], start=1):
            others = o3d.t.geometry.RaycastingScene()
            for body in bodies[:i] + bodies[i + 1 :]:
                others.add_triangles(
                    o3d.core.Tensor(body.vertices_m.astype(np.float32)),
                    o3d.core.Tensor(body.triangles.astype(np.uint32)),
                )
            gaps_m = others.compute_distance(o3d.core.Tensor(part.vertices_m.astype(np.float32))).numpy()
            assert gaps_m.min() < 0.0005, f"part {i} of bin {scene.name} hangs in the air"
    shares = [
        i.visib_fract for s in scenes for i in label_scene(s, meshes, cell_labels(CELL, meshes)).instances
    ]
    assert min(shares) < 0.6


def test_a_part_that_left_the_box_is_taken_away():
    """What rolled off is no part of the scene, and the rest is numbered without a gap."""

    def settle(bodies, static):
        rest = stay(bodies, static)
        rest[0][0, 3] += 0.5
        return rest

    number = next(i for i in range(9) if len(make_bin(i, CELL, MESHES, CAMERA, stay, seed=0).bodies) > 3)
    whole = make_bin(number, CELL, MESHES, CAMERA, stay, seed=0)
    scene = make_bin(number, CELL, MESHES, CAMERA, settle, seed=0)
    assert len(scene.bodies) == len(whole.bodies) - 1
    assert [b.instance for b in scene.bodies] == list(range(len(scene.bodies)))


def test_parts_inside_one_another_are_dropped_again_then_refused():
    """One try that fails is followed by another; five are one sentence."""
    tries = []

    def settle(bodies, static):
        tries.append(len(bodies))
        return [np.array(bodies[0].T_base_body)] * len(bodies)

    number = next(i for i in range(9) if len(make_bin(i, CELL, MESHES, CAMERA, stay, seed=0).bodies) == 3)
    with pytest.raises(InputError, match=f"Bin {number}: .* inside one another"):
        make_bin(number, CELL, MESHES, CAMERA, settle, seed=0)
    assert len(tries) == 5


def test_overlaps_are_measured():
    """Two cubes 10 mm into one another overlap by 10 mm, side by side by nothing."""
    cube = Mesh.box([0, 0, 0], [0.1, 0.1, 0.1])
    beside = [cube.transformed(se3.make(np.eye(3), [x, 0.013, 0.007])) for x in (0.09, 0.1005)]
    assert deepest_overlap_m([cube, beside[0]]) == pytest.approx(0.01, abs=1e-3)
    assert deepest_overlap_m([cube, beside[1]]) == 0.0
    assert deepest_overlap_m([cube, cube]) >= MAX_OVERLAP_M, "one in the place of the other"


def test_a_camera_that_looks_away_has_no_bins():
    """One sentence that says what to change; everything else of the cell can still be rendered."""
    T = se3.make(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), [0, 0, 0.5])
    cell = CELL.model_copy(update={"camera": CELL.camera.model_copy(update={"T_base_cam": T})})
    with pytest.raises(InputError, match="does not look down on the table"):
        bin_box(cell, PART)
    assert set(cell_meshes(cell)) == set(MESHES) - {"bin"}


def test_meshes_are_written_once(tmp_path):
    """Each file holds its mesh in metres; a second call writes nothing; a torn file is mended."""
    meshes = cell_meshes(CELL)
    write_meshes(meshes, tmp_path)
    stamps = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert set(stamps) == {f"{name}.npz" for name in meshes}
    with np.load(tmp_path / "part.npz", allow_pickle=False) as file:
        assert file["vertices_m"].dtype == np.float32
        assert file["triangles"].dtype == np.int32
        assert bool(file["smooth"])
        np.testing.assert_allclose(file["vertices_m"], PART.vertices_m, atol=1e-7)
        np.testing.assert_array_equal(file["triangles"], PART.triangles)
    (tmp_path / "mount.npz").write_bytes(b"torn")
    write_meshes(MESHES, tmp_path)
    again = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert {name for name in stamps if again[name] != stamps[name]} == {"mount.npz"}


def test_every_body_has_its_mesh(fresh):
    """No scene names a mesh that the folder lacks."""
    scenes = [fresh[0], make_bin(0, CELL, MESHES, CAMERA, stay, seed=0)]
    scenes += [randomize(s, np.random.default_rng(i), 1.0, MESHES) for i, s in enumerate(scenes)]
    assert {b.mesh for s in scenes for b in s.bodies} <= set(MESHES)


def kind_of(name: str) -> str:
    """The key of RANGES that a draw belongs to."""
    if name.startswith("clutter_"):
        kinds = {"place": "clutter_place", "turn": "clutter_turn_deg", "colour": "clutter_colour"}
        return kinds.get(name.split("_")[2], name.split("_", 2)[2])
    if name.startswith("lamp_"):
        return "lamp_" + name.split("_", 2)[2].removesuffix("_x").removesuffix("_y").removesuffix("_z")
    if name.startswith("camera_"):
        return name[:-2]
    return "roughness" if name.endswith("roughness") else "colour"


@settings(max_examples=12, deadline=None)
@given(seeds, st.floats(0.0, 2.0))
def test_every_draw_is_recorded_and_within_the_table_s_range(seed, strength):
    """Each recorded value lies in its range times the strength, and the scene shows what was recorded."""
    scene = _FRESH
    spread = randomize(scene, np.random.default_rng(seed), strength, MESHES)
    counted = {"strength", "clutter_count"}
    for name, value in spread.draws.items():
        if name in counted or name.endswith("_kind"):
            continue
        limit = RANGES[kind_of(name)].half_range * strength
        size = abs(np.log(value)) if RANGES[kind_of(name)].is_factor else abs(value)
        assert size <= limit + 1e-12, name
    assert spread.draws["clutter_count"] == len(spread.bodies) - len(scene.bodies)
    assert spread.draws["clutter_count"] <= round(MAX_CLUTTER * strength)
    for i, (new, old) in enumerate(zip(spread.lamps, scene.lamps, strict=True)):
        assert new.brightness / old.brightness == pytest.approx(spread.draws[f"lamp_{i}_brightness"])
        moved = [spread.draws[f"lamp_{i}_position_m_{axis}"] for axis in "xyz"]
        np.testing.assert_allclose(np.subtract(new.position_m, old.position_m), moved, atol=1e-12)
    jitter = se3.inverse(np.array(scene.camera.T_base_cam)) @ np.array(spread.camera.T_base_cam)
    shift = [spread.draws[f"camera_position_m_{axis}"] for axis in "xyz"]
    np.testing.assert_allclose(jitter[:3, 3], shift, atol=1e-12)
    assert Scene.model_validate_json(spread.model_dump_json()) == spread
    assert label_scene(spread, MESHES, LABELS).instances


def test_strength_0_changes_nothing_but_the_record(fresh):
    """The spread of a scene over nothing is that scene."""
    spread = randomize(fresh[2], np.random.default_rng(1), 0.0, MESHES)
    assert spread.bodies == fresh[2].bodies
    assert spread.lamps == fresh[2].lamps
    np.testing.assert_allclose(spread.camera.T_base_cam, fresh[2].camera.T_base_cam, atol=1e-15)


def test_the_same_generator_spreads_the_same_way(fresh):
    """Byte for byte; another seed differs."""
    a, b, c = (
        randomize(fresh[2], np.random.default_rng(s), 1.0, MESHES).model_dump_json() for s in (5, 5, 6)
    )
    assert a == b != c


def test_clutter_stands_clear(fresh):
    """Nothing laid on the table lies in another thing, in a bin or in a part that hangs low."""
    scenes = [*fresh[:4], *(make_bin(i, CELL, MESHES, CAMERA, stay, seed=0) for i in range(4))]
    laid = 0
    for i, scene in enumerate(scenes):
        spread = randomize(scene, np.random.default_rng(i), 2.0, MESHES)
        clutter = [b for b in spread.bodies if b.name.startswith("clutter_")]
        laid += len(clutter)
        placed = [MESHES[b.mesh].transformed(np.array(b.T_base_body)) for b in clutter]
        others = [
            MESHES[b.mesh].transformed(np.array(b.T_base_body))
            for b in scene.bodies
            if b.mesh in ("part", "bin")
        ]
        for thing in placed:
            assert thing.vertices_m[:, 2].min() == pytest.approx(CELL.bench.table.point_m[2], abs=1e-9)
            assert all(deepest_overlap_m([thing, other]) == 0.0 for other in others)
        assert deepest_overlap_m(placed) == 0.0
    assert laid > 0


_FRESH = make_fresh(3, CELL, MESHES, CAMERA, seed=0)[0]
