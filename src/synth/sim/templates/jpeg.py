"""What a photograph's file did to its pixels, done to what is laid into it too."""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, JpegImagePlugin

from synth.dataset.codecs import Rgb


def pressed(rgb_u8: Rgb, like: Path) -> Rgb:
    """A picture [H,W,3] pressed with the tables of a JPEG file and unpacked; as it is for other files.

    The picture has that file's size, so that blocks lie where they lay.
    """
    how = _tables(like)
    if how is None:
        return rgb_u8
    tables, subsampling = how
    buffer = io.BytesIO()
    Image.fromarray(rgb_u8).save(
        buffer, "JPEG", qtables=[list(table) for table in tables], subsampling=subsampling
    )
    with Image.open(buffer) as again:
        return np.asarray(again.convert("RGB"))


@lru_cache(maxsize=1024)
def _tables(path: Path) -> tuple[tuple[tuple[int, ...], ...], int] | None:
    """Quantization tables, and how colour is subsampled as Pillow counts; None for what is no such JPEG."""
    with Image.open(path) as header:
        if not isinstance(header, JpegImagePlugin.JpegImageFile) or header.mode != "RGB":
            return None
        subsampling = JpegImagePlugin.get_sampling(header)
        tables = tuple(tuple(header.quantization[key]) for key in sorted(header.quantization))
    return None if subsampling < 0 else (tables, subsampling)
