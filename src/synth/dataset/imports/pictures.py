"""A picture file of somebody else's: what it shows, and whether it can be taken over as it is."""

from dataclasses import dataclass
from os.path import realpath
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synth.dataset.codecs import MAX_PIXELS
from synth.errors import DatasetError

_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_UPRIGHT = (None, 0, 1)
_LYING = (5, 6, 7, 8)
_EXIF_ORIENTATION = 0x0112
_DARK_MEAN = 8


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    rgb_u8: [H,W,3]. as_it_is: whether the file itself holds just this, as 8-bit RGB in a PNG or JPEG. note:
    what was changed where it does not, and whether it is nearly black; empty otherwise.
    """

    path: Path
    rgb_u8: NDArray[np.uint8]
    as_it_is: bool
    note: str = ""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.rgb_u8.shape[1], self.rgb_u8.shape[0]


def inside_folder(folder: Path, name: str) -> Path:
    """The path of a file that a data file names, which must stay in ``folder``; raises DatasetError."""
    try:
        # Path.resolve would fail at a link to itself.
        path = Path(realpath(folder / name))
        if not path.is_relative_to(realpath(folder)):
            raise DatasetError(f"{name} leads out of {folder}: copy it into that folder")
        if not path.is_file():
            raise DatasetError(f"{folder / name} is missing")
    except (OSError, ValueError) as error:  # A name that no file can have.
        raise DatasetError(f"{name!r:.80} is no file name: {error}") from error
    return path


def read_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels of an upright picture, by its header; None where that cannot be read."""
    try:
        with Image.open(path) as header:
            is_lying = header.getexif().get(_EXIF_ORIENTATION) in _LYING
            return header.size[::-1] if is_lying else header.size
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError):
        return None


def open_picture(path: Path) -> Picture:
    """Decode a picture, upright, as 8-bit RGB; grey, 16-bit and other kinds are converted and say so.

    Of 16 bits those are kept that are in use: cameras put 10, 12 or 14 there, which else would look black.
    Raises DatasetError for what is no whole picture.
    """
    try:
        with Image.open(path) as header:
            kind, mode, size = header.format, header.mode, header.size
            turned = header.getexif().get(_EXIF_ORIENTATION) not in _UPRIGHT
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path.name} is not a picture that can be read") from error
    if size[0] * size[1] > MAX_PIXELS:
        raise DatasetError(
            f"{path.name} has {size[0]}×{size[1]} pixels, more than {MAX_PIXELS // 10**6} million"
        )
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_IGNORE_ORIENTATION if not turned else 0)
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        bgr = cv2.imdecode(content, flags)
        if bgr is not None and bgr.dtype not in (np.uint8, np.uint16):
            bgr = cv2.imdecode(content, flags & ~cv2.IMREAD_ANYDEPTH)
        _refuse_torn(path)
    except (cv2.error, OSError, SyntaxError, ValueError, ImportError) as error:
        raise DatasetError(f"{path.name} is damaged: {str(error) or 'it cannot be decoded'}") from error
    if bgr is None:
        raise DatasetError(f"{path.name} is not a picture that can be read")
    changes = []
    if turned:
        changes.append("turned upright as its EXIF says")
    is_deep = bgr.dtype == np.uint16
    if mode != "RGB" or is_deep:
        changes.append(f"from {'16-bit RGB' if mode == 'RGB' else mode} to 8-bit RGB")
    if is_deep:
        bgr, n_bits = _stretch(np.asarray(bgr, dtype=np.uint16))
        if n_bits < 16:
            changes[-1] += f", stretched, since {n_bits} of its 16 bits are in use"
    if _KINDS.get(path.suffix.lower()) != kind:
        changes.append(f"a {kind} file, written as PNG")
    rgb_u8 = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    is_dark = max(cv2.mean(rgb_u8)) < _DARK_MEAN
    remarks = [*changes, *([f"nearly black, its mean is under {_DARK_MEAN} of 255"] if is_dark else [])]
    return Picture(path, rgb_u8, not changes, ", ".join(remarks))


def _stretch(counts: NDArray[np.uint16]) -> tuple[NDArray[np.uint8], int]:
    """The upper 8 of the bits in use, and how many those are: 8, 10, 12, 14 or 16."""
    n_bits = int(counts.max()).bit_length()
    n_bits = max(8, n_bits + n_bits % 2)
    return (counts >> (n_bits - 8)).astype(np.uint8), n_bits


def _refuse_torn(path: Path) -> None:
    """Pillow refuses a file that ends early, which OpenCV fills with grey."""
    with Image.open(path) as whole:
        whole.load()
