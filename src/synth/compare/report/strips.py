"""The report's photographs: crops with normals drawn, pictures with boxes drawn, side by side."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.compare.report.content import Picture, encode_png

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float64]

TRUE_RGB, FOUND_RGB = (20, 200, 60), (255, 40, 200)
TILE_PX = 224
_WIDE_PX = 300
_ARROW = 0.42
_GAP_PX = 4
_A_ROW = 6


def draw_normal(crop_u8: Rgb, caption: str, *normals: tuple[Sequence[float], tuple[int, int, int]]) -> Rgb:
    """A crop [S,S,3] with unit normals (u, v, w) as arrows (u, v) from its middle, u right and v up."""
    tile = cv2.resize(crop_u8, (TILE_PX, TILE_PX), interpolation=cv2.INTER_CUBIC)
    middle = TILE_PX // 2
    for (u, v, _w), rgb in normals:
        tip = round(middle + TILE_PX * _ARROW * u), round(middle - TILE_PX * _ARROW * v)
        cv2.arrowedLine(tile, (middle, middle), tip, rgb, 2, cv2.LINE_AA, tipLength=0.15)
    return _write(np.asarray(tile, dtype=np.uint8), caption)


def draw_basis(crop_u8: Rgb) -> Rgb:
    """A crop with the bases that labels are given in: X and Y of the image, u, v and w of the normal "
    "(Figure 5)."""
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
        _letter(tile, letter, (end[0] + 8, end[1] + 6), rgb)
    cv2.circle(tile, (middle, middle), 9, (90, 160, 255), 2, cv2.LINE_AA)
    cv2.circle(tile, (middle, middle), 3, (90, 160, 255), -1, cv2.LINE_AA)
    _letter(tile, "w (towards the camera)", (middle + 12, middle + 24), (90, 160, 255))
    return np.asarray(tile, dtype=np.uint8)


def draw_boxes(rgb_u8: Rgb, caption: str, true: Floats, found: Floats) -> Rgb:
    """A picture with true boxes [M,4] and found ones [D,5], whose confidence is written, as a small tile."""
    h, w = rgb_u8.shape[:2]
    scale = _WIDE_PX / w
    tile = cv2.resize(rgb_u8, (_WIDE_PX, round(h * scale)), interpolation=cv2.INTER_AREA)
    for box, rgb in [(b, TRUE_RGB) for b in true] + [(b, FOUND_RGB) for b in found]:
        x0, y0, x1, y1 = (round(float(v) * scale) for v in box[:4])
        cv2.rectangle(tile, (x0, y0), (x1, y1), rgb, 1, cv2.LINE_AA)
        if len(box) > 4:
            _letter(tile, f"{box[4]:.2f}", (x0 + 2, max(10, y0 - 3)), rgb, size=0.35)
    return _write(np.asarray(tile, dtype=np.uint8), caption)


def label_tile(rgb_u8: Rgb, caption: str) -> Rgb:
    """A tile with its caption at the foot."""
    return _write(rgb_u8.copy(), caption)


def join(name: str, caption: str, tiles: Sequence[Rgb], a_row: int = _A_ROW) -> Picture:
    """Tiles in rows on white, as one picture; smaller ones are centred in their column's width."""
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
        (spare_h // 2, spare_h - spare_h // 2 + _GAP_PX),
        (spare_w // 2, spare_w - spare_w // 2 + _GAP_PX),
        (0, 0),
    )
    return np.pad(tile, space, constant_values=255)


def _write(tile: Rgb, caption: str) -> Rgb:
    place = (6, tile.shape[0] - 8)
    cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def _letter(
    tile: NDArray[Any], text: str, place: tuple[int, int], rgb: tuple[int, int, int], size: float = 0.6
) -> None:
    cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, rgb, 1, cv2.LINE_AA)
