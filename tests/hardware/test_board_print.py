"""The simulated camera shows a calibration board as sharp and as true as a real one."""

import numpy as np
import pytest

from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.held import hold_board
from synth.cell.board import DEFAULT_BOARD
from synth.cell.load import default_cell
from synth.geometry import se3
from synth.hardware.simulated.truth import Truth
from synth.hardware.simulated.world import World


@pytest.fixture(scope="module")
def world() -> World:
    held, bodies = hold_board(default_cell(), DEFAULT_BOARD)
    return World(held, bodies, Truth(), 0, board=DEFAULT_BOARD)


@pytest.mark.parametrize("wrist_deg", [(0, 0, 0), (20, 25, 60)])
def test_corners_stand_where_they_are_projected(world, wrist_deg) -> None:
    """All 24 corners are found, without bias (0.05 px) and to 0.3 px, seen nearly square on and tilted, with
    lens distortion, noise and blur.
    """
    q = default_cell().robot.home_q_rad + np.radians([0, 0, 0, *wrist_deg])
    corners = find_corners(world.expose(world.color(q), 15_600, 64, 5600, (1,)), DEFAULT_BOARD)
    assert len(corners) == len(DEFAULT_BOARD.corners_m)
    T_cam_board = se3.inverse(world.T_base_cam) @ world.T_base_tool_of(q) @ world.T_tool_part
    predicted = world.color_camera.project(se3.transform(T_cam_board, DEFAULT_BOARD.corners_m[corners.ids]))
    off = corners.pixels_xy - predicted
    assert np.abs(off.mean(axis=0)).max() < 0.05
    assert np.sqrt((off**2).mean()) < 0.3


def test_the_board_is_not_quite_where_it_is_thought_to_be(world) -> None:
    """The truth's offset is in its place: a calibration has something to find."""
    off = se3.inverse(DEFAULT_BOARD.T_tool_board_guess) @ world.T_tool_part
    assert off == pytest.approx(np.asarray(Truth().board_offset))


def test_the_back_shows_no_print(world) -> None:
    """Turned away from the camera a board has no corners."""
    q = default_cell().robot.home_q_rad + np.radians([0, 0, 0, 180, 0, 0])
    assert len(find_corners(world.expose(world.color(q), 15_600, 64, 5600, (1,)), DEFAULT_BOARD)) == 0
