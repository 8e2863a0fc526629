"""Depth lands on the colour pixels where OpenCV says its points are."""

import cv2
import numpy as np
import pytest

from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.hardware.cameras.registration import Registration, _project

DIST = np.array([0.166, -0.51, -0.0005, -0.0007, 0.468])
COLOR = Pinhole((1280, 720), np.array([[905.1, 0, 645.7], [0, 904.6, 358.9], [0, 0, 1.0]]), DIST)
DEPTH = Pinhole((640, 480), np.array([[460.3, 0, 321.4], [0, 460.9, 242.7], [0, 0, 1.0]]))
T_CAM_DEPTH = se3.from_rotvec([0.0021, -0.0014, 0.0008], [-0.0003, -0.0141, 0.0021])
SCALE_M = 0.00025


@pytest.fixture(scope="module")
def register() -> Registration:
    return Registration(DEPTH, COLOR, T_CAM_DEPTH, SCALE_M)


def sphere_counts(centre_cam_m: np.ndarray, radius_m: float) -> np.ndarray:
    """What the depth sensor would give of a sphere alone: ray and sphere meet in closed form."""
    centre = se3.transform(se3.inverse(T_CAM_DEPTH), centre_cam_m)
    rays = DEPTH.rays
    along, length2 = rays @ centre, (rays**2).sum(axis=-1)
    root = along**2 - length2 * (centre @ centre - radius_m**2)
    z_m = np.where(root > 0, (along - np.sqrt(np.maximum(root, 0))) / length2, 0)
    return np.round(z_m / SCALE_M).astype(np.uint16)


def test_float_projection_is_opencvs() -> None:
    """The quick projection is cv2.projectPoints' within 0.01 px all over the depth sensor's view."""
    z_m = np.random.default_rng(0).uniform(0.3, 2.0, (480, 640, 1))
    points_m = se3.transform(T_CAM_DEPTH, (DEPTH.rays * z_m).reshape(-1, 3))
    u, v = _project(points_m.T.astype(np.float32), COLOR)
    expected, _ = cv2.projectPoints(points_m, np.zeros(3), np.zeros(3), COLOR.K, COLOR.dist)
    assert np.abs(np.stack([u, v], axis=1) - expected[:, 0]).max() < 0.01


@pytest.mark.parametrize(
    "centre_cam_m", [(0, 0, 0.7), (0.4, 0.2, 0.75), (-0.42, -0.2, 0.75), (0.3, -0.25, 0.9), (-0.3, 0.15, 0.5)]
)
def test_sphere_lands_where_opencv_projects_it(
    register: Registration, centre_cam_m: tuple[float, ...]
) -> None:
    """A sphere's registered silhouette is centred within 1 px of its outline drawn by cv2.projectPoints."""
    centre, radius_m = np.array(centre_cam_m), 0.03
    seen = register(sphere_counts(centre, radius_m)) > 0
    towards = centre / np.linalg.norm(centre)
    sideways = np.linalg.svd(towards[None])[2][1:]
    angle = np.linspace(0, 2 * np.pi, 400)
    distance = np.linalg.norm(centre)
    rim_m = radius_m * np.sqrt(1 - (radius_m / distance) ** 2)
    outline = (
        centre * (1 - (radius_m / distance) ** 2)
        + rim_m * np.cos(angle)[:, None] * sideways[0]
        + rim_m * np.sin(angle)[:, None] * sideways[1]
    )
    outline_px = cv2.projectPoints(outline, np.zeros(3), np.zeros(3), COLOR.K, COLOR.dist)[0][:, 0]
    drawn = cv2.moments(outline_px.astype(np.float32).reshape(-1, 1, 2))
    expected = np.array([drawn["m10"], drawn["m01"]]) / drawn["m00"]
    v, u = np.nonzero(seen)
    assert np.abs([u.mean() - expected[0], v.mean() - expected[1]]).max() < 0.6
    for axis, (low, high) in enumerate([(u.min(), u.max()), (v.min(), v.max())]):
        assert abs(low - outline_px[:, axis].min()) < 2
        assert abs(high - outline_px[:, axis].max()) < 2


def test_depth_is_along_the_colour_cameras_axis(register: Registration) -> None:
    """A wall square to the colour camera reads one and the same depth everywhere, within a count."""
    normal, offset_m = T_CAM_DEPTH[2, :3], 0.7 - T_CAM_DEPTH[2, 3]
    z_m = offset_m / (DEPTH.rays @ normal)
    aligned = register(np.round(z_m / SCALE_M).astype(np.uint16))
    inner = aligned[40:-40, 40:-40]
    assert (inner > 0).all()
    assert np.abs(inner * SCALE_M - 0.7).max() < 1.5 * SCALE_M


def test_near_hides_far_and_missing_stays_missing(register: Registration) -> None:
    """Where two depths fall on a pixel the nearer is kept; a hole in depth stays one, never filled."""
    counts = np.full((480, 640), 4000, dtype=np.uint16)
    counts[200:240, 300:340] = 2000
    counts[300:340, 300:340] = 0
    aligned = register(counts)
    assert ((aligned > 0) & (aligned < 3000)).sum() > 75 * 75
    assert (aligned[475:545] == 0).sum() > 65 * 65
    assert not register(np.zeros((480, 640), np.uint16)).any()
