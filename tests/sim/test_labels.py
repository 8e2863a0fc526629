"""Labels are exact: against projections, against shapes with known outlines, and whatever hides a part."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from synth.cell.load import default_cell
from synth.dataset.posed import orient_crop
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.normals import make_crop
from synth.geometry.raycast import Raycaster, camera_rays
from synth.geometry.visible import without_specks
from synth.sim.furnish import camera_of_cell, held_bodies, on_bench, part_body, pinhole_of
from synth.sim.labels import cell_labels, label_scene, placed
from synth.sim.meshes import cell_meshes
from synth.sim.pixel_classes import bench_classes, photograph_classes
from synth.sim.scene import TABLE_REACH_M, Finish, SceneBody, SceneCamera

CELL = default_cell()
MESHES = cell_meshes(CELL)
LABELS = cell_labels(CELL, MESHES)
CAMERA = SceneCamera(
    size_wh=(640, 360),
    K=((452.55, 0.0, 322.6), (0.0, 452.3, 179.2), (0.0, 0.0, 1.0)),
    dist=(0.166, -0.51, -0.0005, -0.0007, 0.468),
    T_base_cam=np.asarray(CELL.camera.T_base_cam).tolist(),
)
OF_CROPS = dict.fromkeys(("R_crop_cam", "normal_crop_uvw", "point_crop_xy"))
T_BASE_CAM = np.asarray(CELL.camera.T_base_cam)


def scene_of(*T_cam_parts, scenario="fresh", camera=CAMERA):
    bodies = [part_body(CELL, np.asarray(camera.T_base_cam) @ T, i + 1) for i, T in enumerate(T_cam_parts)]
    return on_bench(
        CELL, name="000000", scenario=scenario, split="train", seed=0, camera=camera, bodies=bodies
    )


def facing(x_m, y_m, z_m, rotvec=(np.pi, 0, 0)):
    """T_cam_part of a part that shows its top to the camera."""
    return se3.make(Rotation.from_rotvec(rotvec).as_matrix(), [x_m, y_m, z_m])


places = st.tuples(st.floats(-0.2, 0.2), st.floats(-0.08, 0.08), st.floats(0.55, 0.75))
turns = st.tuples(*[st.floats(-np.pi, np.pi)] * 3)


@settings(max_examples=15, deadline=None)
@given(places, turns)
def test_boxes_hold_the_projected_vertices(place, turn):
    """A lone part's box is the extent of its projected vertices, rounded to whole pixels, at most one off."""
    T = facing(*place, turn)
    instance = label_scene(scene_of(T), MESHES, LABELS).instances[0]
    pixels = pinhole_of(CAMERA).project(se3.transform(T, MESHES["part"].vertices_m)) + 0.5
    extent = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    np.testing.assert_allclose(instance.box_xyxy_px, extent, atol=1.0)
    assert all(float(edge).is_integer() for edge in instance.box_xyxy_px)
    assert instance.visib_fract == 1.0
    np.testing.assert_allclose(instance.T_cam_part, T, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(places)
def test_a_ball_is_seen_where_the_lens_puts_it(place):
    """The mask's middle and area are those of the ball's analytic outline through the distorted lens."""
    radius_m, centre = 0.04, np.array(place)
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius_m)
    meshes = MESHES | {"part": Mesh(ball.vertices, ball.faces)}
    mask = label_scene(scene_of(se3.make(np.eye(3), centre)), meshes, LABELS).mask
    distance = np.linalg.norm(centre)
    axis = centre / distance
    u = np.cross(axis, [0.0, 1.0, 0.0])
    u /= np.linalg.norm(u)
    turn = np.linspace(0, 2 * np.pi, 2000, endpoint=False)[:, None]
    tilt = np.arcsin(radius_m / distance)
    rim = np.cos(tilt) * axis + np.sin(tilt) * (np.cos(turn) * u + np.sin(turn) * np.cross(axis, u))
    x, y = pinhole_of(CAMERA).project(rim).T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    area = abs(cross.sum()) / 2
    middle = [
        ((x + np.roll(x, -1)) * cross).sum() / (3 * cross.sum()),
        ((y + np.roll(y, -1)) * cross).sum() / (3 * cross.sum()),
    ]
    rows, columns = np.nonzero(mask)
    np.testing.assert_allclose([columns.mean(), rows.mean()], middle, atol=0.1)
    assert (mask > 0).sum() == pytest.approx(area, rel=0.01)


def test_what_stands_before_a_part_is_subtracted():
    """A part half hidden by another has half of itself visible; the other is whole, ids follow the order."""
    behind, before = facing(0.0, 0.0, 0.70), facing(0.035, 0.0, 0.60)
    labels = label_scene(scene_of(behind, before, scenario="bin"), MESHES, LABELS)
    hidden, whole = labels.instances
    assert whole.visib_fract == 1.0
    assert 0.2 < hidden.visib_fract < 0.8
    alone = label_scene(scene_of(behind), MESHES, LABELS)
    expected = ((labels.mask == 1) & (alone.mask > 0)).sum() / (alone.mask > 0).sum()
    assert hidden.visib_fract == pytest.approx(expected)
    assert hidden.R_crop_cam is None
    assert whole.R_crop_cam is not None
    assert labels.mask.max() == 2


@settings(max_examples=15, deadline=None)
@given(places, turns)
def test_a_crop_can_be_told_from_the_record_alone(place, turn):
    """Of a record without a crop: where it looks and its normal and point in it, as beside a picture."""
    instance = label_scene(scene_of(facing(*place, turn)), MESHES, LABELS).instances[0]
    bare = instance.model_copy(update=OF_CROPS)
    told = orient_crop(bare, pinhole_of(CAMERA))
    assert (told.R_crop_cam is None) == (instance.R_crop_cam is None)
    if told.R_crop_cam is not None:
        for key in OF_CROPS:
            np.testing.assert_allclose(getattr(told, key), getattr(instance, key), atol=1e-6)


def test_a_glimpse_of_a_part_does_not_stretch_its_box():
    """Pieces of one to three pixels apart from the rest do not count for boxes."""
    mask = np.zeros((20, 30), dtype=bool)
    mask[5:10, 5:12] = True
    mask[15, 25:28] = mask[2, 2] = True
    kept = without_specks(mask)
    assert kept.sum() == 35
    assert kept[5:10, 5:12].all()
    mask[16, 25] = True
    assert without_specks(mask).sum() == 39


def test_depth_is_along_z():
    """On the part's top face, and on the table through its plane; counts are metres over the scale."""
    T = facing(0.0, 0.0, 0.65)
    labels = label_scene(scene_of(T), MESHES, LABELS)
    camera = pinhole_of(CAMERA)
    point = se3.transform(T, [0.0, 0.0, 0.022])  # in the pocket, whose floor lies 22 mm above the base
    x, y = np.round(camera.project(point)[0]).astype(int)
    assert labels.depth_m[y, x] == pytest.approx(point[2], abs=2e-5)
    rays = camera.rays[[10, 350], [20, 600]] @ T_BASE_CAM[:3, :3].T
    table = -T_BASE_CAM[2, 3] / rays[:, 2]
    np.testing.assert_allclose(labels.depth_m[[10, 350], [20, 600]], table, atol=1e-6)
    counts = labels.depth_counts(0.00025)
    assert counts.dtype == np.uint16
    np.testing.assert_allclose(counts * 0.00025, labels.depth_m, atol=0.000126)


def test_a_hidden_part_stays_in_the_record_without_being_counted_as_labelled():
    """Less than a quarter visible: an instance with its visible share, and counted as unlabelled."""
    labels = label_scene(
        scene_of(facing(0.0, 0.0, 0.75), facing(0.012, 0.008, 0.55), scenario="bin"), MESHES, LABELS
    )
    assert 0 < labels.instances[0].visib_fract < 0.25
    assert labels.n_unlabelled == 1


def test_a_part_whose_square_leaves_the_image_is_no_instance_of_a_bin():
    """Its pixels belong to nobody and it is counted; the mask's numbers close the gap."""
    labels = label_scene(
        scene_of(facing(0.44, 0.0, 0.65), facing(0.0, 0.0, 0.65), scenario="bin"), MESHES, LABELS
    )
    assert len(labels.instances) == 1
    assert labels.n_unlabelled == 1
    assert labels.mask.max() == 1
    assert not labels.mask[:, 560:].any()


def test_a_single_part_must_be_whole():
    """A fresh scene or twin whose square box leaves the image is refused in one sentence."""
    with pytest.raises(InputError, match="000000 does not show the whole square box"):
        label_scene(scene_of(facing(0.44, 0.0, 0.65)), MESHES, LABELS)


def test_a_part_out_of_sight_is_nothing():
    """Behind another or beside the image: no instance, no error in a bin."""
    labels = label_scene(scene_of(facing(3.0, 0.0, 0.65), scenario="bin"), MESHES, LABELS, demand_part=False)
    assert labels.instances == ()
    assert not labels.mask.any()


def test_crops_are_those_of_the_label():
    """R_crop_cam is what make_crop uses, and the point of interest lies where the crop's camera puts it."""
    T = facing(0.12, -0.05, 0.62, (np.pi - 0.3, 0.2, 0.1))
    labels = label_scene(scene_of(T), MESHES, LABELS)
    instance = labels.instances[0]
    rgb = np.random.default_rng(0).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    crop, pinhole, R_crop_cam = make_crop(rgb, pinhole_of(CAMERA), instance.square_xyxy_px)
    np.testing.assert_array_equal(labels.crops(rgb)[0], crop)
    np.testing.assert_allclose(instance.R_crop_cam, R_crop_cam)
    point_cam = se3.transform(T, CELL.part.point_of_interest_m)
    point_px = pinhole.project(R_crop_cam @ point_cam)[0]
    np.testing.assert_allclose(instance.point_crop_xy, (point_px + 0.5) / 224)
    turned = R_crop_cam @ (np.array(instance.normal_uvw) * (1, -1, -1))
    np.testing.assert_allclose(instance.normal_crop_uvw, turned * (1, -1, -1), atol=1e-12)


def test_the_same_scene_gives_the_same_bytes():
    """Labels have no chance in them."""
    scene = scene_of(facing(0.0, 0.0, 0.70), facing(0.035, 0.0, 0.60), scenario="bin")
    a, b = (label_scene(scene, MESHES, LABELS) for _ in range(2))
    assert a.instances == b.instances
    assert a.mask.tobytes() == b.mask.tobytes()
    assert a.depth_m.tobytes() == b.depth_m.tobytes()


def test_the_cell_s_own_camera_sees_as_well():
    """Without any dataset the cell's camera stands in, with its nominal intrinsics."""
    camera = camera_of_cell(CELL)
    labels = label_scene(scene_of(facing(0.0, 0.0, 0.65), camera=camera), MESHES, LABELS)
    assert labels.mask.shape == (720, 1280)
    assert len(labels.instances) == 1


TINY = SceneCamera(
    size_wh=(160, 90),
    K=((113.0, 0.0, 80.2), (0.0, 113.0, 44.4), (0.0, 0.0, 1.0)),
    dist=(0.0,) * 5,
    T_base_cam=CAMERA.T_base_cam,
)


def test_a_label_map_shows_what_fills_most_of_each_pixel():
    """Part, mount, arm, box, clutter and bench as 16 rays a pixel find them; masks lie in their part's."""
    classes = bench_classes(CELL.part.class_name, MESHES)
    q_rad = CELL.robot.joints.bounds_rad.mean(axis=1)
    held = held_bodies(CELL, q_rad, CELL.robot.T_base_tool(q_rad))
    lying = [
        SceneBody(name=mesh, mesh=mesh, T_base_body=T.tolist(), finish=Finish(colour_rgb=(0, 0, 0)))
        for mesh, T in (
            ("bin", T_BASE_CAM @ facing(0.15, 0.0, 0.8)),
            ("block", T_BASE_CAM @ facing(-0.15, 0, 0.7)),
        )
    ]
    scene = scene_of(camera=TINY).model_copy(update={"bodies": (*held, *lying)})
    labels = label_scene(scene, MESHES, LABELS, demand_part=False)
    ids = labels.semantic(classes)
    caster = Raycaster([placed(body, MESHES) for body in scene.bodies])
    of_body = np.array([classes.names.index(classes.of_mesh[b.mesh]) for b in scene.bodies] + [5])
    votes = np.zeros((90, 160, 6), int)
    for dx, dy in np.stack(np.meshgrid(*[(np.arange(4) + 0.5) / 4 - 0.5] * 2), axis=-1).reshape(-1, 2):
        seen = of_body[caster.cast(*camera_rays(pinhole_of(TINY), T_BASE_CAM, None, (dx, dy))).body]
        votes += seen[..., None] == np.arange(6)
    assert classes.names == (CELL.part.class_name, "arm", "mount", "box", "clutter", "bench")
    assert set(np.unique(ids)) == set(range(6))
    sure = votes.max(axis=-1) == 16
    np.testing.assert_array_equal(ids[sure], votes.argmax(axis=-1)[sure])
    assert (ids == votes.argmax(axis=-1)).mean() > 0.999
    assert (ids[labels.mask > 0] == 0).all()


def test_where_the_table_ends_there_is_void_and_no_normal():
    """A level camera: bench up to the table's reach, nothing beyond; its normal points up, at the camera."""
    T = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0.5], [0, 0, 0, 1]])
    camera = TINY.model_copy(update={"T_base_cam": T.tolist()})
    body = part_body(CELL, T @ facing(9.0, 0.0, 0.5), 0)
    scene = scene_of(camera=camera).model_copy(update={"bodies": (body,), "table_normal": (0.0, 0.0, -2.0)})
    labels = label_scene(scene, MESHES, LABELS, demand_part=False)
    rays = camera_rays(pinhole_of(camera), T)[1]
    with np.errstate(divide="ignore"):
        hits = np.where(rays[..., 2] < 0, -0.5 / rays[..., 2], np.inf)
    is_bench = hits * np.linalg.norm(rays[..., :2], axis=-1) <= TABLE_REACH_M
    assert 0.3 < is_bench.mean() < 0.5
    ids = labels.semantic(bench_classes("part", MESHES))
    np.testing.assert_array_equal(ids, np.where(is_bench, 5, 255))
    np.testing.assert_array_equal(labels.depth_m > 0, is_bench)
    np.testing.assert_allclose(labels.normals(), is_bench[..., None] * np.array([0.0, -1.0, 0.0]), atol=1e-6)
    assert (labels.semantic(photograph_classes(["part"])) == 1).all()


def test_classes_of_pixels_have_names_and_colours_of_their_own():
    """Whatever the part is called; of parts over photographs all else is background."""
    semantic = bench_classes("box", MESHES).semantic
    assert semantic.names == ("box", "arm", "mount", "box of the cell", "clutter", "bench")
    semantic = photograph_classes([*(f"nut {i}" for i in range(60)), "background"]).semantic
    assert semantic.names[-2:] == ("background", "background of the photograph")
    assert len({*semantic.colours, (0, 0, 0)}) == 63
