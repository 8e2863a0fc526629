"""What Blender draws is what labels and simulator say; benchmarks/render_truth.py does this at full size."""

from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from scipy.optimize import least_squares

from synth.cell.load import default_cell
from synth.cell.mesh import load_bodies
from synth.dataset.info import CameraRecord
from synth.geometry import se3
from synth.geometry.boxes import tight_box
from synth.geometry.frames import cam_from_uvw
from synth.geometry.normals import angle_deg
from synth.geometry.pinhole import Pinhole
from synth.geometry.visible import without_specks
from synth.hardware.simulated.truth import Truth
from synth.hardware.simulated.world import World
from synth.sim.blender import Blender, Quality
from synth.sim.furnish import camera_of_cell, held_bodies, on_bench, part_body
from synth.sim.labels import cell_labels, label_scene, placed
from synth.sim.meshes import cell_meshes, write_meshes
from synth.sim.pixel_classes import bench_classes
from synth.sim.sources.fresh import make_fresh

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("bpy") is None, reason="Blender is not installed"),
]

STEPS = 4
"""Blender's rays along each side of a pixel."""

SIZE_WH = (640, 360)
K = np.array([[452.5, 0.0, 322.6], [0.0, 452.3, 179.2], [0.0, 0.0, 1.0]])
DIST = (0.0, 0.0, 0.0, 0.0, 0.0)  # The lens has tests of its own.
CELL = default_cell()
T_BASE_CAM = np.array(CELL.camera.T_base_cam)
BEFORE_ONE_ANOTHER = [
    se3.from_rotvec(turn, place)
    for turn, place in (
        ([3.0, 0.2, 0.3], [0.00, 0.00, 0.70]),
        ([2.5, 0.9, -0.4], [0.03, 0.02, 0.60]),
        ([0.4, 2.6, 0.2], [-0.05, 0.01, 0.55]),
    )
]


@pytest.fixture(scope="module")
def meshes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truth")
    meshes = cell_meshes(CELL)
    write_meshes(meshes, folder)
    return folder, meshes


@pytest.fixture(scope="module")
def camera():
    record = CameraRecord(
        name="test", serial="1", size_wh=SIZE_WH, K=K, dist=DIST, T_base_cam=CELL.camera.T_base_cam
    )
    return camera_of_cell(CELL, record)


@pytest.fixture(scope="module")
def look(meshes, warm_blender):
    """Blender's layers [H,W,STEPS²,...] of a scene, 0 where no part can be."""
    folder, mesh_of = meshes
    K_fine = K * STEPS
    K_fine[:2, 2] = (K[:2, 2] + 0.5) * STEPS - 0.5
    K_fine[2, 2] = 1.0
    fine = Pinhole((SIZE_WH[0] * STEPS, SIZE_WH[1] * STEPS), K_fine)

    def draw(scene, layers=("ids",)):
        T_cam_base = se3.inverse(np.array(scene.camera.T_base_cam))
        parts = [placed(body, mesh_of).vertices_m for body in scene.bodies if body.instance]
        pixels = Pinhole(SIZE_WH, K).project(se3.transform(T_cam_base, np.concatenate(parts)))
        x0, y0 = np.floor(pixels.min(axis=0)).astype(int) - 3
        x1, y1 = np.ceil(pixels.max(axis=0)).astype(int) + 4
        window = tuple(STEPS * edge for edge in (x0, y0, x1, y1))
        drawn = blender.render(scene, fine, window, Quality(1, denoiser=None), layers).layers
        seen = {}
        for name, layer in drawn.items():
            blocks = layer.reshape(y1 - y0, STEPS, x1 - x0, STEPS, *layer.shape[2:])
            rays = np.moveaxis(blocks, 2, 1).reshape(y1 - y0, x1 - x0, STEPS**2, *layer.shape[2:])
            seen[name] = np.zeros((*SIZE_WH[::-1], *rays.shape[2:]), layer.dtype)
            seen[name][y0:y1, x0:x1] = rays
        return seen

    with Blender(folder) as blender:
        yield draw


def _iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_labels_are_what_blender_draws(look, meshes, camera):
    """Of a held part and of parts before one another: masks, boxes and visible shares as Blender's."""
    held = make_fresh(1, CELL, meshes[1], camera, seed=2)[0]
    parts = [part_body(CELL, T_BASE_CAM @ T, i) for i, T in enumerate(BEFORE_ONE_ANOTHER, start=1)]
    scenes = [held, held.model_copy(update={"scenario": "bin", "bodies": tuple(parts)})]
    hidden = []
    for scene in scenes:
        labels, ids = label_scene(scene, meshes[1], cell_labels(CELL, meshes[1])), look(scene)["ids"]
        parts = [body for body in scene.bodies if body.instance]
        assert len(labels.instances) == len(parts)
        for i, (instance, body) in enumerate(zip(labels.instances, parts, strict=True), start=1):
            share = (ids == body.instance).mean(axis=-1)
            mask, whole = labels.mask == i, (share == 0) | (share == 1)
            assert _iou(mask & whole, share == 1) >= 0.99
            assert _iou(mask, share >= 0.5) >= 0.97
            np.testing.assert_allclose(
                instance.box_xyxy_px, tight_box(without_specks(share >= 0.5)), atol=1.0
            )
            alone = look(scene.model_copy(update={"bodies": (body,)}))["ids"] == body.instance
            expected = share.sum() / alone.mean(axis=-1).sum()
            assert instance.visib_fract == pytest.approx(expected, abs=0.02)
            hidden.append(1 - expected)
    assert max(hidden) > 0.1


def test_a_label_map_is_what_blender_draws(look, meshes, camera):
    """Part and mount wherever all of Blender's rays in a pixel meet them, and nowhere else."""
    q_rad = CELL.robot.joints.bounds_rad.mean(axis=1)
    scene = on_bench(
        CELL,
        name="000000",
        scenario="fresh",
        split="train",
        seed=0,
        camera=camera,
        bodies=held_bodies(CELL, q_rad, CELL.robot.T_base_tool(q_rad)),
    )
    classes = bench_classes(CELL.part.class_name, meshes[1])
    ids = label_scene(scene, meshes[1], cell_labels(CELL, meshes[1])).semantic(classes)
    numbers = {"part": 1, "mount": 2}
    bodies = [b.model_copy(update={"instance": numbers.get(b.mesh, 0)}) for b in scene.bodies]
    rays = look(scene.model_copy(update={"bodies": tuple(bodies)}))["ids"]
    for mesh, number in numbers.items():
        seen = ids == classes.names.index(classes.of_mesh[mesh])
        assert (rays == number).all(axis=-1).sum() > 50
        assert seen[(rays == number).all(axis=-1)].mean() > 0.999
        assert seen[(rays != number).all(axis=-1)].mean() < 1e-5


def test_blender_s_pixels_are_the_simulator_s(look, meshes, camera):
    """A held part: the pixels of the simulator's truth, an outline within a pixel, the label's normal."""
    truth = Truth(color_K=K, color_dist=DIST)
    small = CELL.camera.model_copy(update={"color_size_wh": SIZE_WH})
    world = World(CELL.model_copy(update={"camera": small}), load_bodies(CELL), truth, seed=0)
    (scene,) = make_fresh(1, CELL, meshes[1], camera, seed=3)
    seen = look(scene, ("ids", "normals"))
    mask = (seen["ids"] == 1).mean(axis=-1) >= 0.5
    true = world.truth_of(_joints_of(world, scene))
    assert _iou(mask, true.mask_visib) >= 0.985
    outlines = [m & (cv2.erode(m.astype(np.uint8), np.ones((3, 3))) == 0) for m in (mask, true.mask_visib)]
    away_px = cv2.distanceTransform((~outlines[1]).astype(np.uint8), cv2.DIST_L2, 5)
    assert np.median(away_px[outlines[0]]) <= 1.0
    instance = label_scene(scene, meshes[1], cell_labels(CELL, meshes[1])).instances[0]
    x, y = np.rint(np.array(instance.point_xy) * SIZE_WH - 0.5).astype(int)
    assert (seen["ids"][y, x] == 1).all()
    normal_cam = cam_from_uvw(instance.normal_uvw)
    assert max(angle_deg(n, normal_cam) for n in seen["normals"][y, x]) <= 0.5


def _joints_of(world, scene):
    """The true joints [6] at which the world's tool stands where the scene's does."""
    T = np.array(scene.T_base_tool)

    def miss(q_rad):
        return (se3.inverse(T) @ world.T_base_tool_of(q_rad) - np.eye(4))[:3].ravel()

    found = least_squares(miss, np.array(scene.q_rad), xtol=1e-14)
    assert np.abs(miss(found.x)).max() < 1e-6
    return found.x
