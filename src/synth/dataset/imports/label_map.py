"""One label map of somebody else's: a PNG of ids or colours, value for value."""

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synth.dataset.codecs import MAX_PIXELS
from synth.dataset.imports.intake import Misfit
from synth.dataset.palettes.palette import SHARED, UNKNOWN, VOID, VOID_8_BITS, Palette, Places, call

Values = NDArray[np.uint8] | NDArray[np.uint16]

_GREY, _RGB, _INDEXED, _RGBA = 0, 2, 3, 6
"""Colour types of a PNG's header."""

_MOST_ALIKE = 8
"""So many unknown colours are more than a class or two that the palette forgot."""

_WINDOW_PX, _SLACK, _SHARE_BETWEEN = 17, 24, 0.8
"""How wide the neighbourhood of a pixel is that was blended, how far a channel may lie outside of the known
colours there, and which share of the unknown pixels must lie between them.
"""


def read_values(path: Path, where: str, size_wh: tuple[int, int] | None) -> Values:
    """What stands in the file: ids [H,W] uint8 or uint16, or colours [H,W,3] uint8.

    Ids of an indexed PNG are its indices, whatever its palette. size_wh: of the picture that it labels, None
    for any. Raises Misfit for another kind of file or size.
    """
    try:
        content = path.read_bytes()
        with Image.open(BytesIO(content)) as image:
            if image.format == "JPEG":
                raise Misfit(
                    where,
                    "JPEG label map",
                    "is a JPEG, which changes values: take the map as it was before, as PNG",
                )
            if image.format != "PNG":
                raise Misfit(where, "no PNG", f"is a {image.format} file: write label maps as PNG")
            if image.width * image.height > MAX_PIXELS:
                raise Misfit(
                    where, "too large", f"has more than {MAX_PIXELS // 10**6} million pixels: cut it up"
                )
            if size_wh is not None and image.size != size_wh:
                shown = [f"{width}×{height}" for width, height in (image.size, size_wh)]
                raise Misfit(
                    where,
                    "another size",
                    f"is {shown[0]} and its image {shown[1]}: give the map of that image, or scale it with "
                    "nearest neighbour",
                )
            bits, kind = content[24], content[25]
            values: Values = _as_stored(np.asarray(image), bits, kind, where)
    except (OSError, ValueError, SyntaxError, IndexError, Image.DecompressionBombError) as error:
        raise Misfit(where, "unreadable", f"is no whole picture: {error}") from error
    return values


def _as_stored(array: NDArray[Any], bits: int, kind: int, where: str) -> Values:
    if kind == _INDEXED:
        return array.astype(np.uint8)
    if kind == _GREY and bits == 16:
        return array.astype(np.uint16)
    if kind == _GREY:  # Pillow spreads fewer bits over 0 to 255, and makes one bit a truth value.
        return (array.astype(np.uint8) // (255 // (2**bits - 1) if 1 < bits < 8 else 1)).astype(np.uint8)
    if kind in (_RGB, _RGBA) and bits == 8:
        if kind == _RGBA and (array[..., 3] != 255).any():
            raise Misfit(where, "transparent", "has transparent pixels: write it as RGB without alpha")
        return np.ascontiguousarray(array[..., :3], np.uint8)
    words = "grey with alpha" if kind not in (_RGB, _RGBA) else f"{bits} bits a colour"
    raise Misfit(where, "another kind of PNG", f"has {words}: write ids as grey or colours as 8-bit RGB")


def read_map(path: Path, where: str, palette: Palette, size_wh: tuple[int, int]) -> Values:
    """A label map [H,W] as the layer `semantic` has it: places in the palette's names, and void.

    size_wh: of its image. Raises Misfit as `read_values` does, and for a value that is neither class nor
    void, which is named with the nearest colour, or with the likely cause where many are unknown.
    """
    values = read_values(path, where, size_wh)
    if values.ndim == 3 and not palette.colours:
        raise Misfit(
            where, "colours", f"has colours, and {palette.called} none: give a palette that tells them"
        )
    places = (
        palette.places_of_ids(values)
        if values.ndim == 2
        else palette.places_of_colours(values.astype(np.uint8))
    )
    if ((places == UNKNOWN) | (places == SHARED)).any():
        raise _explain(values, places, palette, where)
    void = palette.semantic.void
    ids = np.where(places == VOID, void, places)
    return ids.astype(np.uint8) if void == VOID_8_BITS else ids.astype(np.uint16)


def contradicts_own_colours(path: Path, palette: Palette) -> bool:
    """Whether an indexed PNG draws most of its ids in other colours than the palette has for them.

    Greys apart: many programs write them, or any colours, there, so ids are taken all the same. False for
    other files and for those that cannot be read.
    """
    try:
        with Image.open(path) as image:
            own = image.getpalette("RGB") if image.mode == "P" else None
            ids = np.unique(np.asarray(image)).tolist() if own else []
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    pairs = [
        (row.colour, tuple((own or [])[3 * row.id : 3 * row.id + 3]))
        for row in palette.first.values()
        if row.colour is not None and row.name is not None and row.id in ids
    ]
    drawn = [(said, shown) for said, shown in pairs if len(set(shown)) > 1]
    return sum(said != shown for said, shown in drawn) > len(drawn) / 2


def _explain(values: Values, places: Places, palette: Palette, where: str) -> Misfit:
    """What is wrong with values that are no class."""
    y, x = np.argwhere((places == UNKNOWN) | (places == SHARED))[0].tolist()
    if values.ndim == 2:
        unknown = np.unique(values[places == UNKNOWN]).tolist()
        more = f" and {len(unknown) - 1} other ids" if len(unknown) > 1 else ""
        highest = max(row.id for row in palette.rows if row.name is not None)
        return Misfit(
            where,
            "unknown id",
            f"has id {unknown[-1]}{more} that {palette.called} does not have, whose classes end at "
            f"{highest}: give the palette of these maps, or --void where it is void",
        )
    r, g, b = values[y, x].tolist()
    if places[y, x] == SHARED:
        return Misfit(
            where,
            "shared colour",
            f"has colour {r} {g} {b}, which is that of {call(palette.colours[r, g, b])}: give maps of ids",
        )
    unknown = np.unique(values[places == UNKNOWN], axis=0)
    share = 100 * float((places == UNKNOWN).mean())
    if (values == values[..., :1]).all():
        return Misfit(
            where,
            "grey in three channels",
            f"is grey in three channels, {r} {g} {b} for one: if these are ids, write one channel",
        )
    if _is_interpolated(values.astype(np.uint8), places == UNKNOWN, len(unknown)):
        return Misfit(
            where,
            "interpolated colours",
            f"has {len(unknown)} colours between those of {palette.called} ({share:.3g} % of its pixels): it "
            "was scaled or drawn with smooth edges; take the map as it was before, or scale with nearest "
            "neighbour",
        )
    name, colour, away = palette.nearest((r, g, b))
    more = f", and {len(unknown) - 1} other colours" if len(unknown) > 1 else ""
    shown = " ".join(map(str, colour))
    cause = "; so many colours are those of a JPEG or a photograph" if len(unknown) > _MOST_ALIKE else ""
    return Misfit(
        where,
        "unknown colour",
        f"has colour {r} {g} {b} at x {x}, y {y}{more} ({share:.3g} % of its pixels), which "
        f"{palette.called} does not have: the nearest is {name}, {shown}, {away:.3g} away in RGB"
        f"{cause}",
    )


def _is_interpolated(rgb_u8: NDArray[np.uint8], unknown: NDArray[np.bool_], n_unknown: int) -> bool:
    """Whether many unknown colours lie between those of the palette that stand around them.

    rgb_u8: [H,W,3]. unknown: where [H,W] the palette does not have the colour. n_unknown: how many colours.
    """
    if n_unknown <= _MOST_ALIKE or unknown.all():
        return False
    window = np.ones((_WINDOW_PX, _WINDOW_PX), np.uint8)
    low = cv2.erode(np.where(unknown[..., None], 255, rgb_u8).astype(np.uint8), window)
    high = cv2.dilate(np.where(unknown[..., None], 0, rgb_u8).astype(np.uint8), window)
    colours, low, high = (each[unknown].astype(int) for each in (rgb_u8, low, high))  # [n,3]
    between = ((colours >= low - _SLACK) & (colours <= high + _SLACK) & (low <= high)).all(axis=1)
    return bool(between.mean() >= _SHARE_BETWEEN)
