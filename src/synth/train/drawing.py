"""What networks say, drawn into pictures."""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.errors import InputError

Rgb = NDArray[np.uint8]
Colour = tuple[int, int, int]

TRUE_RGB: Colour = (20, 200, 60)
FOUND_RGB: Colour = (255, 40, 200)
CLASS_RGB: tuple[Colour, ...] = (
    (255, 40, 200),
    (40, 150, 255),
    (255, 140, 0),
    (20, 200, 60),
    (255, 230, 40),
    (0, 220, 220),
    (240, 50, 50),
    (160, 90, 255),
    (170, 230, 90),
    (255, 170, 170),
    (140, 255, 200),
)
"""Of classes, told apart on most pictures."""

TILE_PX = 224
_ARROW = 0.42


def draw_normal(crop_u8: Rgb, caption: str, *normals: tuple[Sequence[float], Colour]) -> Rgb:
    """A crop [S,S,3] with unit normals (u, v, w) as arrows (u, v) from its middle, u right and v up."""
    tile = cv2.resize(crop_u8, (TILE_PX, TILE_PX), interpolation=cv2.INTER_CUBIC)
    middle = TILE_PX // 2
    for (u, v, _w), rgb in normals:
        tip = round(middle + TILE_PX * _ARROW * u), round(middle - TILE_PX * _ARROW * v)
        cv2.arrowedLine(tile, (middle, middle), tip, rgb, 2, cv2.LINE_AA, tipLength=0.15)
    return write_caption(np.asarray(tile, dtype=np.uint8), caption)


def draw_boxes(
    rgb_u8: Rgb,
    caption: str,
    true: Sequence[Sequence[float | str]],
    found: Sequence[Sequence[float | str]],
    width_px: int | None = None,
    colours: Mapping[str, Colour] | None = None,
) -> Rgb:
    """A picture with true boxes and found ones, xyxy pixels, and what follows in a row written beside it: a
    found one's confidence, a class's name. The surest is drawn last, on top of others.

    width_px: of the result; as wide as the picture for None. colours: of found ones by class; one for all for
    None.
    """
    h, w = rgb_u8.shape[:2]
    scale = 1.0 if width_px is None else width_px / w
    tile = cv2.resize(rgb_u8, (round(w * scale), round(h * scale)), interpolation=cv2.INTER_AREA)
    thick = max(1, round(tile.shape[1] / 500))
    surest_last = sorted(found, key=lambda b: b[4] if len(b) > 4 and not isinstance(b[4], str) else 0.0)
    for box, rgb in [*((b, TRUE_RGB) for b in true), *((b, FOUND_RGB) for b in surest_last)]:
        x0, y0, x1, y1 = (round(float(v) * scale) for v in box[:4])
        name = box[-1] if isinstance(box[-1], str) else ""
        rgb = (colours or {}).get(name, rgb)
        cv2.rectangle(tile, (x0, y0), (x1, y1), rgb, thick, cv2.LINE_AA)
        words = " ".join((name, *(f"{v:.2f}" for v in box[4:5] if not isinstance(v, str)))).strip()
        if words:
            # A found one's stand above it, true ones' below, so that both can be read.
            y = max(10, y0 - 3) if len(box) - bool(name) > 4 else min(tile.shape[0] - 3, y1 + 4 + 8 * thick)
            write_letters(tile, words, (x0 + 2, y), rgb, size=0.35 * thick)
    return write_caption(np.asarray(tile, dtype=np.uint8), caption)


def choose_colours(names: Sequence[str]) -> dict[str, Colour]:
    """A colour a class: as a rule the same for a name in every picture, and another for every name in one.

    There are as many as CLASS_RGB has; with more classes than that in a picture some share one.
    """
    chosen: dict[str, int] = {}
    for name in sorted(names):
        place = zlib.crc32(name.encode()) % len(CLASS_RGB)
        free = [p % len(CLASS_RGB) for p in range(place, place + len(CLASS_RGB))]
        chosen[name] = next((p for p in free if p not in chosen.values()), place)
    return {name: CLASS_RGB[place] for name, place in chosen.items()}


def list_places(pictures: Sequence[Path], out: Path, suffix: str = ".png") -> list[Path]:
    """Where each picture is drawn, or each film: a file of its name in a folder.

    Raises InputError where two would lie in one place, or one over a picture that was given.
    """
    places = [out / f"{path.stem}{suffix}" for path in pictures]
    given = {path.resolve(): path for path in pictures}
    first: dict[Path, Path] = {}
    for path, place in zip(pictures, places, strict=True):
        if place.resolve() in given:
            raise InputError(
                f"{given[place.resolve()]} would be drawn over: choose another folder with --out"
            )
        if place in first:
            raise InputError(
                f"{first[place]} and {path} would both be drawn as {place}: predict them into two folders "
                "with --out"
            )
        first[place] = path
    return places


def encode_png(rgb_u8: Rgb) -> bytes:
    """[H,W,3] as PNG."""
    return cv2.imencode(".png", rgb_u8[..., ::-1])[1].tobytes()


def write_caption(tile: Rgb, caption: str) -> Rgb:
    """A caption at the foot of a tile, in place."""
    place = (6, tile.shape[0] - 8)
    cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def write_letters(
    tile: NDArray[Any], text: str, place: tuple[int, int], rgb: Colour, size: float = 0.6
) -> None:
    """Letters with a dark rim, in place."""
    cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, rgb, 1, cv2.LINE_AA)
