"""Painting out: what a part hid and shaded looks like the bench around it, and all else stays."""

import cv2
import numpy as np

from synth.sim.photographs.painting import paint_in

SIZE_WH = (200, 150)
RADIUS_PX, CENTRE = 20, (70, 75)


def test_a_painted_bench_shows_no_hole_and_no_shadow():
    """Where a dark part and its soft shadow were on cloth, brightness is the cloth's to some counts,
    and grain as much. A yellow thing without a label and what is far stay as they were.
    """
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(SIZE_WH[0]), np.arange(SIZE_WH[1]))
    cloth = (100 + 0.3 * x)[..., None] * [0.8, 1.0, 1.1] * (1 + 0.12 * np.sin(y * 1.2))[..., None]
    cloth = cloth + rng.normal(0, 4, cloth.shape)
    distance = np.hypot(x - CENTRE[0], y - CENTRE[1])
    shade = 1 - 0.5 * cv2.GaussianBlur((distance < RADIUS_PX + 3).astype(np.float32), (0, 0), 5)
    picture = np.where((distance < RADIUS_PX)[..., None], 25, cloth * shade[..., None])
    yellow = (slice(60, 90), slice(130, 165))
    picture[yellow] = (220, 170, 20)
    picture_u8 = np.clip(picture, 0, 255).round().astype(np.uint8)
    hole = distance < RADIUS_PX + 3

    painted = paint_in(picture_u8, hole).astype(float)

    changed = distance < 2 * RADIUS_PX
    smooth = cv2.GaussianBlur(painted - cloth, (0, 0), 5)
    assert np.abs(smooth[changed]).max() < 8
    grain = (painted - cv2.GaussianBlur(painted, (0, 0), 3))[distance < RADIUS_PX]
    assert 0.8 < grain.std() / (cloth - cv2.GaussianBlur(cloth, (0, 0), 3))[distance < RADIUS_PX].std() < 1.2
    np.testing.assert_array_equal(painted[yellow], picture_u8[yellow])
    far = distance > 2.5 * RADIUS_PX
    np.testing.assert_array_equal(painted[far], picture_u8[far])


def test_a_picture_that_parts_hide_takes_the_brightness_of_what_is_left():
    """Nothing to copy, and nothing at all: no fault, no other colour."""
    picture = np.full((60, 80, 3), 90, np.uint8)
    for n_rows in (2, 0):
        hole = np.ones((60, 80), bool)
        hole[:n_rows] = False
        assert np.abs(paint_in(picture, hole).astype(int) - 90).max() <= 1
