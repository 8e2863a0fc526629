"""A picture put together from table and bodies is the picture."""

import cv2
import numpy as np
import pytest
import trimesh
from blender_scene import CENTRE_M, HEIGHT, IDEAL, LAMP, RADIUS_M, WHOLE, WIDTH, looking_down, make_scene
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.sim.blender import Blender, Quality
from synth.sim.colour import u8_of_linear
from synth.sim.light import draw_light
from synth.sim.window import body_windows, find_covered

pytestmark = pytest.mark.slow

GOOD = Quality(16, table_samples=32)
SIZE_UP = Pinhole((2 * WIDTH, 2 * HEIGHT), np.diag([2.0, 2.0, 1.0]) @ IDEAL.K)


@pytest.fixture(scope="module")
def meshes():
    ball = trimesh.creation.icosphere(4, RADIUS_M)
    post = trimesh.creation.box((0.05, 0.05, 0.08))
    return {"ball": Mesh(ball.vertices, ball.faces), "post": Mesh(post.vertices, post.faces)}


@pytest.fixture(scope="module")
def folder(meshes, tmp_path_factory):
    path = tmp_path_factory.mktemp("meshes")
    for name, mesh in meshes.items():
        np.savez(
            path / f"{name}.npz",
            vertices_m=mesh.vertices_m.astype(np.float32),
            triangles=mesh.triangles,
            smooth=np.bool_(name == "ball"),
        )
    return path


@pytest.fixture(scope="module")
def blender(folder, warm_blender):
    with Blender(folder) as running:
        yield running


def place(scene, *places_m):
    """The scene with its bodies at these points."""
    bodies = []
    for body, place_m in zip(scene.bodies, places_m, strict=True):
        T = np.eye(4)
        T[:3, 3] = place_m
        bodies.append(body.model_copy(update={"T_base_body": tuple(map(tuple, T.tolist()))}))
    return scene.model_copy(update={"bodies": tuple(bodies)})


def on_table():
    """A ball in the air, and a post that stands on the table and throws a sharp shadow."""
    return place(make_scene(bodies=("ball", "post")), CENTRE_M, (0.30, 0.02, 0.04))


def similarity(light, other):
    return structural_similarity(u8_of_linear(light), u8_of_linear(other), channel_axis=-1, full=True)[1]


def test_it_is_what_is_rendered_as_a_whole(blender, meshes):
    """On the bodies, in soft and in sharp shadows, and at every border between what is drawn and known."""
    scene = on_table()
    light = draw_light(blender, scene, meshes, SIZE_UP, GOOD)
    whole = blender.render(scene, SIZE_UP, (0, 0, *SIZE_UP.size_wh), Quality(64)).rgb
    score = similarity(light, whole).mean(axis=-1)
    covered = find_covered(scene, meshes, SIZE_UP)
    near = cv2.dilate(covered.astype(np.uint8), np.ones((25, 25))) > 0
    assert score[covered].mean() > 0.985
    assert score[near & ~covered].mean() > 0.99
    assert score.mean() > 0.99
    assert np.percentile(np.abs(u8_of_linear(light).astype(int) - u8_of_linear(whole)), 99.9) < 8


def test_an_empty_table_has_no_seam_or_border(blender, meshes):
    """Without bodies the enlarged table is the rendered one, up to the picture's edges."""
    scene = make_scene(bodies=())
    light = draw_light(blender, scene, meshes, IDEAL, GOOD)
    whole = blender.render(scene, IDEAL, WHOLE, Quality(64, denoiser=None)).rgb
    assert light.shape == (HEIGHT, WIDTH, 3)
    light, whole = (cv2.blur(image, (9, 9), borderType=cv2.BORDER_REFLECT) for image in (light, whole))
    assert np.abs(light / whole - 1).max() < 0.04


def test_a_picture_does_not_depend_on_what_was_drawn_before(blender, folder, meshes):
    """Another worker, with other scenes behind it, gives the same bytes."""
    quality = Quality(2, table_samples=2)
    scenes = [on_table(), make_scene(bodies=()), make_scene(lamps=(LAMP, LAMP), seed=7), on_table()]
    first, _, _, again = (draw_light(blender, scene, meshes, IDEAL, quality) for scene in scenes)
    assert np.array_equal(first, again)
    with Blender(folder) as fresh:
        assert np.array_equal(first, draw_light(fresh, scenes[0], meshes, IDEAL, quality))


def test_a_table_that_ends_in_view_is_rendered_as_a_whole(blender, meshes):
    """A camera that sees past the table, where nothing is smooth, gets the plain picture."""
    T = looking_down(tilt_deg=75.0)
    scene = make_scene()
    scene = scene.model_copy(update={"camera": scene.camera.model_copy(update={"T_base_cam": T.tolist()})})
    light = draw_light(blender, scene, meshes, IDEAL, Quality(2, table_samples=2))
    assert np.array_equal(light, blender.render(scene, IDEAL, WHOLE, Quality(2)).rgb)


@given(
    st.lists(
        st.tuples(st.floats(0.1, 0.8), st.floats(-0.4, 0.4), st.floats(0.0, 0.5)), min_size=1, max_size=5
    )
)
@settings(max_examples=30, deadline=None)
def test_windows_hold_every_body_and_do_not_overlap(places_m):
    """Whatever lies where, each pixel that a body touches is in one window, none in two."""
    ball = trimesh.creation.icosphere(2, RADIUS_M)
    meshes = {"ball": Mesh(ball.vertices, ball.faces)}
    scene = place(make_scene(bodies=("ball",) * len(places_m)), *places_m)
    also = np.zeros((HEIGHT, WIDTH), bool)
    also[HEIGHT - 3, 5] = True
    counts = np.zeros((HEIGHT, WIDTH), int)
    for x0, y0, x1, y1 in body_windows(scene, meshes, IDEAL, also):
        assert 0 <= x0 < x1 <= WIDTH
        assert 0 <= y0 < y1 <= HEIGHT
        counts[y0:y1, x0:x1] += 1
    assert counts.max() <= 1
    touched = cv2.dilate(find_covered(scene, meshes, IDEAL).astype(np.uint8), np.ones((3, 3))) > 0
    assert counts[touched | also].all()


def test_a_body_behind_the_camera_does_not_break_windows(meshes):
    """It makes one window of the whole picture."""
    scene = place(make_scene(), (0.4, 0.05, 0.7))
    assert body_windows(scene, meshes, IDEAL) == [WHOLE]
