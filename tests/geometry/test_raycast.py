import cv2
import numpy as np
import pytest
import trimesh

from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from synth.geometry.raycast import Raycaster, camera_rays, render_ids

T_BASE_CAM = se3.from_rotvec([2.2, 0.3, -0.4], [0.3, -0.2, 0.9])


def coverage(meshes, camera, window, n=4):
    """How much of each pixel of a window [h,w] shows body 0, by n×n rays a pixel."""
    scene = Raycaster(meshes)
    steps = (np.arange(n) + 0.5) / n - 0.5
    return np.mean(
        [
            scene.cast(*camera_rays(camera, T_BASE_CAM, window, (dx, dy))).body == 0
            for dx in steps
            for dy in steps
        ],
        axis=0,
    )


def sphere_outline(centre_cam, radius, n=720):
    """Points [n,3] of the circle in which the cone of tangents from the camera touches a sphere."""
    distance = np.linalg.norm(centre_cam)
    axis = centre_cam / distance
    u = np.cross(axis, [0.1, 1, 0.2])
    u /= np.linalg.norm(u)
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)[:, None]
    circle = np.cos(turn) * u + np.sin(turn) * np.cross(axis, u)
    return centre_cam * (1 - radius**2 / distance**2) + circle * radius * np.sqrt(1 - radius**2 / distance**2)


@pytest.mark.parametrize("place", [(180.0, 130.0), (640.0, 360.0), (1120.3, 600.7)])
def test_a_sphere_appears_where_opencv_projects_it(l515, place):
    """Pixel centres: the centroid of a ray-cast sphere is that of its analytic outline within 0.1 px,
    distortion on.

    A half-pixel shift would be seen five times over.
    """
    centre_cam = l515.unproject(place)[0] * 0.7
    radius = 0.05
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    mesh = Mesh(ball.vertices + centre_cam, ball.faces).transformed(T_BASE_CAM)
    x0, y0 = int(place[0]) - 110, int(place[1]) - 110
    window = (x0, y0, x0 + 220, y0 + 220)
    shown = coverage([mesh], l515, window)
    ys, xs = np.mgrid[y0 : y0 + 220, x0 : x0 + 220]
    seen = np.array([(shown * xs).sum(), (shown * ys).sum()]) / shown.sum()
    outline, _ = cv2.projectPoints(
        sphere_outline(centre_cam, radius), np.zeros(3), np.zeros(3), l515.K, l515.dist
    )
    moments = cv2.moments(outline.astype(np.float32))
    said = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    assert np.abs(seen - said).max() < 0.1
    assert np.abs((seen - said).mean(axis=0)).max() < 0.02
    assert shown.sum() == pytest.approx(moments["m00"], rel=0.005)


def test_board_corners_appear_where_opencv_projects_them(l515):
    """Pixel centres: corners found in a ray-cast chessboard are within 0.1 px of cv2.projectPoints."""
    T_cam_board = se3.from_rotvec([0.3, -0.25, 0.1], [-0.17, -0.10, 0.55])
    pitch, columns, rows = 0.04, 9, 6
    squares = [
        Mesh.box([i * pitch, j * pitch, 0], [(i + 1) * pitch, (j + 1) * pitch, 1e-5])
        for i in range(columns)
        for j in range(rows)
        if (i + j) % 2 == 0
    ]
    black = Mesh.merge(squares).transformed(T_BASE_CAM @ T_cam_board)
    inner = np.array([[i, j, 0] for i in range(1, columns) for j in range(1, rows)]) * pitch
    said, _ = cv2.projectPoints(inner, se3.to_rotvec(T_cam_board), T_cam_board[:3, 3], l515.K, l515.dist)
    said = said.reshape(-1, 2)
    x0, y0, x1, y1 = np.concatenate([said.min(axis=0) - 30, said.max(axis=0) + 30]).astype(int)
    sharp = (255 * (1 - coverage([black], l515, (x0, y0, x1, y1)))).astype(np.float32)
    image = cv2.GaussianBlur(sharp, (0, 0), 1.5)  # a lens does as much; the corner finder expects it
    corner = np.array([x0, y0])
    guess = (said - corner + np.array([1.2, -0.9])).astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-5)
    seen = corner + cv2.cornerSubPix(image, guess, (8, 8), (-1, -1), criteria)
    assert len(seen) == 40
    assert np.abs(seen - said).max() < 0.1
    assert np.abs((seen - said).mean(axis=0)).max() < 0.02


def test_distance_along_a_camera_ray_is_depth():
    """t of camera rays is depth along z: constant over a plane that faces the camera."""
    camera = Pinhole((64, 48), np.array([[50.0, 0, 31.5], [0, 50.0, 23.5], [0, 0, 1]]))
    wall = Mesh.box([-5, -5, 0.8], [5, 5, 0.9]).transformed(T_BASE_CAM)
    hits = render_ids([wall], camera, T_BASE_CAM)
    assert hits.t.shape == (48, 64)
    np.testing.assert_allclose(hits.t, 0.8, atol=1e-5)
    facing = hits.normals @ T_BASE_CAM[:3, 2]
    np.testing.assert_allclose(facing, -1, atol=1e-5)


def test_the_nearest_body_hides_the_others():
    """Of two bodies on a ray the first one is named, from both sides; past both there is nothing."""
    near, far = Mesh.box([-1, -1, 1], [1, 1, 2]), Mesh.box([-3, -3, 4], [3, 3, 5])
    hits = Raycaster([far, near]).cast([0, 0, 0], [[0, 0, 1], [0.5, 0, 1], [0, 0, -1], [0, 0, 2]])
    assert hits.body.tolist() == [1, 1, -1, 1]
    np.testing.assert_allclose(hits.t[[0, 3]], [1, 0.5], rtol=1e-6)
    assert hits.valid.tolist() == [True, True, False, True]
    back = Raycaster([far, near]).cast([0, 0, 9], [[0.0, 0, -1]])
    assert back.body[0] == 0
    np.testing.assert_allclose(back.normals[0], [0, 0, 1], atol=1e-6)
    assert not hits.normals[2].any()


def test_shadow_rays_stop_at_the_lamp():
    """What lies behind the far end of a ray casts no shadow."""
    scene = Raycaster([Mesh.box([-1, -1, 1], [1, 1, 2])])
    assert scene.occluded([0, 0, 0], [[0.0, 0, 1]]).tolist() == [True]
    assert scene.occluded([0, 0, 0], [[0.0, 0, 1]], t_far=0.9).tolist() == [False]
    assert scene.occluded([0, 0, 0], [[0.0, 0, -1]]).tolist() == [False]


def test_a_window_is_a_piece_of_the_image(l515):
    """Windows, also ones that hang over the border, carry the same rays as the image they are cut from."""
    _, whole = camera_rays(l515, T_BASE_CAM)
    origin, piece = camera_rays(l515, T_BASE_CAM, (100, 50, 140, 70))
    np.testing.assert_array_equal(origin, T_BASE_CAM[:3, 3])
    np.testing.assert_allclose(piece, whole[50:70, 100:140], atol=1e-12)
    _, over = camera_rays(l515, T_BASE_CAM, (-5, -5, 5, 5))
    np.testing.assert_allclose(over[5:, 5:], whole[:5, :5], atol=1e-9)


def test_merged_and_moved_meshes_keep_their_triangles():
    """Merging shifts indices; a box is closed and its faces look outwards."""
    box = Mesh.box([0, 0, 0], [1, 2, 3])
    both = Mesh.merge([box, box.transformed(se3.make(np.eye(3), [5, 0, 0]))])
    assert both.triangles.shape == (24, 3)
    assert both.vertices_m[both.triangles[12:]].min(axis=(0, 1)).tolist() == [5, 0, 0]
    solid = trimesh.Trimesh(box.vertices_m, box.triangles)
    assert solid.is_watertight
    assert solid.volume == pytest.approx(6)
    assert len(Mesh.merge([]).triangles) == 0
