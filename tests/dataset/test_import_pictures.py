"""A picture of 16 bits is as bright as its camera saw it, and one that is nearly black is said to be."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from synth.dataset.imports.pictures import open_picture

RAMP = np.tile(np.linspace(0, 1, 64), (48, 1))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("n_bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("is_grey", [True, False])
def test_the_bits_in_use_are_stretched(n_bits: int, is_grey: bool, suffix: str, tmp_path: Path) -> None:
    """A ramp is the same ramp of 0 to 255 whatever its bits, grey and in colours; the note counts them."""
    counts = (RAMP * (2**n_bits - 1)).astype(np.uint16)
    path = tmp_path / f"ramp{suffix}"
    assert cv2.imwrite(str(path), counts if is_grey else np.dstack([counts, counts // 2, counts // 4]))
    picture = open_picture(path)
    blue = picture.rgb_u8[..., 2]
    assert np.abs(blue - np.floor(RAMP * 255)).max() <= 1
    if not is_grey:
        assert np.abs(picture.rgb_u8[..., 0] - np.floor(RAMP * 255) / 4).max() <= 1
    assert not picture.as_it_is
    assert "to 8-bit RGB" in picture.note
    assert (f"stretched, since {n_bits} of its 16 bits are in use" in picture.note) == (n_bits < 16)
    assert "black" not in picture.note


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_what_is_nearly_black_is_said(depth: type, tmp_path: Path) -> None:
    """One hot pixel uses all bits, and the rest stays dark; an 8-bit picture is still taken as it is."""
    counts = np.full((48, 64, 3), np.iinfo(depth).max // 100, depth)
    counts[0, 0] = np.iinfo(depth).max
    assert cv2.imwrite(str(tmp_path / "dark.png"), counts)
    picture = open_picture(tmp_path / "dark.png")
    assert "nearly black, its mean is under 8 of 255" in picture.note
    assert picture.as_it_is == (depth is np.uint8)
    assert picture.rgb_u8[1, 1].tolist() == [2, 2, 2]
