import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.geometry.pinhole import Pinhole


@given(st.floats(-0.5, 1279.5), st.floats(-0.5, 719.5), st.floats(0.2, 4.0))
def test_projection_undoes_unprojection(x, y, depth):
    """Any pixel, with an L515's distortion, comes back from any depth within a thousandth of a pixel."""
    K = np.array([[905.1, 0.0, 645.7], [0.0, 904.6, 358.9], [0.0, 0.0, 1.0]])
    camera = Pinhole((1280, 720), K, np.array([0.166, -0.51, -0.0005, -0.0007, 0.468]))
    ray = camera.unproject([x, y])
    assert ray[0, 2] == 1.0
    np.testing.assert_allclose(camera.project(ray * depth)[0], [x, y], atol=1e-3)


def test_the_middle_pixel_looks_straight_ahead():
    """With cx, cy at a pixel's centre, that pixel's ray is the optical axis: centres lie at integers."""
    camera = Pinhole((5, 3), np.array([[10.0, 0, 2], [0, 10.0, 1], [0, 0, 1]]))
    np.testing.assert_allclose(camera.rays[1, 2], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(camera.rays[0, 0], [-0.2, -0.1, 1], atol=1e-12)


def test_distortion_moves_the_corners(l515):
    """The fixture's distortion is on: without it a corner would show elsewhere by more than a pixel."""
    plain = Pinhole(l515.size_wh, l515.K)
    assert np.abs(plain.unproject([0, 0]) - l515.unproject([0, 0])).max() * 905 > 1


@pytest.mark.parametrize("n", [3, 5000])
def test_a_point_shows_where_opencv_projects_it(l515, n):
    """To the last digits, however many are projected at once, one at the camera's centre among them."""
    points_m = np.random.default_rng(0).normal([0, 0, 1], 0.2, (n, 3))
    points_m[1] = 0
    expected, _ = cv2.projectPoints(points_m, np.zeros(3), np.zeros(3), l515.K, l515.dist)
    np.testing.assert_allclose(l515.project(points_m), expected[:, 0], rtol=0, atol=1e-9)
