"""Run lengths, against pycocotools' own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from synth.dataset.rle import decode_rle, encode_rle
from synth.errors import DatasetError

masks = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda shape: arrays(np.bool_, shape))


@given(masks)
def test_run_lengths_are_pycocotools_own(mask: np.ndarray) -> None:
    """pycocotools decodes our run lengths to the mask they were made from, and so do we."""
    rle = encode_rle(mask)
    packed = coco_mask.frPyObjects(rle, *mask.shape)
    assert np.array_equal(coco_mask.decode(packed).astype(bool), mask)
    assert np.array_equal(decode_rle(rle["counts"], mask.shape), mask)


@given(masks)
def test_packed_run_lengths_are_read(mask: np.ndarray) -> None:
    """What pycocotools packs into a string comes back."""
    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert np.array_equal(decode_rle(packed["counts"].decode(), mask.shape), mask)


def test_a_large_mask_comes_back() -> None:
    """Runs that take several characters, with differences below 0, too."""
    mask = np.zeros((700, 900), bool)
    mask[100:650, 30:40] = mask[5:7, 300:800] = mask[699, 899] = True
    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert np.array_equal(decode_rle(packed["counts"].decode(), mask.shape), mask)


@pytest.mark.parametrize(
    "counts", [[3], [5, 5], [-1, 5], [10**30], "", "é", "o", "oooooooooooooooooo0"], ids=str
)
def test_other_run_lengths_are_refused(counts: list[int] | str) -> None:
    """Too few, too many or negative pixels, and strings that are none of COCO's."""
    with pytest.raises(DatasetError, match="run lengths"):
        decode_rle(counts, (2, 2))
