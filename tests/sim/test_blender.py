"""Blender draws what geometry and light say it should, in synth's frames."""

import cv2
import numpy as np
import pytest
import trimesh
from blender_scene import CENTRE_M, HEIGHT, IDEAL, LAMP, RADIUS_M, T_BASE_CAM, WHOLE, WIDTH, make_scene

from synth.errors import InputError
from synth.geometry.normals import angle_deg
from synth.sim.blender import Blender, Quality

pytestmark = pytest.mark.slow

CLEAR = Quality(64, denoiser=None)


@pytest.fixture(scope="module")
def meshes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("meshes")
    ball = trimesh.creation.icosphere(5, RADIUS_M)
    np.savez(
        folder / "ball.npz",
        vertices_m=ball.vertices.astype(np.float32),
        triangles=ball.faces.astype(np.int32),
        smooth=np.bool_(True),
    )
    return folder


@pytest.fixture(scope="module")
def blender(meshes):
    with Blender(meshes) as running:
        yield running


def ball_of_rays():
    """Depth [H,W] and normal [H,W,3] in the camera where a pixel's ray meets the ball; else NaN."""
    centre_cam = (np.linalg.inv(T_BASE_CAM) @ [*CENTRE_M, 1])[:3]
    rays = IDEAL.rays
    a, b = (rays**2).sum(-1), rays @ centre_cam
    with np.errstate(invalid="ignore"):
        depth_m = (b - np.sqrt(b**2 - a * (centre_cam @ centre_cam - RADIUS_M**2))) / a
    return depth_m, (rays * depth_m[..., None] - centre_cam) / RADIUS_M


def plane_of_rays(normal_base):
    """Depth [H,W] of the table and its normal [3] in the camera."""
    normal_cam = T_BASE_CAM[:3, :3].T @ normal_base / np.linalg.norm(normal_base)
    point_cam = (np.linalg.inv(T_BASE_CAM) @ [0.4, 0.0, 0.0, 1])[:3]
    return point_cam @ normal_cam / (IDEAL.rays @ normal_cam), normal_cam


def outline():
    """The ball's contour [N,2] by cv2.projectPoints: the circle where rays from the camera touch it."""
    centre_cam = (np.linalg.inv(T_BASE_CAM) @ [*CENTRE_M, 1])[:3]
    distance = np.linalg.norm(centre_cam)
    towards = centre_cam / distance
    sine = RADIUS_M / distance
    side = np.cross(towards, [1.0, 0, 0])
    side /= np.linalg.norm(side)
    t = np.linspace(0, 2 * np.pi, 720, endpoint=False)[:, None]
    around = np.cos(t) * side + np.sin(t) * np.cross(towards, side)
    return IDEAL.project(centre_cam - towards * sine * RADIUS_M + around * RADIUS_M * np.sqrt(1 - sine**2))


def test_normals_and_depth_of_a_ball_are_the_analytic_ones(blender):
    """Normals decode to OpenCV camera axes within 0.5°, depth along z within 1 mm."""
    layers = blender.render(make_scene(), IDEAL, WHOLE, Quality(1), ("normals", "depth", "ids")).layers
    depth_m, normals = ball_of_rays()
    facing = np.einsum(
        "hwi,hwi->hw", normals, IDEAL.rays / np.linalg.norm(IDEAL.rays, axis=-1, keepdims=True)
    )
    seen = (layers["ids"] == 1) & (facing < -0.4)  # A rim made of triangles is not quite round.
    assert seen.sum() > 500
    assert max(angle_deg(a, b) for a, b in zip(layers["normals"][seen], normals[seen], strict=True)) < 0.5
    assert np.abs(layers["depth"][seen] - depth_m[seen]).max() < 0.001


def test_normals_and_depth_of_a_tilted_table_are_the_analytic_ones(blender):
    """The table stands where its point and normal say, over the whole image."""
    normal = np.array([0.1, -0.15, 1.0])
    scene = make_scene(bodies=(), normal=tuple(normal))
    layers = blender.render(scene, IDEAL, WHOLE, Quality(1), ("normals", "depth", "ids")).layers
    depth_m, normal_cam = plane_of_rays(normal)
    assert not layers["ids"].any()
    assert angle_deg(layers["normals"][60, 80], normal_cam) < 0.5
    assert np.abs(layers["normals"] - layers["normals"][60, 80]).max() < 1e-3
    assert np.abs(layers["depth"] - depth_m).max() < 0.001


def test_contour_is_where_opencv_projects_it(blender):
    """Instance ids change within 0.1 px of cv2.projectPoints; half a pixel more would show."""
    ids = blender.render(make_scene(), IDEAL, WHOLE, Quality(1), ("ids",)).layers["ids"]
    contour = outline().astype(np.float32).reshape(-1, 1, 2)
    inside_px = np.array(
        [[cv2.pointPolygonTest(contour, (x, y), True) for x in range(WIDTH)] for y in range(HEIGHT)]
    )
    sure = np.abs(inside_px) > 0.1
    assert (ids[sure] == (inside_px[sure] > 0)).all()
    assert (np.abs(inside_px[sure]) < 0.4).sum() > 20


def test_edges_of_the_picture_lie_on_the_contour_too(blender):
    """The anti-aliased picture's centre of the ball is within 0.05 px of the projected ball's."""
    scene = make_scene(lamps=())
    light = blender.render(scene, IDEAL, WHOLE, CLEAR).rgb
    empty = blender.render(make_scene(bodies=(), lamps=()), IDEAL, WHOLE, CLEAR).rgb
    redness = light[..., 0] / light[..., 2] - empty[..., 0] / empty[..., 2]
    share = np.clip(redness / np.median(redness[redness > 0.5 * redness.max()]), 0, 1)
    inside = cv2.dilate((share > 0.5).astype(np.uint8), np.ones((5, 5))) > 0
    core = cv2.erode((share > 0.5).astype(np.uint8), np.ones((5, 5))) > 0
    share = np.where(core, 1, np.where(inside, share, 0))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    found = np.array([(x * share).sum(), (y * share).sum()]) / share.sum()
    moments = cv2.moments(outline().astype(np.float32))
    expected = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    assert np.abs(found - expected).max() < 0.1


def test_a_window_is_that_part_of_the_whole(blender):
    """Without denoising to the last bit; with it as good as the same."""
    window = (50, 30, 121, 97)
    for quality, tolerance in ((Quality(8, denoiser=None), 1e-6), (Quality(8), 0.02)):
        whole = blender.render(make_scene(), IDEAL, WHOLE, quality, ("depth",))
        part = blender.render(make_scene(), IDEAL, window, quality, ("depth",))
        assert part.rgb.shape == (67, 71, 3)
        difference = np.abs(part.rgb - whole.rgb[30:97, 50:121])
        assert np.percentile(difference, 99) < tolerance
        assert difference.max() < 2 * tolerance
        assert np.array_equal(part.layers["depth"], whole.layers["depth"][30:97, 50:121])


def test_a_scene_does_not_show_what_was_drawn_before(blender):
    """The same scene gives the same bytes whatever the worker drew in between."""
    first = blender.render(make_scene(), IDEAL, WHOLE, Quality(4)).rgb
    blender.render(make_scene(bodies=(), lamps=(LAMP, LAMP), seed=9), IDEAL, (0, 0, 40, 40), Quality(2))
    assert np.array_equal(first, blender.render(make_scene(), IDEAL, WHOLE, Quality(4)).rgb)


def table_light(blender, *lamps):
    scene = make_scene(bodies=(), lamps=lamps, roughness=1.0)
    light = blender.render(scene, IDEAL, WHOLE, Quality(32, denoiser=None)).rgb
    return light[50:70, 70:90].mean(axis=(0, 1))


def test_lamps_light_the_table_by_their_radiance(blender):
    """Light is linear in brightness and as strong as the square's form factor says."""
    dark, lit = table_light(blender), table_light(blender, LAMP)
    twice = table_light(blender, LAMP.model_copy(update={"brightness": 2.0}))
    np.testing.assert_allclose((twice - dark) / (lit - dark), 2.0, rtol=0.02)
    depth_m, _ = plane_of_rays((0.0, 0.0, 1.0))
    point_m = T_BASE_CAM[:3, :3] @ (IDEAL.rays[60, 80] * depth_m[60, 80]) + T_BASE_CAM[:3, 3]
    to_lamp = np.array(LAMP.position_m) - point_m
    form_factor = 0.35**2 * 1.4**2 / (np.pi * (to_lamp @ to_lamp) ** 2)
    albedo = ((188 / 255 + 0.055) / 1.055) ** 2.4
    luminance = (lit - dark) @ [0.2126, 0.7152, 0.0722]
    assert luminance == pytest.approx(albedo * 21.0 * form_factor, rel=0.06)


def test_lamps_have_the_colour_of_their_temperature(blender):
    """A black body of 3000 K is far redder than one of 6500 K, which is about neutral."""
    dark = table_light(blender)
    warm, cool = (
        table_light(blender, LAMP.model_copy(update={"temperature_k": kelvin})) - dark
        for kelvin in (3000, 6500)
    )
    assert 3 < warm[0] / warm[2] < 12
    assert 0.8 < cool[0] / cool[2] < 1.3


def test_the_table_alone_shows_shadows_but_no_bodies(blender):
    """Far from the ball it is the picture's; under the ball it is dark table, not red ball."""
    whole = blender.render(make_scene(), IDEAL, WHOLE, Quality(32)).rgb
    table = blender.render_table(make_scene(), IDEAL, Quality(32)).rgb
    empty = blender.render(make_scene(bodies=()), IDEAL, WHOLE, Quality(32)).rgb
    assert np.abs(table - whole)[:, :30].max() < 0.02
    depth_m, _ = ball_of_rays()
    under = np.isfinite(depth_m)
    assert np.median((table / empty)[under]) < 0.8
    redness = (table[..., 0] / table[..., 2])[under] / np.median(empty[..., 0] / empty[..., 2])
    assert 0.9 < np.median(redness) < 1.3


def test_a_window_outside_the_image_is_refused(blender):
    """The sentence names window and image."""
    with pytest.raises(InputError, match="160 × 120"):
        blender.render(make_scene(), IDEAL, (0, 0, WIDTH + 1, HEIGHT), Quality(1))


def test_made_by_names_versions(blender):
    """The record says which Blender it was."""
    made_by = blender.made_by
    assert made_by["bpy"].startswith("4.")
    assert made_by["blenderproc"].startswith("2.")
    assert isinstance(made_by["devices"], list)
