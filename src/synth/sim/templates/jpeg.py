"""What a photograph's file did to its pixels, done to what is laid into it too."""

import io
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin

from synth.dataset.codecs import Rgb
from synth.sim.colour import linear_of_u8, u8_of_linear
from synth.sim.sharpness import measure_edge_sigma

Tables = tuple[tuple[int, ...], ...]

_SIDE_PX, _FINE, _SIGMA_PX = 128, 4, 0.8
_GREY = 0.3
_COLOURS = ((0.55, 0.02, 0.03), (0.02, 0.06, 0.35), (0.8, 0.5, 0.02), (0.8, 0.8, 0.8), (0.02, 0.02, 0.02))


def pressed(rgb_u8: Rgb, like: Path) -> Rgb:
    """A picture [H,W,3] pressed with the tables of a JPEG file and unpacked; as it is for other files.

    The picture has that file's size, so that blocks lie where they lay.
    """
    how = _tables(like)
    return rgb_u8 if how is None else _press(rgb_u8, *how)


def find_spread(like: Path) -> float:
    """By how much the variance of an edge, pixels squared, grows when it is pressed; 0 for other files.

    Most of it is colour's, which a JPEG keeps at half the size.
    """
    how = _tables(like)
    return 0.0 if how is None else _measure_spread(*how)


def _press(rgb_u8: Rgb, tables: Tables, subsampling: int) -> Rgb:
    buffer = io.BytesIO()
    Image.fromarray(rgb_u8).save(
        buffer, "JPEG", qtables=[list(table) for table in tables], subsampling=subsampling
    )
    with Image.open(buffer) as again:
        return np.asarray(again.convert("RGB"))


@lru_cache(maxsize=64)
def _measure_spread(tables: Tables, subsampling: int) -> float:
    """On turned plates of several colours before grey, whose edges are known; the middle of all."""
    corners = np.array([[30, 20], [104, 34], [92, 106], [18, 92]]) * _FINE
    fine = np.zeros((_SIDE_PX * _FINE,) * 2, np.uint8)
    cv2.fillConvexPoly(fine, corners.astype(np.int32), 255)
    soft = cv2.GaussianBlur(fine / np.float32(255), (0, 0), _SIGMA_PX * _FINE)
    cover = cv2.resize(soft, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)[..., None]
    grown: list[float] = []
    for colour in _COLOURS:
        plain = u8_of_linear(cover * np.array(colour, np.float32) + (1 - cover) * np.float32(_GREY))
        after = measure_edge_sigma(linear_of_u8(_press(plain, tables, subsampling)), cover[..., 0] > 0.5)
        grown += [sigma**2 - _SIGMA_PX**2 for sigma in after]
    return max(float(np.median(grown)), 0.0) if grown else 0.0


@lru_cache(maxsize=1024)
def _tables(path: Path) -> tuple[Tables, int] | None:
    """Quantization tables, and how colour is subsampled as Pillow counts; None for what is no such JPEG."""
    with Image.open(path) as header:
        if not isinstance(header, JpegImagePlugin.JpegImageFile) or header.mode != "RGB":
            return None
        subsampling = JpegImagePlugin.get_sampling(header)
        tables = tuple(tuple(header.quantization[key]) for key in sorted(header.quantization))
    return None if subsampling < 0 else (tables, subsampling)
