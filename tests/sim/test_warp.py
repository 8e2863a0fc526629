"""A cut-out as its placement lays it: labels where truth is, an edge and a grain as the lens makes them."""

import cv2
import numpy as np
import pytest
from cutting_set import SHAPES

from synth.geometry.boxes import tight_box
from synth.sim.cutout import Cutout, cut_out, turned
from synth.sim.placing.placement import Bounds, Placement
from synth.sim.warp import extent_of, lay_out, quarter_turn

EDGE_PX = 0.9
FINER = 4
PICTURE_WH = (140, 120)


def cutout_of(name: str, noise: float = 0.0) -> Cutout:
    """A shape of even light on black, in a patch of a larger picture."""
    mask = np.zeros((80, 90), np.uint8)
    cv2.fillConvexPoly(mask, np.int32(SHAPES[name] + (44, 38)), 1)
    light = np.full((80, 90, 3), 0.3, np.float32)
    light += np.random.default_rng(0).normal(0, noise, light.shape).astype(np.float32)
    cutout = cut_out(light, mask > 0, EDGE_PX)
    assert cutout is not None
    return cutout


def seen(cutout: Cutout, placement: Placement) -> np.ndarray:
    """The mask in a picture, laid."""
    laid = lay_out(cutout, placement, EDGE_PX)
    ids = np.zeros(PICTURE_WH[::-1], bool)
    x, y = laid.corner_xy
    rows, columns = np.nonzero(laid.mask)
    ids[rows + y, columns + x] = True
    return ids


def truth(cutout: Cutout, placement: Placement) -> np.ndarray:
    """How much of each pixel [H,W] the transformed pixels of the mask cover, counted on 4×4 points."""
    width, height = PICTURE_WH
    points = (np.stack(np.meshgrid(np.arange(width * FINER), np.arange(height * FINER)), -1) + 0.5) / FINER
    x0, y0, x1, y1 = tight_box(cutout.mask)
    back = (points - placement.centre_xy_px) @ np.linalg.inv(placement.matrix()).T + (
        (x0 + x1) / 2,
        (y0 + y1) / 2,
    )
    i, j = np.floor(back[..., 1]).astype(int), np.floor(back[..., 0]).astype(int)
    inside = (i >= 0) & (j >= 0) & (i < cutout.mask.shape[0]) & (j < cutout.mask.shape[1])
    hit = np.zeros(inside.shape, np.float32)
    hit[inside] = cutout.mask[i[inside], j[inside]]
    return hit.reshape(height, FINER, width, FINER).mean(axis=(1, 3))


@pytest.mark.parametrize("name", SHAPES)
def test_masks_and_boxes_are_where_the_outline_goes(name: str) -> None:
    """Turned, sheared, scaled and moved at random: a pixel is labelled that is covered by more than three
    quarters, none by less than a quarter, and no side of the box is further from the truth than that allows.
    """
    cutout, bounds = cutout_of(name), Bounds(shear=0.2, log_scale=(np.log(0.6), np.log(1.5)), aspect=0.5)
    for seed in range(4):
        unit = np.random.default_rng(seed).uniform(-1, 1, 9)
        placement = bounds.place(unit, extent_of(cutout), PICTURE_WH)
        mask, covered = seen(cutout, placement), truth(cutout, placement)
        assert not (mask & (covered < 0.25)).any()
        assert not (~mask & (covered > 0.75)).any()
        inner, box, outer = (tight_box(m) for m in (covered > 0.75, mask, covered >= 0.25))
        assert (np.abs(box - (inner + outer) / 2) <= np.abs(outer - inner) / 2 + 1e-9).all()


def test_quarter_turns_and_whole_pixels_resample_nothing() -> None:
    """Every number of quarters gives the cut-out's own pixels, in their place."""
    cutout = cutout_of("kite", noise=0.01)
    for quarters in range(4):
        laid = lay_out(cutout, quarter_turn(cutout, quarters, (7, -3)), EDGE_PX)
        asked = turned(cutout, quarters)
        assert laid.corner_xy == (7, -3)
        for mine, theirs in ((laid.light, asked.light), (laid.alpha, asked.alpha), (laid.mask, asked.mask)):
            assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.4])
def test_an_edge_is_as_wide_whatever_the_scale(scale: float) -> None:
    """10 to 90 % of a bar's long side, across it, as a Gaussian of the lens spreads it, within 15 %."""
    cutout = cutout_of("bar")
    laid = lay_out(cutout, Placement((60.0, 60.25), 3.0, 0.0, (float(np.log(scale)),) * 2), EDGE_PX)
    middle = laid.alpha.shape[1] // 2
    steps = np.diff(laid.alpha[:, middle - 2 : middle + 3], axis=0, prepend=0).clip(0)
    at = np.arange(len(steps))[:, None]
    spread = np.sqrt((steps * (at - (steps * at).sum(axis=0)) ** 2).sum(axis=0))
    assert spread.mean() == pytest.approx(EDGE_PX, rel=0.15)


@pytest.mark.parametrize(
    "placement",
    [Placement((60.5, 60.5), 20, log_scale_xy=(-0.4, -0.4)), Placement((60.5, 60.5), 20, blur_px=0.8)],
)
def test_the_grain_that_blurring_takes_is_known(placement: Placement) -> None:
    """What is left and what is said to be lost are the sensor's noise together, within a quarter."""
    sigma = 0.01
    cutout = cutout_of("kite", noise=sigma)
    laid = lay_out(cutout, placement, EDGE_PX)
    deep = cv2.erode(laid.mask.astype(np.uint8), np.ones((5, 5))) > 0
    assert laid.lost_noise is not None
    left = laid.light[deep].std(axis=0)
    assert left.mean() < 0.7 * sigma
    assert np.hypot(left, laid.lost_noise).mean() == pytest.approx(sigma, rel=0.25)


def test_light_follows_gain_and_gamma() -> None:
    """Linear light becomes gain · light^gamma, and no outline moves."""
    cutout = cutout_of("bar")
    plain = lay_out(cutout, Placement((60.5, 50.0), 10), EDGE_PX)
    bright = lay_out(cutout, Placement((60.5, 50.0), 10, gain=1.5, gamma=1.2), EDGE_PX)
    assert np.allclose(bright.light, 1.5 * plain.light**1.2, rtol=1e-4)
    assert np.array_equal(bright.mask, plain.mask)
