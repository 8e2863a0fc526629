"""Colour masks, their edges and the boxes around them."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.cell.model import Label as ColourRange
from synth.dataset.colour_filter import colour_mask, holes, largest_component, refine_edge
from synth.geometry.boxes import box_iou, inside_image, square_box, tight_box

ORANGE = ColourRange(h_min=4, h_max=22, s_min=110, v_min=50)


def _disc(shape_hw=(200, 200), centre=(100, 100), radius=40.0, sub=8):
    """Exact share [H,W] of every pixel that a disc covers; pixel centres at integers."""
    n_rows, n_columns = shape_hw
    offsets = (np.arange(sub) + 0.5) / sub - 0.5
    y = (np.arange(n_rows)[:, None] + offsets).reshape(-1, 1)
    x = (np.arange(n_columns)[:, None] + offsets).reshape(1, -1)
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    return inside.reshape(n_rows, sub, n_columns, sub).mean(axis=(1, 3))


@pytest.mark.parametrize("rgb", [(235, 20, 25), (235, 25, 60)])
def test_a_red_range_wraps_through_zero(rgb):
    """h_min above h_max finds red on both sides of hue 0, and nothing green."""
    red = ColourRange(h_min=165, h_max=10, s_min=100, v_min=50)
    image = np.full((20, 20, 3), (20, 200, 40), np.uint8)
    image[5:15, 5:15] = rgb
    mask = colour_mask(image, red)
    assert mask[10, 10]
    assert not mask[1, 1]
    assert mask.sum() == 100


def test_only_the_largest_blob_counts_and_keeps_its_tips():
    """Specks and thin bridges go; the sharp corners of the part stay."""
    image = np.zeros((120, 160), np.uint8)
    cv2.fillPoly(image, [np.array([[80, 20], [120, 60], [80, 100], [40, 60]])], 1)
    diamond = image > 0
    noisy = diamond.copy()
    noisy[5:9, 5:9] = True
    noisy[60, 120:150] = True
    found = largest_component(noisy)
    assert found[20:22, 79:82].any()
    assert found[diamond].mean() > 0.995
    assert not found[5:9, 5:9].any()
    assert not found[60, 126:].any()


def test_nothing_found_is_an_empty_mask_without_a_box():
    """An image without the colour gives no box instead of an error."""
    mask = largest_component(colour_mask(np.zeros((30, 40, 3), np.uint8), ORANGE))
    assert not mask.any()
    assert tight_box(mask) is None
    assert not refine_edge(np.zeros((30, 40, 3), np.uint8), mask).any()


def test_holes_are_what_the_mask_encloses():
    """The inside of a ring is a hole, what lies around it and touches the border is none."""
    ring = (_disc(radius=40) > 0.5) & ~(_disc(radius=20) > 0.5)
    assert np.array_equal(holes(ring), _disc(radius=20) > 0.5)


def test_box_edges_run_from_zero_to_width():
    """A mask that fills the image has the box 0, 0, W, H; one pixel is one pixel wide."""
    full = np.ones((30, 40), bool)
    assert tight_box(full).tolist() == [0, 0, 40, 30]
    one = np.zeros((30, 40), bool)
    one[7, 3] = True
    assert tight_box(one).tolist() == [3, 7, 4, 8]


@given(st.tuples(*[st.floats(0, 500)] * 2), st.tuples(*[st.floats(1, 300)] * 2))
def test_the_square_shares_the_centre_and_holds_the_box(corner, size):
    """The paper's rule: the shorter side grows around the centre, the longer one stays."""
    box = np.array([*corner, corner[0] + size[0], corner[1] + size[1]])
    square = square_box(box)
    assert np.allclose(square[:2] + square[2:], box[:2] + box[2:])
    assert np.allclose(square[2:] - square[:2], max(size))
    assert (square[:2] <= box[:2] + 1e-9).all()
    assert (square[2:] >= box[2:] - 1e-9).all()
    assert inside_image(square, (2000, 2000)) == bool((square >= 0).all())


def test_iou_of_boxes():
    """Equal boxes agree to 1, disjoint ones to 0, half-shifted ones to a third."""
    a = np.array([0.0, 0, 10, 10])
    assert box_iou(a, a) == 1
    assert box_iou(a, a + 20) == 0
    assert box_iou(a, np.array([5.0, 0, 15, 10])) == pytest.approx(1 / 3)


@pytest.mark.parametrize("behind", [(214, 213, 208), (62, 64, 68), (120, 125, 140)])
@pytest.mark.parametrize("brightness", [0.45, 1.0])
def test_refined_edges_are_true_whatever_lies_behind(behind, brightness):
    """The mask of a blurred disc has its true area within half a pixel of radius, on light and dark alike."""
    share = _disc(radius=40)[..., None]
    rgb = share * np.array([226, 104, 24]) * brightness + (1 - share) * behind
    rgb = cv2.GaussianBlur(rgb, (0, 0), 1.0) + np.random.default_rng(0).normal(0, 2, rgb.shape)
    image = np.clip(rgb, 0, 255).astype(np.uint8)
    mask = refine_edge(image, largest_component(colour_mask(image, ORANGE)))
    assert np.sqrt(mask.sum() / np.pi) == pytest.approx(40, abs=0.25)
    assert np.abs(tight_box(mask) - [60.5, 60.5, 140.5, 140.5]).max() <= 1.0
