import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.errors import InputError
from synth.geometry import normals

pixels = st.tuples(st.floats(0, 1279), st.floats(0, 719))


def test_tiny_and_right_angles_are_exact():
    """Angles of a millionth of a degree do not drown in rounding; opposite is 180°."""
    tiny = np.radians(1e-6)
    angles = normals.angle_deg([[1, 0, 0], [2, 0, 0], [1, 0, 0]], [[1, tiny, 0], [0, 3, 0], [-5, 0, 0]])
    np.testing.assert_allclose(angles, [1e-6, 90, 180], rtol=1e-9)


def plane_points(rng, normal, n, noise_m, n_outliers):
    u = np.cross(normal, [0.3, 0.5, 0.8])
    u /= np.linalg.norm(u)
    v = np.cross(normal, u)
    points = np.array([0.02, -0.03, 0.6]) + rng.uniform(-0.02, 0.02, (n, 1)) * u
    points += rng.uniform(-0.02, 0.02, (n, 1)) * v + rng.normal(0, noise_m, (n, 1)) * normal
    points[:n_outliers] += rng.uniform(0.01, 0.08, (n_outliers, 1)) * np.array([0, 0, 1])
    return points


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(-0.7, 0.7), st.floats(-0.7, 0.7))
def test_a_plane_is_found_among_outliers(seed, nx, ny):
    """Two points in five lie behind the plane, all are noisy by half a millimetre: within 1.5°."""
    rng = np.random.default_rng(seed)
    normal = np.array([nx, ny, -1.0])
    normal /= np.linalg.norm(normal)
    points = plane_points(rng, normal, 400, 0.0005, 160)
    found, inliers, rms_m = normals.fit_plane_ransac(points, rng)
    assert normals.angle_deg(found, normal) < 1.5
    assert found @ points.mean(axis=0) < 0, "the normal faces the origin"
    assert inliers[160:].mean() > 0.95
    assert 0.0002 < rms_m < 0.0015


def test_least_squares_alone_would_fail_there():
    """The outliers of the test above are real ones: a fit without RANSAC is off by more than 5°."""
    rng = np.random.default_rng(0)
    normal = np.array([0.4, 0.2, -1.0]) / np.linalg.norm([0.4, 0.2, -1.0])
    points = plane_points(rng, normal, 400, 0.0005, 160)
    naive = np.linalg.svd(points - points.mean(axis=0))[2][2]
    assert min(normals.angle_deg(naive, normal), normals.angle_deg(-naive, normal)) > 5


@pytest.mark.parametrize(
    "points", [np.zeros((2, 3)), np.zeros((0, 3)), np.linspace(0, 1, 30)[:, None] * [1, 2, 3]]
)
def test_points_without_a_plane_are_refused(points):
    """Two points, none, or a line: one sentence."""
    with pytest.raises(InputError, match="plane cannot be fitted"):
        normals.fit_plane_ransac(points, np.random.default_rng(0))


@settings(max_examples=50, deadline=None)
@given(pixel=pixels)
def test_the_crop_centre_becomes_the_optical_axis(l515, pixel):
    """R_crop_cam is a rotation, brings the centre's ray to +z, and turns about an axis in the image plane."""
    R = normals.crop_rotation(l515, pixel)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) > 0
    ray = l515.unproject(pixel)[0]
    np.testing.assert_allclose(R @ ray / np.linalg.norm(ray), [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(R[0, 1], R[1, 0], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    centre=st.tuples(st.floats(80, 1200), st.floats(80, 640)),
    side=st.floats(40, 150),
    place=st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)),
)
def test_the_rectified_crop_shows_a_point_where_its_pinhole_says(l515, centre, side, place):
    """A blob drawn at a point's projection appears in the crop at the crop's own projection of it, within 0.1
    px.

    In pixels of the image that the crop was made from: the crop enlarges.
    """
    centre = np.asarray(centre)
    x0, y0 = centre - side / 2
    target = centre - 0.5 + np.asarray(place) * side  # pixel centres are half a pixel before box edges
    ys, xs = np.mgrid[0:720, 0:1280]
    blob = np.exp(-((xs - target[0]) ** 2 + (ys - target[1]) ** 2) / (2 * 2.0**2))
    image = np.repeat((blob * 255)[..., None], 3, axis=-1).astype(np.uint8)
    crop, pinhole, R_crop_cam = normals.make_crop(image, l515, [x0, y0, x0 + side, y0 + side])
    weight = crop[..., 0].astype(float)
    seen = [(weight * axis).sum() / weight.sum() for axis in np.mgrid[0:224, 0:224][::-1]]
    said = pinhole.project(R_crop_cam @ l515.unproject(target)[0])[0]
    assert crop.shape == (224, 224, 3)
    assert np.abs(np.asarray(seen) - said).max() * side / 224 < 0.1


@settings(max_examples=50, deadline=None)
@given(centre=st.tuples(st.floats(80, 1200), st.floats(80, 640)), side=st.floats(40, 150))
def test_the_crop_holds_the_whole_square_and_little_more(l515, centre, side):
    """The outline of the square lies inside the crop and touches its border."""
    x0, y0 = np.asarray(centre) - side / 2
    pinhole, R = normals.crop_camera(l515, [x0, y0, x0 + side, y0 + side])
    corners = np.array([[x0, y0], [x0 + side, y0], [x0, y0 + side], [x0 + side, y0 + side]]) - 0.5
    shown = pinhole.project(l515.unproject(corners) @ R.T) + 0.5
    assert shown.min() > -0.01
    assert shown.max() < 224.01
    assert max(-shown.min(), shown.max() - 224) > -3
