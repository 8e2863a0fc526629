"""Every gate refuses what it should, says why, and lets a good shot pass."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from synth.capture.label import Labeller
from synth.capture.quality import MIN_DEPTH_POINTS, judge, sharpness
from synth.geometry import se3


@pytest.fixture(scope="module")
def labeller(cell, bodies, camera):
    return Labeller(cell, bodies, camera, source="both", crop_kind="rectified")


@pytest.fixture(scope="module")
def shot(draw):
    return draw((3, 0, 0, 12, -10, 30))


def _judge(cell, labeller, shot, *, gates=None, after=None):
    label = labeller.label(shot.rgb_u8, shot.T_base_tool, shot.q_rad)
    T_after = shot.T_base_tool if after is None else after
    rng = np.random.default_rng(0)
    return judge(gates or cell.gates, label, shot.rgb_u8, shot.depth_m, shot.T_base_tool, T_after, rng)


def _gates_of(verdict):
    return {refusal.gate for refusal in verdict.refusals}


def test_a_good_shot_passes_with_all_its_figures(cell, labeller, shot):
    """Nothing is refused, and every figure is kept."""
    verdict = _judge(cell, labeller, shot)
    assert verdict.accepted, verdict.reason
    assert verdict.figures["normal_depth_deg"] < 0.05
    assert verdict.figures["box_cad_iou"] > 0.95
    assert set(verdict.figures) >= {"mask_area_px", "sharpness", "saturated", "tilt_deg", "shot_motion_mm"}


def test_a_tool_that_moves_during_the_shot_is_refused(cell, labeller, shot):
    """Half a millimetre or a tenth of a degree between the two readings is too much."""
    shifted = se3.from_rotvec([0, 0, 0], [0, 0.0005, 0]) @ shot.T_base_tool
    turned = shot.T_base_tool @ se3.from_rotvec(np.radians([0, 0, 0.1]), [0, 0, 0])
    for after in (shifted, turned):
        assert "motion" in _gates_of(_judge(cell, labeller, shot, after=after))


def test_blur_is_refused(cell, labeller, draw):
    """An outline softened by three pixels is refused as blur."""
    soft = draw((3, 0, 0, 12, -10, 30), blur_px=3.0)
    assert "blur" in _gates_of(_judge(cell, labeller, soft))


@pytest.mark.parametrize("sigma_px", [0.7, 1.0, 1.5, 2.5])
def test_sharpness_is_the_slope_of_a_blurred_step(sigma_px):
    """A step blurred by a Gaussian reads 1 / (sigma √2π), whatever its contrast."""
    image = np.full((160, 160, 3), 190.0)
    cv2.circle(image, (80, 80), 45, (226.0, 104.0, 24.0), -1)
    mask = image[..., 2] < 100
    blurred = cv2.GaussianBlur(image, (0, 0), sigma_px).astype(np.uint8)
    assert sharpness(blurred, mask) == pytest.approx(1 / (sigma_px * np.sqrt(2 * np.pi)), rel=0.25)


def test_overexposure_is_refused(cell, labeller, shot):
    """A part whose colour is clipped away in a third of its pixels is refused."""
    rgb = shot.rgb_u8.copy()
    rows, columns = np.nonzero(shot.part)
    away = np.hypot(rows - rows.mean(), columns - columns.mean())
    inner = away < 0.3 * (rows.max() - rows.min())
    rgb[rows[inner], columns[inner]] = 255
    assert "saturated" in _gates_of(_judge(cell, labeller, replace(shot, rgb_u8=rgb)))


def test_a_wrong_calibration_is_refused(cell, labeller, shot):
    """A picture that is shifted by half the part against the CAD's projection is refused."""
    rolled = np.roll(shot.rgb_u8, 50, axis=1)
    assert {"box_cad", "colour_cad"} <= _gates_of(_judge(cell, labeller, replace(shot, rgb_u8=rolled)))


def test_a_plane_that_contradicts_the_tool_is_refused(cell, labeller, shot):
    """Depth tilted by eight degrees against the tool's normal is refused, and the angle is said."""
    ramp = np.tan(np.radians(8)) * (np.arange(1280) - 640) / 905
    verdict = _judge(cell, labeller, replace(shot, depth_m=(shot.depth_m * (1 + ramp)).astype(np.float32)))
    assert "normal_depth" in _gates_of(verdict)
    assert 5 < verdict.figures["normal_depth_deg"] < 12


def test_missing_depth_leaves_the_normal_unchecked(cell, labeller, shot):
    """Holes are no reason to refuse: the figure is absent then, and a shot with enough points has it."""
    verdict = _judge(cell, labeller, replace(shot, depth_m=np.zeros_like(shot.depth_m)))
    assert verdict.accepted
    assert "normal_depth_deg" not in verdict.figures
    assert _judge(cell, labeller, shot).figures["depth_points"] >= MIN_DEPTH_POINTS


def test_a_part_at_the_border_is_refused(cell, bodies, camera, draw):
    """A part cut by the image's edge is refused for it."""
    shot = draw()
    label = Labeller(cell, bodies, camera, source="colour", crop_kind="rectified").label(
        shot.rgb_u8, shot.T_base_tool, shot.q_rad
    )
    x0, y0, *_ = label.box_xyxy_px.astype(int)
    cut = np.full_like(shot.rgb_u8, 200)
    height, width = 720 - y0 - 30, 1280 - x0 - 30
    cut[:height, :width] = shot.rgb_u8[y0 + 30 :, x0 + 30 :]
    verdict = _judge(
        cell, Labeller(cell, bodies, camera, source="colour", crop_kind="paper"), replace(shot, rgb_u8=cut)
    )
    assert "border" in _gates_of(verdict)


def test_an_empty_mask_says_which_colours_were_there(cell, labeller, shot):
    """Where the filter finds nothing, the refusal names its range and the colour at the part's place."""
    grey = np.full_like(shot.rgb_u8, 128)
    verdict = _judge(cell, labeller, replace(shot, rgb_u8=grey))
    assert _gates_of(verdict) == {"mask_empty"}
    assert "H 0" in verdict.reason
