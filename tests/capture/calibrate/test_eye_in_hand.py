"""A camera on the arm: its poses, what it sees, and the way from a rough place to a true one."""

import json

import numpy as np
import pytest
import yaml

from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.poses import MIN_TILT_DEG, plan_views
from synth.capture.calibrate.setup import MARGIN_PX, MAX_TILT_DEG, make_setup
from synth.cell.board import DEFAULT_BOARD
from synth.cell.calibration_validity import camera_hash, why_uncalibrated
from synth.cell.edit import edit_cell
from synth.cell.load import default_cell, load_cell
from synth.cell.mesh import load_bodies
from synth.cell.template import write_template
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.normals import angle_deg
from synth.hardware.safety import SafetyModel
from synth.hardware.simulated.eye_in_hand import WorldFromArm
from synth.hardware.simulated.truth import Truth
from typed import synth

CELL = default_cell()
SETUP = make_setup(CELL, load_bodies(CELL), DEFAULT_BOARD, "in-hand")


@pytest.mark.parametrize("payload_kg", [0.0, 3.5])
def test_more_than_the_arm_carries_is_refused(payload_kg):
    """What the controller is told of a payload stays within the arm's own limit."""
    with pytest.raises(InputError, match="at most 3 for a UR3e"):
        make_setup(CELL, load_bodies(CELL), DEFAULT_BOARD, "to-hand", payload_kg=payload_kg)


def test_planned_poses_show_the_whole_board() -> None:
    """Each within the image's margin, near and tilted as asked, and every way to it from home is free."""
    camera = CELL.camera.pinhole
    plan = plan_views(SETUP, camera, 12, seed=3)
    safety = SafetyModel(SETUP.cell, SETUP.bodies)
    assert len(plan.q_rad) == 12
    for q_rad in plan.q_rad:
        T_cam_board = se3.inverse(CELL.robot.T_base_tool(q_rad) @ SETUP.X) @ SETUP.Y
        corners = se3.transform(T_cam_board, SETUP.board.plate.vertices_m)
        pixels = camera.project(corners) + 0.5
        assert (pixels >= MARGIN_PX).all()
        assert (pixels <= np.array(camera.size_wh) - MARGIN_PX).all()
        assert corners[:, 2].min() >= CELL.camera.known.nearest_m
        assert MIN_TILT_DEG <= angle_deg(-T_cam_board[:3, 2], -T_cam_board[:3, 3]) <= MAX_TILT_DEG
        assert safety.check_path(SETUP.cell.robot.home_q_rad, q_rad) is None


def test_a_board_out_of_sight_is_told() -> None:
    """Where the ranges of the joints never show it, in one sentence that names the check."""
    behind = se3.make(np.eye(3), [-0.6, 0.0, 0.05])
    board = DEFAULT_BOARD.model_copy(update={"T_base_board": behind})
    setup = make_setup(CELL, load_bodies(CELL), board, "in-hand")
    with pytest.raises(
        InputError, match=r"None of \d+ poses .* The image check refuses most .* T_base_board"
    ):
        plan_views(setup, CELL.camera.pinhole, 6, seed=0)


@pytest.mark.slow
def test_corners_are_where_the_arm_puts_them() -> None:
    """In the simulated camera on the arm all corners are found, without bias (0.1 px), from two places."""
    world = WorldFromArm(SETUP.cell, SETUP.bodies, Truth(), 0, SETUP.board)
    for turn_deg in ([0, 0, 0, 0, 0, 0], [6, 0, 0, -8, 9, 40]):
        q_rad = CELL.robot.home_q_rad + np.radians(turn_deg)
        T_cam_board = se3.inverse(world.T_base_tool_of(q_rad) @ world.T_tool_cam) @ world.T_base_standing
        corners = find_corners(world.expose(world.color(q_rad), 15_600, 64, 5600, (1,)), SETUP.board)
        assert len(corners) == len(SETUP.board.corners_m)
        predicted = world.color_camera.project(se3.transform(T_cam_board, SETUP.board.corners_m))
        assert np.abs((corners.pixels_xy - predicted[corners.ids]).mean(axis=0)).max() < 0.1


def test_a_real_cell_says_where_camera_and_board_are(tmp_path) -> None:
    """Nothing is planned from invented places: both missing keys are named."""
    synth("cell", "init", cwd=tmp_path)
    text = (tmp_path / "cell.yaml").read_text()
    text = text.replace("address: simulated", "address: 127.9.9.9").replace(
        "serial: simulated", "serial: any"
    )
    (tmp_path / "cell.yaml").write_text(text)
    ran = synth("calibrate", "run", "--eye-in-hand", "--dry-run", cwd=tmp_path)
    assert ran.returncode == 2
    said = " ".join(ran.stderr.split())
    assert "camera.T_tool_cam in the cell file and T_base_board in the board file is missing" in said


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_camera_s_place_on_the_arm_is_found(tmp_path) -> None:
    """From 20 mm and 4° off to 1 mm and 0.15° with ten small pictures; it is written beside T_base_cam, whose
    calibration it is not, and one more look agrees.
    """
    cell_file = write_template(tmp_path / "cell.yaml")[-1]
    off = se3.from_rotvec(np.radians(4) * np.array([2, -2, 1]) / 3, 0.02 * np.array([1, 2, -2]) / 3)
    truth = {"T_tool_cam": (SETUP.X @ off).tolist()}
    (tmp_path / "truth.yaml").write_text(yaml.safe_dump(truth))
    edit_cell(
        cell_file,
        {
            ("simulation", "truth"): "truth.yaml",
            ("camera", "T_tool_cam"): SETUP.X.tolist(),
            ("camera", "color_size_wh"): [960, 540],
            ("camera", "depth_size_wh"): [320, 240],
        },
    )
    ran = synth("calibrate", "run", "--eye-in-hand", "--views", 10, "--pace", 1000, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert "T_tool_cam from 10 views" in ran.stdout
    cell = load_cell(cell_file)
    left = se3.inverse(np.array(truth["T_tool_cam"])) @ cell.camera.T_tool_cam
    assert 1000 * np.linalg.norm(left[:3, 3]) < 1.0
    assert np.degrees(se3.rotation_angle_rad(left)) < 0.15
    assert np.array_equal(cell.camera.T_base_cam, CELL.camera.T_base_cam)
    assert cell.calibration.hand is not None
    assert cell.calibration.hand.sha256 == camera_hash(cell, "T_tool_cam")
    assert "never calibrated" in str(why_uncalibrated(cell))
    sigma = cell.calibration.hand.sigma_mm
    assert (
        f"camera {cell.calibration.hand.date[:10]}, {sigma:.2f} mm"
        in synth("cell", "check", cwd=tmp_path).stdout
    )
    ran = synth("calibrate", "check", "--pace", 1000, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert json.loads((tmp_path / "runs/calibrate/result.json").read_text())["eye"] == "in-hand"
