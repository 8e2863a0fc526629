"""The lens between the ideal image that is rendered and the distorted one that is written."""

import cv2
import numpy as np
import pytest

from synth.geometry.pinhole import Pinhole
from synth.sim.optics import Lens

pytestmark = pytest.mark.slow

K = np.array([[452.0, 0.0, 322.3], [0.0, 453.1, 178.6], [0.0, 0.0, 1.0]])
LENSES = {
    "l515": np.array([0.166, -0.51, -0.0005, -0.0007, 0.468]),
    "barrel": np.array([-0.28, 0.09, 0.001, -0.0008, -0.012]),
    "none": np.zeros(5),
}


@pytest.fixture(params=list(LENSES))
def lens(request: pytest.FixtureRequest) -> Lens:
    return Lens.of(Pinhole((640, 360), K, LENSES[request.param]))


def blob(size_wh: tuple[int, int], xy: np.ndarray, sigma_px: float = 2.5) -> np.ndarray:
    x, y = np.arange(size_wh[0])[None, :] - xy[0], np.arange(size_wh[1])[:, None] - xy[1]
    return np.exp(-(x**2 + y**2) / (2 * sigma_px**2)).astype(np.float32)


def centroid(image: np.ndarray) -> np.ndarray:
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image.astype(float)
    return np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()


def test_ideal_image_holds_every_ray_of_the_distorted_one(lens: Lens) -> None:
    """Every pixel's corner lies in the ideal image with room for the resampling kernel."""
    width, height = lens.ideal.size_wh
    assert not lens.ideal.dist.any()
    xs, ys = np.meshgrid(np.linspace(-0.5, 639.5, 65), np.linspace(-0.5, 359.5, 37))
    rays = lens.camera.unproject(np.column_stack([xs.ravel(), ys.ravel()]))
    pixels = lens.ideal.project(rays)
    assert (pixels >= 1.5).all()
    assert (pixels <= np.array([width - 2.5, height - 2.5])).all()
    grown = np.array(lens.ideal.size_wh) / lens.camera.size_wh
    assert (grown < 1.4).all()


def test_points_land_where_opencv_projects_them(lens: Lens) -> None:
    """Points drawn in the ideal image show within 0.05 px of cv2.projectPoints in the distorted one."""
    for x in (-0.6, -0.3, 0.02, 0.33, 0.58):
        for y in (-0.32, 0.01, 0.3):
            point = np.array([[x, y, 1.0]])
            expected, _ = cv2.projectPoints(point, np.zeros(3), np.zeros(3), lens.camera.K, lens.camera.dist)
            expected = expected.reshape(2)
            if not (12 < expected[0] < 627 and 12 < expected[1] < 347):
                continue
            at = lens.ideal.project(point)[0]
            near = np.round(expected).astype(int)
            first = near - 12
            bent = lens.distort(blob(lens.ideal.size_wh, at))[first[1] :, first[0] :][:25, :25]
            # A local stretch moves a blob's centroid by far less than 0.05 px.
            assert np.abs(centroid(bent) + first - expected).max() < 0.05


def test_a_sphere_keeps_its_outline(lens: Lens) -> None:
    """The contour of a sphere's image lies within 0.05 px of its rim as cv2.projectPoints gives it."""
    centre, radius = np.array([0.25, -0.12, 1.0]), 0.09
    n = 8
    width, height = lens.ideal.size_wh
    fine = Pinhole((width * n, height * n), np.diag([n, n, 1.0]) @ lens.ideal.K)
    fine.K[:2, 2] += (n - 1) / 2
    directions = fine.rays[::1, ::1]
    b = directions @ centre
    hit = b**2 - (directions**2).sum(axis=-1) * (centre @ centre - radius**2) > 0
    light = cv2.resize(hit.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    bent = lens.distort(light)
    distance = np.linalg.norm(centre)
    axis = centre / distance
    u = np.cross(axis, [0, 1, 0])
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    rim = centre * (1 - radius**2 / distance**2) + radius * np.sqrt(1 - (radius / distance) ** 2) * (
        np.cos(t)[:, None] * u + np.sin(t)[:, None] * v
    )
    expected = lens.camera.project(rim)
    middle = lens.camera.project(centre)[0]
    misses = []
    for point in expected:
        outwards = (point - middle) / np.linalg.norm(point - middle)
        steps = np.linspace(-2, 2, 401)
        at = (point + steps[:, None] * outwards).astype(np.float32)
        profile = cv2.remap(bent, at[:, 0], at[:, 1], cv2.INTER_LINEAR).ravel()
        misses.append(steps[np.argmin(np.abs(profile - 0.5))])
    assert np.median(np.abs(misses)) < 0.05
    assert abs(np.mean(misses)) < 0.03


def test_without_distortion_nothing_is_resampled() -> None:
    """A lens that bends nothing gives the ideal image's own pixels."""
    lens = Lens.of(Pinhole((640, 360), K))
    rng = np.random.default_rng(0)
    ideal = rng.uniform(0.2, 0.8, (*lens.ideal.size_wh[::-1], 3)).astype(np.float32)
    shift = np.round(lens.ideal.K[:2, 2] - K[:2, 2]).astype(int)
    expected = ideal[shift[1] : shift[1] + 360, shift[0] : shift[0] + 640]
    assert np.abs(lens.distort(ideal) - expected).max() < 1e-3


def test_a_window_needs_no_more_than_its_window_of_the_ideal_image(lens: Lens) -> None:
    """What lies outside the ideal window changes no pixel of the window."""
    rng = np.random.default_rng(1)
    ideal = rng.uniform(0, 1, (*lens.ideal.size_wh[::-1], 3)).astype(np.float32)
    x0, y0, x1, y1 = lens.window_in_ideal((37, 60, 400, 311))
    only = np.zeros_like(ideal)
    only[y0:y1, x0:x1] = ideal[y0:y1, x0:x1]
    assert np.array_equal(lens.distort(only)[60:311, 37:400], lens.distort(ideal)[60:311, 37:400])
