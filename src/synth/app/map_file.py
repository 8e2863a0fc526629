"""A label map from a file that somebody chose in the browser."""

import io
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image, UnidentifiedImageError

from synth.dataset.label_maps import Ids, find_void
from synth.errors import InputError

MOST_SIDE_PX = 4096
"""Of a map that is drawn, and, squared, the most pixels of one that is begun with."""

_MOST = f"{MOST_SIDE_PX}×{MOST_SIDE_PX}"


def read_map_file(content: bytes, classes: Sequence[str], colours: Sequence[tuple[int, int, int]]) -> Ids:
    """[H,W] ids of a PNG: of one channel the ids themselves, of three the colours of the classes.

    One with a palette is read by its colours where all that it uses are classes', and by its ids otherwise.
    The id of no class is taken as such, and so are transparent pixels. Raises InputError for anything else.
    """
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(content), formats=["PNG"]) as image,
        ):
            if image.width * image.height > MOST_SIDE_PX**2:
                raise InputError(f"the file has {image.width}×{image.height} pixels: {_MOST} are the most")
            is_coloured = image.mode in ("RGB", "RGBA") or _has_palette_of(image, colours)
            values = np.asarray(image.convert("RGBA") if is_coloured else image)
    except Image.DecompressionBombError as error:
        raise InputError(f"the file has more pixels than {_MOST}, the most: take a smaller map") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError("the file is no PNG that can be read: take a label map as PNG") from error
    void = find_void(classes)
    if is_coloured:
        return _by_colours(values, colours, void)
    if values.ndim != 2 or values.dtype.kind not in "iu":
        raise InputError("the file has neither ids in one channel nor colours in three: take a label map")
    unknown = values[(values >= len(classes)) & (values != void)]
    if len(unknown):
        raise InputError(
            f"the file has the id {unknown[0]}, and there are {len(classes)} classes, from 0 on, and {void} "
            "for none"
        )
    return values.astype(np.uint16)


def _has_palette_of(image: Image.Image, colours: Sequence[tuple[int, int, int]]) -> bool:
    if image.mode != "P" or image.palette is None:
        return False
    used = image.convert("RGB").getcolors(maxcolors=2**8)
    return used is not None and {colour for _, colour in used} <= {*colours}


def _by_colours(rgba_u8: np.ndarray, colours: Sequence[tuple[int, int, int]], void: int) -> Ids:
    packed = rgba_u8[..., :3].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, places = np.unique(packed, return_inverse=True)
    known = {(r << 16) + (g << 8) + b: i for i, (r, g, b) in reversed(list(enumerate(colours)))}
    seen = np.bincount(places.ravel(), (rgba_u8[..., 3] > 0).ravel(), len(found)) > 0
    for value in found[seen]:
        if int(value) not in known:
            colour = tuple(int(value) >> shift & 255 for shift in (16, 8, 0))
            raise InputError(
                f"the file has the colour {colour}, which is no class's: take a map in their colours"
            )
    ids = np.array([known.get(int(value), void) for value in found], np.uint16)[places].reshape(packed.shape)
    ids[rgba_u8[..., 3] == 0] = void
    return ids
