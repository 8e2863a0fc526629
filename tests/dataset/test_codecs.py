"""PNG codecs: lossless, deterministic, RGB on the outside, clear about what they cannot read."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synth.dataset import codecs
from synth.errors import DatasetError

sides = st.integers(1, 24)


@settings(deadline=None)
@given(st.tuples(sides, sides, st.just(3)).flatmap(lambda shape: arrays(np.uint8, shape)))
def test_colour_survives(rgb_u8: np.ndarray) -> None:
    """Every pixel of every small image comes back, and the same pixels give the same bytes."""
    png = codecs.encode_rgb(rgb_u8)
    assert np.array_equal(codecs.decode_rgb(png, "x"), rgb_u8)
    assert codecs.encode_rgb(rgb_u8.copy()) == png


@settings(deadline=None)
@given(st.tuples(sides, sides).flatmap(lambda shape: arrays(np.uint16, shape)))
def test_counts_survive(counts: np.ndarray) -> None:
    """Depth counts and masks come back exactly."""
    assert np.array_equal(codecs.decode_u16(codecs.encode_depth(counts), "x"), counts)
    assert np.array_equal(codecs.decode_u16(codecs.encode_mask(counts), "x"), counts)


def test_files_hold_rgb() -> None:
    """Another reader sees red where we wrote red."""
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    bgr = cv2.imdecode(np.frombuffer(codecs.encode_rgb(red), np.uint8), cv2.IMREAD_COLOR)
    assert bgr[0, 0].tolist() == [0, 0, 255]


def test_pixel_hash_sees_shape_and_type() -> None:
    """The same bytes in another shape or type are other pixels; a view of the same pixels is the same."""
    a = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert codecs.pixels_sha256(a) == codecs.pixels_sha256(np.asfortranarray(a))
    assert codecs.pixels_sha256(a) != codecs.pixels_sha256(a.reshape(4, 2, 3))
    assert codecs.pixels_sha256(a) != codecs.pixels_sha256(a.reshape(2, 12).view(np.uint16))


def test_depth_scale_gives_metres() -> None:
    """Counts times scale are metres, and missing stays 0."""
    counts = np.array([[0, 4000]], np.uint16)
    assert codecs.to_depth_m(counts, 0.00025).tolist() == [[0.0, 1.0]]
    assert codecs.to_depth_m(counts, 0.00025).dtype == np.float32


@pytest.mark.parametrize("content", [b"", b"not a png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_unreadable_files_are_named(content: bytes) -> None:
    """What is no PNG is a DatasetError with the file's name, never a cv2 error."""
    with pytest.raises(DatasetError, match=r"here\.png is not a readable PNG"):
        codecs.decode_rgb(content, "here.png")


def test_wrong_kinds_are_refused() -> None:
    """Grey where colour is due, colour where counts are due, floats where bytes are due."""
    grey = codecs.encode_mask(np.zeros((4, 4), np.uint16))
    with pytest.raises(DatasetError, match="not an 8-bit RGB"):
        codecs.decode_rgb(grey, "x")
    with pytest.raises(DatasetError, match="not a 16-bit grey"):
        codecs.decode_u16(codecs.encode_rgb(np.zeros((4, 4, 3), np.uint8)), "x")
    with pytest.raises(DatasetError, match=r"\[H,W,3\] uint8, got \[4, 4, 3\] float64"):
        codecs.encode_rgb(np.zeros((4, 4, 3)))
