"""A board's print lies on its face and nowhere else, and stays true in a steep view."""

import cv2
import numpy as np
import pytest

from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.setup import make_setup
from synth.cell.board import DEFAULT_BOARD
from synth.cell.load import default_cell
from synth.cell.mesh import load_bodies
from synth.geometry import se3
from synth.hardware.simulated.truth import Truth
from synth.hardware.simulated.world import World

SETUP = make_setup(default_cell(), load_bodies(default_cell()), DEFAULT_BOARD, "to-hand")
HELD, BODIES = SETUP.cell, SETUP.bodies
OBLIQUE = HELD.robot.home_q_rad + np.radians([0, 0, 0, -25, 35, 60])
TURNED_AWAY = HELD.robot.home_q_rad + np.radians([0, 0, 0, 180, 0, 0])
BLUR_PX = 4


@pytest.fixture(scope="module")
def printed() -> World:
    return World(HELD, BODIES, Truth(), 0, board=DEFAULT_BOARD)


@pytest.fixture(scope="module")
def plain(printed: World) -> World:
    """The same plate at the same place, with nothing on it."""
    return World(HELD, BODIES, Truth(T_tool_part=printed.T_tool_part), 0)


def _T_cam_board(world: World, q_rad: np.ndarray) -> np.ndarray:
    return se3.inverse(world.T_base_cam) @ world.T_base_tool_of(q_rad) @ world.T_tool_part


def test_corners_are_unbiased_at_45_degrees(printed: World) -> None:
    """Seen at about 45° all 24 corners are found, without bias (0.05 px) and to 0.3 px, with lens distortion,
    noise and blur.
    """
    T_cam_board = _T_cam_board(printed, OBLIQUE)
    corners_cam = se3.transform(T_cam_board, DEFAULT_BOARD.corners_m)
    towards = corners_cam.mean(axis=0) / np.linalg.norm(corners_cam.mean(axis=0))
    assert np.degrees(np.arccos(T_cam_board[:3, 2] @ towards)) == pytest.approx(45, abs=3)
    assert np.abs(printed.color_camera.dist).max() > 0.1
    corners = find_corners(printed.expose(printed.color(OBLIQUE), 15_600, 64, 5600, (1,)), DEFAULT_BOARD)
    assert len(corners) == len(DEFAULT_BOARD.corners_m)
    off = corners.pixels_xy - printed.color_camera.project(corners_cam)[corners.ids]
    assert np.abs(off.mean(axis=0)).max() < 0.05
    assert np.sqrt((off**2).mean()) < 0.3


def test_the_board_is_not_quite_where_it_is_thought_to_be(printed: World) -> None:
    """The truth's offset is in its place: a calibration has something to find."""
    off = se3.inverse(DEFAULT_BOARD.T_tool_board_guess) @ printed.T_tool_part
    assert off == pytest.approx(np.asarray(Truth().board_offset))


def test_only_the_pattern_differs_from_plain_paper(printed: World, plain: World) -> None:
    """Rim, sides, arm and bench send the light that they send around an empty plate, to the last bit."""
    changed = (printed.color(OBLIQUE) != plain.color(OBLIQUE)).any(axis=-1)
    width, height = DEFAULT_BOARD.size_m
    outline_m = [(0, 0, 0), (width, 0, 0), (width, height, 0), (0, height, 0)]
    outline_px = printed.color_camera.project(se3.transform(_T_cam_board(printed, OBLIQUE), outline_m))
    pattern = np.zeros(changed.shape, np.uint8)
    cv2.fillConvexPoly(pattern, np.round(outline_px).astype(np.int32), 1)
    assert changed[pattern > 0].mean() > 0.5
    assert not changed[cv2.dilate(pattern, np.ones((2 * BLUR_PX + 1,) * 2, np.uint8)) == 0].any()


def test_the_back_is_plain_paper(printed: World, plain: World) -> None:
    """Turned away, a board is a plate without print, to the last bit: no pattern shines through."""
    assert printed.truth_of(TURNED_AWAY).mask_visib.sum() > 10_000
    assert np.array_equal(printed.color(TURNED_AWAY), plain.color(TURNED_AWAY))
