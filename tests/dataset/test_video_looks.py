"""What single frames and whole films are judged by."""

import numpy as np
import pytest
from films import drive, shaken

from synth.dataset.imports.video_looks import (
    MIN_TO_JUDGE,
    count_bits_apart,
    difference_hash,
    find_blurred,
    measure_sharpness,
)
from synth.dataset.imports.video_marks import Constancy, cover, find_clear
from synth.dataset.imports.video_plan import Window, cut, deal_by_time, fit


@pytest.mark.parametrize("angle_deg", [0, 45, 90, 130])
def test_motion_at_any_angle_is_told_by_a_mark_that_stays_sharp(angle_deg: float) -> None:
    """A frame that moved by 9 px is far less sharp than its film, whatever is written over it."""
    frames = [frame[..., 0].copy() for frame in drive(16, 20)]
    frames[7] = shaken(frames[7], 9, angle_deg)
    for frame in frames:
        frame[54:60:2, 8:100:2] = 255
    found = find_blurred(np.array([measure_sharpness(frame) for frame in frames]))
    assert np.flatnonzero(found).tolist() == [7]


def test_few_frames_are_not_judged() -> None:
    """Of fewer frames than tell how sharp a film is none is blurred, nor of frames that are all alike."""
    assert not find_blurred(np.array([1.0, 1.0, -9.0])).any()
    assert not find_blurred(np.ones(MIN_TO_JUDGE)).any()


def test_the_hash_is_of_the_scene() -> None:
    """Brightness and noise change a few bits at most, another scene many."""
    rng = np.random.default_rng(0)
    a, b = (drive(1, seed)[0][..., 1] for seed in (21, 22))
    noisy = np.clip(0.8 * a + rng.normal(0, 3, a.shape), 0, 255).astype(np.uint8)
    assert count_bits_apart(difference_hash(a), difference_hash(noisy)) <= 2
    assert count_bits_apart(difference_hash(a), difference_hash(b)) > 16


def test_the_own_bonnet_is_covered_whole() -> None:
    """An outline that stays from one side to the other, low in the picture, covers all below it."""
    constancy = Constancy()
    shape = np.arange(128)
    bonnet = np.arange(64)[:, None] > 50 + ((shape - 64) / 20) ** 2 / 2
    rng = np.random.default_rng(1)
    for frame in drive(60, 23, step_px=21):
        grey = frame[..., 0].copy()
        grey[bonnet] = rng.integers(0, 6, bonnet.sum())
        constancy.add(grey)
    edges = constancy.find_edges()
    assert edges is not None
    mask = cover(edges)
    assert mask[bonnet].all()
    assert mask[~bonnet].mean() < 0.15


def test_the_clear_rectangle_is_the_largest() -> None:
    """As trying every rectangle of the shape finds it; none where less than a quarter is clear."""
    rng = np.random.default_rng(2)
    for _ in range(5):
        mask = np.zeros((16, 32), bool)
        mask[rng.integers(0, 16, 2), rng.integers(0, 32, 2)] = True
        tried = [
            h
            for h in range(1, 17)
            for y in range(17 - h)
            for x in range(33 - 2 * h)
            if not mask[y : y + h, x : x + 2 * h].any()
        ]
        found = find_clear(mask)
        assert found is not None
        x0, y0, x1, y1 = found
        assert (x1 - x0, y1 - y0) == (2 * max(tried), max(tried))
        assert not mask[y0:y1, x0:x1].any()
    assert find_clear(np.ones((16, 32), bool)) is None


def test_pictures_are_cut_to_two_by_one_and_never_enlarged() -> None:
    """From the middle of tall and of wide films."""
    assert cut((1920, 1080)) == (0, 60, 1920, 1020)
    assert cut((3000, 1000)) == (500, 0, 2500, 1000)
    assert fit((0, 60, 1920, 1020), (960, 480)) == (960, 480)
    assert fit((0, 0, 128, 64), (960, 480)) == (128, 64)


def test_a_short_film_trains_whole() -> None:
    """Where ten gaps do not fit in."""
    windows = [Window(pts=i, t_s=float(i)) for i in range(50)]
    assert {w.split for w in deal_by_time(windows, 10.0, None)} == {"train"}
    assert {w.split for w in deal_by_time(windows, 1.0, None)} == {"train", "val", "test", None}
