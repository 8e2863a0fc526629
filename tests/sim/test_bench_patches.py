"""Patches of bench, on a bench whose grain is coarse, as a colour mosaic's is."""

import cv2
import numpy as np
import pytest

from synth.sim.bench_patches import BenchPatches
from synth.sim.colour import linear_of_u8, u8_of_linear

SIZE_WH = (160, 120)


def shoot(rng: np.random.Generator) -> np.ndarray:
    """A plate [H,W,3], brighter to the right."""
    grain = cv2.GaussianBlur(rng.normal(0, 2.0, (*SIZE_WH[::-1], 3)), (0, 0), 0.9)
    return np.round(np.linspace(130, 150, SIZE_WH[0])[:, None] + grain).astype(np.uint8)


def uneven(rgb_u8: np.ndarray) -> np.ndarray:
    """[H,W] squares of what changes from pixel to pixel."""
    light = rgb_u8.astype(np.float32)
    return ((light - cv2.GaussianBlur(light, (0, 0), 0.5)) ** 2).mean(axis=-1)


@pytest.mark.parametrize("sigma_px", [0.5, 1.5])
def test_a_patch_is_as_grainy_as_bench(sigma_px: float) -> None:
    """Fine grain differs by less than a tenth between patches and the plate that they lie on, though a copy
    is rounded twice, and an edge mixes two grains.
    """
    rng = np.random.default_rng(0)
    plates = [shoot(rng) for _ in range(3)]
    light = [linear_of_u8(plate) for plate in plates]
    patches = BenchPatches(np.median(np.stack(light), axis=0).astype(np.float32))
    disc = cv2.circle(np.zeros((44, 44), np.uint8), (22, 22), 18, 1, -1) > 0
    before, after, n = 0.0, 0.0, 0
    for _ in range(12):
        picture = light[0].copy()
        laid = patches.lay(
            picture, list(enumerate(light))[1:], [disc], sigma_px, rng, at_most=3, blend="soft"
        )
        covered = np.any(picture != light[0], axis=-1)
        before += float(uneven(plates[0])[covered].sum())
        after += float(uneven(u8_of_linear(picture))[covered].sum())
        n += len(laid)
    assert n > 8
    assert 0.9 < after / before < 1.1
