"""A crop that is cut and laid back: an identity changes nothing, a change stays where it belongs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from synth.gan.crops import Change, fade, find_change, lay_back
from synth.gan.judged_frame import list_seams
from synth.gan.methods.method import Translated
from synth.geometry.squares import Square, cut, jittered, square_round, window_of

SIDE_PX = 64
SHAPE = (150, 200)
BOXES = {"middle": (70, 40, 140, 100), "corner": (0, 0, 40, 36), "small": (100, 60, 112, 71)}


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)


def region_of(box: Sequence[float]) -> np.ndarray:
    region = np.zeros(SHAPE, bool)
    x0, y0, x1, y1 = (int(v) for v in box)
    region[y0:y1, x0:x1] = True
    return region


def translate(
    frame: np.ndarray,
    box: Sequence[float],
    change: np.ndarray | float,
    others: np.ndarray | None = None,
    side_px: int = SIDE_PX,
) -> Change:
    """What a network does that adds a change [S,S,3] to a crop."""
    square = square_round(box)
    crop = cut(frame, square, side_px).astype(np.float32)
    nobody = np.zeros(SHAPE, bool)
    return find_change(
        square, crop, crop + np.float32(change), region_of(box), nobody if others is None else others
    )


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_an_identity_leaves_the_frame_as_it_was(box: Sequence[float]) -> None:
    """Bit for bit, whether the crop was made smaller or larger or lay half outside; the share says where."""
    frame = noise()
    laid, share = lay_back(frame, [translate(frame, box, 0.0)])
    np.testing.assert_array_equal(laid, frame)
    assert (share[region_of(box)] == 255).all()
    again, _ = lay_back(frame, [translate(frame, box, np.random.default_rng(1).normal(0, 1e-4, (64, 64, 3)))])
    np.testing.assert_array_equal(again, frame)


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_outside_the_feather_nothing_changes(box: Sequence[float]) -> None:
    """Any change at all: where the share is 0 the frame is as it was, and so it is at the crop's border."""
    frame = noise()
    wild = np.random.default_rng(2).normal(0, 60, (SIDE_PX, SIDE_PX, 3))
    laid, share = lay_back(frame, [translate(frame, box, wild)])
    np.testing.assert_array_equal(laid[share == 0], frame[share == 0])
    assert (laid != frame).any()
    square = square_round(box)
    inside = np.zeros(SHAPE, bool)
    inside[max(square.y0 + 1, 0) : square.y0 + square.side_px - 1, max(square.x0 + 1, 0) :] = True
    inside[:, square.x0 + square.side_px - 1 :] = False
    assert not share[~inside].any()


def test_a_shift_of_the_whole_crop_is_taken_away() -> None:
    """Another brightness of a whole crop, or a slope of it, shows nowhere; that of the instance does."""
    frame = noise() // 2 + 60
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    slope = np.stack([20 + 9 * x, -12 * y, 5 + 0 * x], axis=-1)
    change = translate(frame, BOXES["middle"], slope)
    laid, _ = lay_back(frame, [change])
    assert np.abs(laid.astype(int) - frame).max() <= 1
    assert change.seam_counts < 0.5
    box = square_round(BOXES["middle"]).box_in(BOXES["middle"])
    x0, y0, x1, y1 = (round(v * SIDE_PX) for v in box)
    slope[y0:y1, x0:x1] += 30
    change = translate(frame, BOXES["middle"], slope)
    laid, _ = lay_back(frame, [change])
    inner = np.s_[50:90, 80:130]
    np.testing.assert_allclose(laid[inner].astype(int) - frame[inner], 30, atol=1)


def test_nothing_is_blurred() -> None:
    """Of a picture of pure noise that went through a crop of a third of its side, every pixel has its own."""
    frame = np.clip(noise().astype(int), 30, 200).astype(np.uint8)
    change = np.zeros((24, 24, 3))
    change[5:19, 5:19] = 25
    laid, _ = lay_back(frame, [translate(frame, BOXES["middle"], change, side_px=24)])
    moved = laid.astype(int) - frame
    np.testing.assert_allclose(moved[55:85, 85:125], 25, atol=1)
    assert np.ptp(moved, axis=2).max() <= 1


def test_a_crop_at_the_frames_own_resolution_comes_back_as_it_was_made() -> None:
    """Inside the instance are the translated pixels, within 1 count: cutting and laying are inverse."""
    frame, other = noise(), noise(1)
    box = BOXES["middle"]
    square = square_round(box)
    crop, wanted = (cut(f, square, square.side_px).astype(np.float32) for f in (frame, other))
    region = region_of(box)
    ring = ~np.asarray(window_of(region, square), bool)
    wanted[ring] = crop[ring]
    laid, share = lay_back(frame, [find_change(square, crop, wanted, region, np.zeros(SHAPE, bool))])
    assert np.abs(laid[region].astype(int) - other[region]).max() <= 1
    assert (share[region] == 255).all()


def test_the_seam_is_what_is_left_where_a_change_fades() -> None:
    """Noise of 20 counts about an instance is a seam of its mean size, 16; a plain shift is none."""
    frame = noise()
    rough = np.random.default_rng(3).normal(0, 20, (105, 105, 3))
    seam = translate(frame, BOXES["middle"], rough, side_px=105).seam_counts
    assert seam == pytest.approx(20 * np.sqrt(2 / np.pi), rel=0.1)


def test_an_instance_that_fills_its_frame_has_no_seam_to_measure() -> None:
    """None, and not 0, which would be the best there is; it is counted as unmeasured."""
    frame, box = noise(), (0, 0, SHAPE[1], SHAPE[0])
    change = translate(frame, box, 20.0)
    assert change.seam_counts is None
    found = Translated(frame, None, (change.seam_counts, 3.0))
    assert list_seams(found) == {"seam_counts": 3.0, "seams_unmeasured": 1}
    assert list_seams(replace(found, seams_counts=(None,))) == {"seams_unmeasured": 1}


def test_other_instances_are_left_alone() -> None:
    """A neighbour's pixels stay; two that overlap share their pixels and never count twice."""
    frame = np.full((*SHAPE, 3), 100, np.uint8)
    neighbour = region_of((136, 40, 160, 100))
    bump = np.zeros((SIDE_PX, SIDE_PX, 3))
    bump[10:54, 10:54] = 40
    first = translate(frame, BOXES["middle"], bump, neighbour & ~region_of(BOXES["middle"]))
    laid, share = lay_back(frame, [first])
    assert not share[neighbour & ~region_of(BOXES["middle"])].any()
    twice, _ = lay_back(frame, [first, first])
    assert np.abs(twice.astype(int) - laid).max() <= 20
    assert twice.max() == laid.max()


def test_squares_are_jittered_within_their_limits() -> None:
    """Shift and scale stay within what was asked for, both ways, and none is none."""
    square = square_round((50, 50, 150, 110))
    assert square == Square(25, 5, 150)
    assert jittered(square, 0.0, 1.0, np.random.default_rng(0)) == square
    rng = np.random.default_rng(0)
    moved = [jittered(square, 0.1, 1.2, rng) for _ in range(200)]
    sides = [s.side_px for s in moved]
    assert 125 <= min(sides) < 130
    assert 170 < max(sides) <= 180
    offsets = [(s.x0 + s.side_px / 2 - 100) / s.side_px for s in moved]
    assert -0.11 < min(offsets) < -0.08
    assert 0.08 < max(offsets) < 0.11


def test_the_weight_falls_from_one_to_nothing() -> None:
    """1 on the instance, never rising outwards, 0 at the border of the crop; nothing without an instance."""
    region = np.zeros((90, 90), bool)
    region[15:75, 15:75] = True
    weight = fade(region)
    assert (weight[region] == 1).all()
    assert (np.diff(weight[45, 45:]) <= 0).all()
    assert not weight[[0, 1, 2, -3, -2, -1]].any()
    assert not fade(np.zeros((9, 9), bool)).any()
