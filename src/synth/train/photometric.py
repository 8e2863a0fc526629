"""Photometric randomisation: hue, saturation and brightness of whole pictures by chance, for every task.

The change and its widths are Ultralytics' own (RandomHSV): at strength 1 up to 1.5 % of the hue circle, 70 %
of saturation and 40 % of brightness either way, and in proportion below.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from synth.train.ultralytics_parts import ultralytics

_WIDTHS = ("hsv_h", "hsv_s", "hsv_v")


def list_widths(strength: float) -> dict[str, float]:
    """Ultralytics' settings of its change, by their names there."""
    usual = vars(ultralytics("utils").DEFAULT_CFG)
    return {name: usual[name] * strength for name in _WIDTHS}


def vary_colours(rgb_u8: NDArray[np.uint8], strength: float, seed: int) -> NDArray[np.uint8]:
    """Pictures [N,H,W,3], each changed by itself; the same ones for the same seed, and as they are at 0."""
    if not strength:
        return rgb_u8
    change = ultralytics("data.augment").RandomHSV(*list_widths(strength).values())
    with seeded(seed):
        changed = [change({"img": np.ascontiguousarray(picture[..., ::-1])})["img"] for picture in rgb_u8]
    return np.stack(changed)[..., ::-1].copy()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Ultralytics draws from the global generators: seed them, and put them back."""
    python, numpy = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
