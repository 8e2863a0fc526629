"""Labels of drawn shots, whose truth is known exactly."""

from dataclasses import replace

import numpy as np
import pytest

from synth.capture.label import Labeller
from synth.dataset.colour_filter import mask_iou
from synth.geometry import se3
from synth.geometry.boxes import tight_box
from synth.geometry.frames import uvw_from_cam
from synth.geometry.normals import angle_deg, plain_crop

TILTED = (5, 0, 0, 15, -18, 40)


@pytest.mark.parametrize("source", ["colour", "cad", "both"])
@pytest.mark.parametrize("offset_deg", [(0, 0, 0, 0, 0, 0), TILTED])
def test_every_source_finds_the_part_to_a_pixel(cell, bodies, camera, draw, source, offset_deg):
    """Colour and CAD masks give the drawn part's box within a pixel, and its mask almost exactly."""
    shot = draw(offset_deg)
    labeller = Labeller(cell, bodies, camera, source=source, crop_kind="rectified")
    label = labeller.label(shot.rgb_u8, shot.T_base_tool, shot.q_rad)
    assert np.abs(label.box_xyxy_px - tight_box(shot.part)).max() <= 1
    assert mask_iou(label.mask, shot.part) > 0.96
    assert label.visib_fract > 0.97
    assert (label.colour_cad_iou is not None) == (source == "both")


def test_a_larger_thing_of_the_part_s_colour_is_not_taken_for_it(cell, bodies, camera, draw):
    """Of several blobs that one is labelled which lies where the arm holds the part."""
    shot = draw(TILTED)
    labeller = Labeller(cell, bodies, camera, source="both", crop_kind="rectified")
    alone = labeller.label(shot.rgb_u8, shot.T_base_tool, shot.q_rad)
    x0, y0, x1, y1 = tight_box(shot.part).astype(int)
    beside = shot.rgb_u8.copy()
    beside[:, : x0 - 20] = shot.rgb_u8[(y0 + y1) // 2, (x0 + x1) // 2]
    assert beside[:, : x0 - 20].size > 3 * shot.part.sum()
    label = labeller.label(beside, shot.T_base_tool, shot.q_rad)
    assert np.array_equal(label.mask, alone.mask)
    assert label.colour_cad_iou == alone.colour_cad_iou


def test_what_the_arm_hides_within_the_part_is_no_part(cell, bodies, camera, draw, monkeypatch):
    """A gap in the colour is filled, as of a reflection, but not where mount or arm stand before the part."""
    shot = draw(TILTED)
    labeller = Labeller(cell, bodies, camera, source="colour", crop_kind="rectified")
    silhouette = labeller._caster.cast(shot.T_base_tool, shot.q_rad)
    x0, y0, x1, y1 = tight_box(shot.part).astype(int)
    gap = np.zeros_like(shot.part)
    gap[(y0 + y1) // 2 - 3 : (y0 + y1) // 2 + 3, (x0 + x1) // 2 - 3 : (x0 + x1) // 2 + 3] = True
    rgb_u8 = shot.rgb_u8.copy()
    rgb_u8[gap] = 128
    assert labeller.label(rgb_u8, shot.T_base_tool, shot.q_rad).mask[gap].all()
    left, top, right, bottom = silhouette.window_xyxy
    hidden = replace(silhouette, visible=silhouette.visible & ~gap[top:bottom, left:right])
    monkeypatch.setattr(labeller._caster, "cast", lambda *_: hidden)
    assert labeller.label(rgb_u8, shot.T_base_tool, shot.q_rad).mask[gap].mean() < 0.4


def test_the_normal_comes_from_the_tool_through_the_calibration(cell, bodies, camera, draw):
    """The label's normal is the part's axis seen by the camera; turning T_base_cam turns it as much."""
    shot = draw(TILTED)
    label = Labeller(cell, bodies, camera, source="colour", crop_kind="rectified").label(
        shot.rgb_u8, shot.T_base_tool, shot.q_rad
    )
    T_base_cam = np.asarray(cell.camera.T_base_cam)
    normal_base = (shot.T_base_tool @ np.asarray(cell.part.T_tool_part))[:3, 2]
    assert angle_deg(label.normal_cam, T_base_cam[:3, :3].T @ normal_base) < 1e-9
    assert np.allclose(label.normal_uvw, uvw_from_cam(label.normal_cam))
    assert label.normal_uvw[2] > 0

    turned = T_base_cam @ se3.from_rotvec(np.radians([0.2, 0, 0]), [0, 0, 0])
    off = cell.model_copy(update={"camera": cell.camera.model_copy(update={"T_base_cam": turned})})
    off_label = Labeller(off, bodies, camera, source="colour", crop_kind="rectified").label(
        shot.rgb_u8, shot.T_base_tool, shot.q_rad
    )
    assert angle_deg(label.normal_cam, off_label.normal_cam) == pytest.approx(
        0.2 * np.linalg.norm(np.cross([1, 0, 0], label.normal_cam)), rel=1e-3
    )


def test_a_rectified_crop_carries_its_own_axes(cell, bodies, camera, draw):
    """R_crop_cam turns the crop normal back to the camera's; the point lies where the crop shows it."""
    shot = draw((30, 0, 0, 15, 0, 0))
    label = Labeller(cell, bodies, camera, source="colour", crop_kind="rectified").label(
        shot.rgb_u8, shot.T_base_tool, shot.q_rad
    )
    crop = label.crop
    assert crop.rgb_u8.shape == (224, 224, 3)
    back = crop.R_crop_cam.T @ (crop.normal_uvw * [1, -1, -1])
    assert angle_deg(back, label.normal_cam) < 1e-6
    assert angle_deg(crop.normal_uvw, label.normal_uvw) > 3
    x, y = (crop.point_xy * 224).astype(int)
    assert crop.rgb_u8[y, x, 0] > 2 * crop.rgb_u8[y, x, 2]
    assert ((crop.point_xy > 0.3) & (crop.point_xy < 0.7)).all()


def test_the_papers_crop_is_a_plain_cut_in_camera_axes(cell, bodies, camera, draw):
    """A plain crop has the camera's normal and the identity as its rotation."""
    shot = draw()
    label = Labeller(cell, bodies, camera, source="colour", crop_kind="paper").label(
        shot.rgb_u8, shot.T_base_tool, shot.q_rad
    )
    assert np.array_equal(label.crop.R_crop_cam, np.eye(3))
    assert np.array_equal(label.crop.normal_uvw, label.normal_uvw)
    image = np.arange(100, dtype=np.uint8)[None, :, None] * np.ones((100, 1, 3), np.uint8)
    assert np.array_equal(plain_crop(image, np.array([10.0, 20, 42, 52]), size_px=32), image[20:52, 10:42])


def test_a_part_out_of_view_is_an_empty_label(cell, bodies, camera, draw):
    """With the arm turned away there is no box, no crop and nothing visible, and no error."""
    label = Labeller(cell, bodies, camera, source="both", crop_kind="rectified").label(
        np.full((720, 1280, 3), 200, np.uint8), draw((150, 0, 0, 0, 0, 0)).T_base_tool, cell.robot.home_q_rad
    )
    assert label.box_xyxy_px is None
    assert label.crop is None
    assert label.visib_fract == 0
