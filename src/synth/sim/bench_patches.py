"""Patches of bare bench, cut in the shape of parts and laid as they are, so that an edge alone tells nothing
(TERSE, Tripathi et al., CVPR 2019, section 3.1 and figure 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError
from synth.geometry.boxes import Mask, square_box, tight_box
from synth.sim.blend import BLENDS, DEFAULT_BLEND, Coverage, lay_blended
from synth.sim.colour import Linear, linear_of_u8, u8_of_linear

T = TypeVar("T", bound=np.generic)
Corner = tuple[int, int]

MAX_TRIES = 60
_GRAIN_PX = 8.0
_CLUTTER_RATIO, _MAX_CLUTTER = 0.05, 0.002
_TEXTURED = 0.5
_BANDS_PX = 0.5, 1.0, 2.0, 4.0, 8.0
_FIT_ROUNDS, _MOST_GRAIN = 4, 4.0
_LEAST_COVERAGE = 0.02


@dataclass(frozen=True, eq=False)
class Patch:
    """A patch as it was laid. plate: number of the bench's. mask: [h,w], its pixels. corner_xy: of the mask's
    array in the picture. source_xy: of the same on the plate.
    """

    plate: int
    mask: Mask
    corner_xy: Corner
    source_xy: Corner


class BenchPatches:
    """Lays patches of plates. median: [H,W,3] linear light, of the bench as it mostly is."""

    def __init__(self, median: Linear) -> None:
        height, width = median.shape[:2]
        self._clutter, self._size_wh = _find_clutter(median), (width, height)

    def lay(
        self,
        picture: Linear,
        plates: Sequence[tuple[int, Linear]],
        masks: Sequence[Mask],
        edge_px: float,
        rng: np.random.Generator,
        *,
        at_most: int,
        blend: str,
    ) -> list[Patch]:
        """Lay up to so many patches of numbered plates in place, with an edge like the parts'; returns them.

        Each comes out of any of these plates, at the brightness of where it goes, in phase with a Bayer
        mosaic, and with a soft edge at the grain of where it goes, too. Nothing that lies on the bench is cut
        through or covered, for no photograph shows half a screw.
        """
        laid = []
        for _ in range(int(rng.integers(at_most + 1))):
            mask = np.rot90(masks[int(rng.integers(len(masks)))], int(rng.integers(4)))
            number, plate = plates[int(rng.integers(len(plates)))]
            if not fits(mask, self._size_wh):
                continue
            for _ in range(MAX_TRIES):
                corner = draw_corner(mask, self._size_wh, rng)
                source = _in_phase(draw_corner(mask, self._size_wh, rng), corner)
                if self._is_bare(mask, corner) and self._is_bare(mask, source):
                    break
            else:
                continue
            taken, covered = _cut_block(plate, mask, source), _cut_block(picture, mask, corner)
            alpha = BLENDS[blend](mask, edge_px)
            soft = blend == DEFAULT_BLEND
            light = _fit(taken, covered, alpha) if soft else taken * (_smooth(covered) / _smooth(taken))
            lay_blended(picture, light, alpha, mask, light, corner, blend)
            laid.append(Patch(number, mask, corner, source))
        return laid

    def _is_bare(self, mask: Mask, corner: Corner) -> bool:
        block = _cut_block(self._clutter, mask, corner)
        return block.shape == mask.shape and bool(block.mean() < _MAX_CLUTTER)


def draw_corner(mask: Mask, size_wh: tuple[int, int], rng: np.random.Generator) -> Corner:
    """Where a patch may begin so that the square around its mask lies inside the picture.

    Raises InputError for one that is larger.
    """
    low, high, side = _corners(mask, size_wh)
    if (low > high).any():
        raise InputError(
            f"a part of {side:.0f} px is larger than the picture: let parts shrink with --scale, 0.5-1 say"
        )
    x, y = rng.integers(low.astype(int), high.astype(int) + 1)
    return int(x), int(y)


def fits(mask: Mask, size_wh: tuple[int, int]) -> bool:
    """Whether the square around a mask has room in a picture."""
    low, high, _ = _corners(mask, size_wh)
    return bool((low <= high).all())


def _corners(mask: Mask, size_wh: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    box = tight_box(mask)
    assert box is not None
    square = square_box(box)
    return np.ceil(-square[:2]), np.floor(np.asarray(size_wh) - square[2:]), float(square[2] - square[0])


def _find_clutter(bench: Linear) -> Mask:
    """[H,W] where something lies on the bench or is drawn on it; nowhere on one that is textured all over,
    cloth or marble, of which that cannot be told.
    """
    log = np.log(cv2.GaussianBlur(bench, (0, 0), 1.5))
    uneven = np.abs(log - cv2.GaussianBlur(log, (0, 0), 20.0)).max(axis=-1) > _CLUTTER_RATIO
    return np.asarray(uneven & (uneven.mean() <= _TEXTURED))


def _in_phase(source: Corner, corner: Corner) -> Corner:
    """A source at most one pixel further, from which all moves by an even number of pixels."""
    return source[0] - (source[0] - corner[0]) % 2, source[1] - (source[1] - corner[1]) % 2


def _fit(taken: Linear, covered: Linear, alpha: Coverage) -> Linear:
    """A patch as bright as what it covers, and as grainy at every scale once it is laid with coverage alpha
    and rounded to counts.

    Rounding a copy once more adds fine grain, two grains weaken each other where an edge mixes them, and
    where scales of brightness and of grain meet, two halves that are strangers have less than one whole.
    """
    a, within = alpha[..., None], alpha > _LEAST_COVERAGE
    base, wanted = _smooth(covered), _powers(covered, within)
    grains = [base * band for band in _bands(taken / _smooth(taken))[:-1]]
    own = [((a * grain)[within] ** 2).mean(axis=0) + 1e-12 for grain in grains]
    shares = [np.ones(3, np.float32)] * len(grains)
    light = base
    for _ in range(_FIT_ROUNDS):
        light = np.maximum(base + sum(np.sqrt(s) * g for s, g in zip(shares, grains, strict=True)), 0)
        found = _powers(linear_of_u8(u8_of_linear(a * light + (1 - a) * covered)), within)
        lack = [(w - f) / power for w, f, power in zip(wanted, found, own, strict=True)]
        shares = [np.clip(s + more, 0, _MOST_GRAIN) for s, more in zip(shares, lack, strict=True)]
    return np.asarray(light, np.float32)


def _bands(light: Linear) -> list[Linear]:
    """What changes from scale to scale, finest first, and the rest; their sum is all."""
    levels = [light, *(cv2.GaussianBlur(light, (0, 0), sigma) for sigma in _BANDS_PX)]
    return [*(a - b for a, b in pairwise(levels)), levels[-1]]


def _powers(light: Linear, mask: Mask) -> list[Linear]:
    """[3] for each scale."""
    return [(band[mask] ** 2).mean(axis=0) for band in _bands(light)[:-1]]


def _smooth(light: Linear) -> Linear:
    return np.asarray(np.maximum(cv2.GaussianBlur(light, (0, 0), _GRAIN_PX), 1e-4), dtype=np.float32)


def _cut_block(image: NDArray[T], mask: Mask, corner: Corner) -> NDArray[T]:
    (x, y), (height, width) = corner, mask.shape
    return image[max(y, 0) : y + height, max(x, 0) : x + width]
