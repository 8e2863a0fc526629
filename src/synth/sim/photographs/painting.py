"""What parts hid, painted in from the same picture: its texture, in light that no part takes away.

A picture is its texture times smooth brightness. Brightness comes from where no part shades; texture from the
picture itself, a tile at a time, each copied from where it goes on best with what is there already (Efros and
Freeman, Image Quilting, 2001; with a soft seam). Unlabelled things, known by another hue than what lies
around, stay. They are copied nowhere, nor is what differs a little in hue, such as a stripe or the border of
a cloth, where there is anything else.
"""

from itertools import product

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb
from synth.geometry.boxes import Mask
from synth.sim.colour import Linear, linear_of_u8, u8_of_linear

_GRAIN_PX = 8.0
_LEAST_REACH_PX = 16.0
_OTHER_HUE, _SAME_HUE = 0.12, 0.03
_HUE_PX, _LEAST_OTHER_PX, _OTHER_RIM_PX = 2.0, 9, 3
_ENOUGH = 0.1
_TILES_PX = 40, 20, 10
_SEAMS = 4
"""A tile is so many seams wide."""
_N_TRIED, _NEAR_TILES = 60, 4.0

Corner = tuple[int, int]


def paint_in(rgb_u8: Rgb, hole: Mask) -> Rgb:
    """The picture [H,W,3] with a hole [H,W] filled; the same for an equal one.

    Soft shadows reach about as far from a part as its middle lies from its edge: so far around the hole light
    is evened, and farther away every pixel stays.
    """
    light = linear_of_u8(rgb_u8)
    reach_px = float(np.clip(_distance_px(hole).max(), _LEAST_REACH_PX, max(hole.shape) / 4))
    distance_px = _distance_px(~hole)
    unshaded = distance_px >= min(reach_px, distance_px.max())
    around = _hue(_spread(light, unshaded, 2 * reach_px))
    strangeness = np.abs(_hue(_blur(light, _HUE_PX)) - around).max(axis=-1)
    other = _find_others((strangeness > _OTHER_HUE) & ~hole) & ~hole
    local, unshaded_light = (
        _spread(light, where & ~other, sigma_px)
        for where, sigma_px in ((~hole, _GRAIN_PX), (unshaded, reach_px / 2))
    )
    texture = _quilt(light / local, hole, other, strangeness > _SAME_HUE)
    share = np.clip(1 - distance_px / reach_px, 0, 1)[..., None]
    painted = u8_of_linear(texture * (share * unshaded_light + (1 - share) * local))
    return np.where((share > 0) & ~other[..., None], painted, rgb_u8)


def _find_others(differs: Mask) -> Mask:
    """[H,W] things of another hue, with a rim; none as thin as the edge of what is in a hole."""
    core = cv2.erode(differs.astype(np.uint8), np.ones((_LEAST_OTHER_PX,) * 2, np.uint8))
    with_rim = np.ones((_LEAST_OTHER_PX + 2 * _OTHER_RIM_PX,) * 2, np.uint8)
    return np.asarray(cv2.dilate(core, with_rim) > 0)


def _hue(light: Linear) -> Linear:
    return np.asarray(light / np.maximum(light.sum(axis=-1, keepdims=True), 1e-3), np.float32)


def _spread(light: Linear, where: Mask, sigma_px: float) -> Linear:
    """[H,W,3] smooth brightness of some pixels alone; from farther away where few of them are near."""
    weighted = np.dstack([light * where[..., None], where.astype(np.float32)])
    left, smooth = np.ones_like(where), np.empty_like(light)
    smooth[:] = light[where if where.any() else left].mean(axis=0)
    while left.any() and sigma_px < 2 * max(where.shape):
        blurred = _blur(weighted, sigma_px)
        enough = left & (blurred[..., 3] > _ENOUGH)
        smooth[enough] = blurred[enough, :3] / blurred[enough, 3:]
        left &= ~enough
        sigma_px *= 1.5
    return np.maximum(smooth, 1e-4)


def _blur(image: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """A wide blur, as that of a smaller picture."""
    height, width = image.shape[:2]
    step = max(sigma_px / 3, 1.0)
    small = cv2.resize(image, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma_px / step)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _quilt(texture: Linear, hole: Mask, other: Mask, strange: Mask) -> Linear:
    """The texture with its hole filled, tile by tile, those first of which most is known."""
    texture, known, rng = texture.copy(), ~hole, np.random.default_rng(0)
    for side, bad in product(_TILES_PX, (hole | other | strange, hole | other)):
        clean = _find_clean(bad, side)
        if clean.any():
            break
    else:
        texture[hole] = 1
        return texture
    tiles = _list_tiles(hole, side)
    while tiles:
        corner = tiles.pop(int(np.argmax([np.count_nonzero(known[_window(tile, side)]) for tile in tiles])))
        window = _window(corner, side)
        there = texture[window]
        source = _choose_source(texture, clean, corner, known[window] & ~other[window], rng)
        alpha = np.clip(1 - _SEAMS / side * _distance_px(known[window]), 0, 1) * ~other[window]
        texture[window] = there + alpha[..., None] * (texture[_window(source, side)] - there)
        known[window] = True
    return texture


def _choose_source(
    texture: Linear, clean: Mask, corner: Corner, known: Mask, rng: np.random.Generator
) -> Corner:
    """The corner of the clean tile, among some that are near, that is most like what is known of a tile.

    What differs is counted against the tile's own contrast, which is least where both have as much: else the
    dullest tile would be most like any.
    """
    side = len(known)
    tried = np.rint(rng.normal(corner, _NEAR_TILES * side, (_N_TRIED, 2))).astype(int)
    tried = np.clip(tried, 0, np.array(clean.shape) - 1)
    tried = tried[clean[tuple(tried.T)]]
    if not len(tried):
        every = np.argwhere(clean)
        tried = every[rng.integers(len(every), size=_N_TRIED)]
    green = texture[..., 1]
    tiles = sliding_window_view(green, (side, side))[tuple(tried.T)]
    unlike = (known * (tiles - green[_window(corner, side)]) ** 2).sum(axis=(1, 2))
    unlike /= tiles.std(axis=(1, 2)) + 1e-3
    y, x = tried[int(np.argmin(unlike))]
    return int(y), int(x)


def _find_clean(bad: Mask, side: int) -> Mask:
    """[H-side+1,W-side+1] corners of tiles without any bad pixel."""
    height, width = bad.shape
    if side > min(height, width):
        return np.zeros((0, 0), bool)
    n = cv2.integral(bad.astype(np.uint8))
    return np.asarray(n[side:, side:] - n[:-side, side:] - n[side:, :-side] + n[:-side, :-side] == 0)


def _list_tiles(hole: Mask, side: int) -> list[Corner]:
    """Corners of tiles that cover the hole, each a seam over its neighbours."""
    height, width = hole.shape
    step = side - side // _SEAMS
    corners = dict.fromkeys(
        (min(y, height - side), min(x, width - side))
        for y in range(0, height, step)
        for x in range(0, width, step)
    )
    return [corner for corner in corners if hole[_window(corner, side)].any()]


def _window(corner: Corner, side: int) -> tuple[slice, slice]:
    return slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)


def _distance_px(where: Mask) -> NDArray[np.float32]:
    """[H,W] from each of these pixels to the nearest other one; 0 of others."""
    return np.asarray(cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
