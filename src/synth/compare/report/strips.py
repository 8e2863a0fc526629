"""The report's photographs, side by side."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.compare.report.content import Picture
from synth.train.drawing import TILE_PX, TRUE_RGB, encode_png, write_caption, write_letters

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float64]

_GAP_PX = 4
_A_ROW = 6


def draw_basis(crop_u8: Rgb) -> Rgb:
    """A crop with its labels' bases: X, Y of the image, u, v, w of the normal (Figure 5 of the paper)."""
    tile = cv2.resize(crop_u8, (2 * TILE_PX, 2 * TILE_PX), interpolation=cv2.INTER_CUBIC)
    middle, corner, length = TILE_PX, 14, 110
    axes = (
        ((corner, corner), (corner + length, corner), "X", (255, 255, 255)),
        ((corner, corner), (corner, corner + length), "Y", (255, 255, 255)),
        ((middle, middle), (middle + length, middle), "u", (230, 60, 60)),
        ((middle, middle), (middle, middle - length), "v", TRUE_RGB),
    )
    for start, end, letter, rgb in axes:
        cv2.arrowedLine(tile, start, end, rgb, 2, cv2.LINE_AA, tipLength=0.1)
        write_letters(tile, letter, (end[0] + 8, end[1] + 6), rgb)
    cv2.circle(tile, (middle, middle), 9, (90, 160, 255), 2, cv2.LINE_AA)
    cv2.circle(tile, (middle, middle), 3, (90, 160, 255), -1, cv2.LINE_AA)
    write_letters(tile, "w, towards the camera", (middle - 110, middle + 32), (90, 160, 255))
    return np.asarray(tile, dtype=np.uint8)


def label_tile(rgb_u8: Rgb, caption: str) -> Rgb:
    """A tile with its caption at the foot."""
    return write_caption(rgb_u8.copy(), caption)


def join(name: str, caption: str, tiles: Sequence[Rgb], a_row: int = _A_ROW) -> Picture:
    """Tiles in rows on white, as one picture; smaller ones stand at the top, amid their column."""
    width, height = max(t.shape[1] for t in tiles), max(t.shape[0] for t in tiles)
    rows = []
    for i in range(0, len(tiles), a_row):
        part = [_pad(t, width, height) for t in tiles[i : i + a_row]]
        part += [np.full_like(part[0], 255)] * (min(a_row, len(tiles)) - len(part))
        rows.append(np.hstack(part))
    return Picture(name, caption, encode_png(np.vstack(rows)))


def _pad(tile: Rgb, width: int, height: int) -> Rgb:
    spare_w, spare_h = width - tile.shape[1], height - tile.shape[0]
    space = (
        (0, spare_h + _GAP_PX),
        (spare_w // 2, spare_w - spare_w // 2 + _GAP_PX),
        (0, 0),
    )
    return np.pad(tile, space, constant_values=255)
