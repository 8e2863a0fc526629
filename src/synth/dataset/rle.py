"""COCO's run lengths of masks: column by column, background first; plain numbers or packed in a string."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.errors import DatasetError
from synth.geometry.boxes import Mask


def encode_rle(mask: Mask) -> dict[str, Any]:
    """Plain run lengths of a mask [H,W]."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs}


def decode_rle(counts: Sequence[int] | str, shape_hw: tuple[int, int]) -> Mask:
    """The mask [H,W] of plain or packed run lengths; raises DatasetError where they are not of its size."""
    runs = _unpack(counts) if isinstance(counts, str) else counts
    if any(run < 0 for run in runs) or sum(runs) != shape_hw[0] * shape_hw[1]:
        raise DatasetError(f"its run lengths are not those of {shape_hw[1]}×{shape_hw[0]} pixels")
    flat: NDArray[np.bool_] = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(shape_hw, order="F")


def _unpack(text: str) -> list[int]:
    """pycocotools' string: five bits a character from 48 on, low ones first, bit 5 where more come, bit 4 of
    the last the sign; from the fourth run on, differences to the run two before.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            raise DatasetError("its run lengths are no packed string of COCO's")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (code & 16) and 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise DatasetError("its run lengths end in the middle of a number")
    return runs
