"""The simulated L515 is librealsense's own software device: what the scene gave comes out unchanged."""

import time
from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
import pyrealsense2 as rs
import pytest

from synth.cell.cameras import CAMERA_MODELS
from synth.cell.load import default_cell
from synth.errors import CameraNotFound
from synth.geometry import se3
from synth.hardware.cameras import CAMERAS
from synth.hardware.cameras.realsense import RealSenseCamera
from synth.hardware.cameras.realsense_sdk import to_extrinsics, to_intrinsics, to_pinhole, to_transform
from synth.hardware.simulated.realsense import SimulatedRealSense

from .stand_in import COLOR, T_CAM_DEPTH, Arm, FlatScene

DEFAULT = CONFIG = default_cell().camera
make_device = SimulatedRealSense


@pytest.fixture(scope="module", params=["l515", "d435"], autouse=True)
def product(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every test of this file, on one camera of each family."""
    config = DEFAULT.model_copy(
        update={"model": request.param, "preset": CAMERA_MODELS[request.param].presets[0]}
    )
    device = partial(SimulatedRealSense, product=CAMERAS[request.param].product)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "CONFIG", config)
        patch.setitem(globals(), "make_device", device)
        yield request.param


def test_intrinsics_project_as_opencv() -> None:
    """librealsense's projection with the stream's intrinsics is cv2.projectPoints' within 0.01 px."""
    device = make_device(FlatScene(), Arm(), CONFIG).open()
    profiles = [p for sensor in device.query_sensors() for p in sensor.get_stream_profiles()]
    color = next(p for p in profiles if p.stream_type() == rs.stream.color)
    intrinsics = color.as_video_stream_profile().get_intrinsics()
    assert intrinsics.model == rs.distortion.brown_conrady
    board = np.stack(
        np.meshgrid(np.linspace(-0.2, 0.2, 9), np.linspace(-0.12, 0.12, 6), [0]), axis=-1
    ).reshape(-1, 3)
    for tilt in ([0, 0, 0], [0.5, 0.2, 0.1], [-0.3, 0.6, 1.0]):
        corners_cam = se3.transform(se3.from_rotvec(tilt, [0.05, -0.03, 0.45]), board)
        theirs = np.array([rs.rs2_project_point_to_pixel(intrinsics, list(p)) for p in corners_cam])
        ours, _ = cv2.projectPoints(corners_cam, np.zeros(3), np.zeros(3), COLOR.K, COLOR.dist)
        assert np.abs(theirs - ours[:, 0]).max() < 0.01


def test_deprojection_undoes_the_distortion() -> None:
    """librealsense's deprojection agrees with Pinhole.unproject to 0.05 px all over the image."""
    intrinsics = to_intrinsics(COLOR)
    pixels = np.stack(np.meshgrid(np.linspace(5, 1275, 12), np.linspace(5, 715, 8)), axis=-1).reshape(-1, 2)
    theirs = np.array([rs.rs2_deproject_pixel_to_point(intrinsics, list(p), 1.0) for p in pixels])
    assert np.abs(theirs - COLOR.unproject(pixels))[:, :2].max() * COLOR.K[0, 0] < 0.05


def test_calibration_round_trip() -> None:
    """Intrinsics and extrinsics survive the way through librealsense; rotations are not transposed."""
    back = to_pinhole(to_intrinsics(COLOR))
    assert np.array_equal(back.K, COLOR.K)
    assert np.array_equal(back.dist, COLOR.dist)
    T = se3.from_rotvec([0.3, -0.2, 0.5], [0.01, -0.02, 0.03])
    extrinsics = to_extrinsics(T)
    assert np.allclose(to_transform(extrinsics), T, atol=1e-6)
    assert np.allclose(extrinsics.rotation[:3], T[:3, 0]), "librealsense keeps rotations column by column"


def test_inverse_distortion_becomes_opencvs() -> None:
    """Coefficients like those a D455 reports give rays that are librealsense's own, to a tenth of a pixel."""
    intrinsics = to_intrinsics(COLOR)
    intrinsics.model = rs.distortion.inverse_brown_conrady
    intrinsics.coeffs = [-0.0557, 0.0662, -0.0004, 0.0006, -0.0211]
    camera = to_pinhole(intrinsics)
    pixels = np.stack(np.meshgrid(np.linspace(5, 1275, 12), np.linspace(5, 715, 8)), axis=-1).reshape(-1, 2)
    theirs = np.array([rs.rs2_deproject_pixel_to_point(intrinsics, list(p), 1.0) for p in pixels])
    assert np.abs(camera.project(theirs) - pixels).max() < 0.1
    assert np.abs(COLOR.project(theirs) - pixels).max() > 1


def test_another_product_than_the_cells_is_refused() -> None:
    """A camera whose name is not that of camera.model is named, and both keys to correct."""
    other = CONFIG.model_copy(update={"model": "d455"})
    with pytest.raises(CameraNotFound, match=r"the cell describes a D455: correct camera.model"):
        RealSenseCamera(other, make_device(FlatScene(), Arm(), CONFIG)).__enter__()


def test_frames_are_bit_exact_and_rgb() -> None:
    """grab returns the very bytes that the scene exposed, red first."""
    scene, arm = FlatScene(), Arm()
    with RealSenseCamera(CONFIG, make_device(scene, arm, CONFIG)) as camera:
        for key in range(3):
            arm.go(key)
            sample = camera.grab(after_ns=time.monotonic_ns())
            assert np.array_equal(sample.rgb_u8, scene.exposed[-1])
        kept = sample.rgb_u8.copy()
        scene.red = True
        assert camera.grab(after_ns=time.monotonic_ns()).rgb_u8[0, 0].tolist() == [200, 10, 20]
        assert np.array_equal(sample.rgb_u8, kept), (
            "an earlier sample changed: it was a view of librealsense's memory"
        )


@pytest.mark.parametrize("t_m", [(-0.35, -0.2, 0.6), (0.12, 0.02, 0.6)])
def test_board_corners_in_the_frame(t_m: tuple[float, float, float]) -> None:
    """Board corners found in the frame that librealsense gave are where cv2 projects them, to 0.1 px."""
    scene = FlatScene()
    T_cam_board = se3.from_rotvec([0.2, -0.15, 0.1], t_m)
    board = np.stack(np.meshgrid(np.arange(6), np.arange(5), [0]), axis=-1).reshape(-1, 3) * 0.04
    expected = COLOR.project(se3.transform(T_cam_board, board))
    low, high = expected.min(axis=0).astype(int) - 20, expected.max(axis=0).astype(int) + 20
    scene.picture = draw_board(T_cam_board, 0.04, (*low, *high))
    with RealSenseCamera(CONFIG, make_device(scene, Arm(), CONFIG)) as camera:
        sample = camera.grab(after_ns=time.monotonic_ns())
    grey = cv2.GaussianBlur(cv2.cvtColor(sample.rgb_u8, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)
    start = expected.astype(np.float32).reshape(-1, 1, 2) + np.float32(0.4)
    found = cv2.cornerSubPix(grey.astype(np.uint8), start, (6, 6), (-1, -1), criteria).reshape(-1, 2)
    assert np.linalg.norm(found - expected, axis=1).max() < 0.1
    assert np.abs((found - expected).mean(axis=0)).max() < 0.03


def test_noise_follows_the_pose_not_the_history() -> None:
    """The same commanded joints give the same bytes in another session and after other poses."""
    pictures = []
    for order in ([3, 5, 4], [9, 4]):
        scene, arm = FlatScene(), Arm()
        with RealSenseCamera(CONFIG, make_device(scene, arm, CONFIG)) as camera:
            for key in order:
                arm.go(key)
                sample = camera.grab(after_ns=time.monotonic_ns())
            again = camera.grab(after_ns=time.monotonic_ns())
        assert not np.array_equal(again.rgb_u8, sample.rgb_u8), "a second try must have other noise"
        pictures.append((sample.rgb_u8, sample.depth_counts))
    assert np.array_equal(pictures[0][0], pictures[1][0])
    assert np.array_equal(pictures[0][1], pictures[1][1])


def test_a_moving_arm_is_shown_where_it_is() -> None:
    """A frame asked for in motion shows that instant, so a driver that does not wait is found out."""
    scene, arm = FlatScene(), Arm()
    source = make_device(scene, arm, CONFIG)
    with RealSenseCamera(CONFIG, source) as camera:
        arm.is_moving = True
        brightness = []
        for q in (0.0, 0.4):
            arm.q_true_rad = np.full(6, q)
            brightness.append(camera.grab(after_ns=time.monotonic_ns()).rgb_u8.mean())
    assert brightness[1] > brightness[0] + 10


def test_transform_matches_the_device() -> None:
    """The extrinsics that the device reports are T_cam_depth: depth points to the colour camera."""
    source = make_device(FlatScene(), Arm(), CONFIG)
    with RealSenseCamera(CONFIG, source) as camera:
        assert np.allclose(camera.info.T_cam_depth, T_CAM_DEPTH, atol=1e-6)
        assert camera.info.depth_scale_m == 0.00025


def draw_board(
    T_cam_board: np.ndarray, square_m: float, window_xyxy: tuple[int, int, int, int]
) -> np.ndarray:
    """A chessboard by intersecting every subpixel's ray with its plane; no projection function is used."""
    x0, y0, x1, y1 = window_xyxy
    T_board_cam = se3.inverse(T_cam_board)
    origin, n_sub = T_board_cam[:3, 3], 6
    xs = (np.arange((x1 - x0) * n_sub) + 0.5) / n_sub - 0.5 + x0
    ys = (np.arange((y1 - y0) * n_sub) + 0.5) / n_sub - 0.5 + y0
    xy = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 1, 2)
    rays = cv2.undistortPoints(xy, COLOR.K, COLOR.dist)[:, 0]
    directions = np.concatenate([rays, np.ones((len(rays), 1))], axis=1) @ T_board_cam[:3, :3].T
    hit = origin + directions * (-origin[2] / directions[:, 2])[:, None]
    white = np.floor(hit[:, :2] / square_m).astype(int).sum(axis=1) % 2
    fine = (white * 200.0 + 25).reshape(y1 - y0, n_sub, x1 - x0, n_sub).mean(axis=(1, 3))
    grey = np.full((720, 1280), 128, np.uint8)
    grey[y0:y1, x0:x1] = np.round(fine)
    return np.repeat(grey[..., None], 3, axis=2)


def test_power_on_state_is_not_the_locked_state() -> None:
    """A device just opened has its automatics on, so that a driver that forgets to lock is seen."""
    device = make_device(FlatScene(), Arm(), CONFIG).open()
    sensor = device.query_sensors()[1]
    assert sensor.get_option(rs.option.enable_auto_exposure) == 1
    assert sensor.get_option(rs.option.auto_exposure_priority) == 1
    assert sensor.get_option(rs.option.global_time_enabled) == 0
