"""Pictures of somebody else's, sound and spoilt."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZE_WH = (64, 48)


def write_picture(path: Path, seed: int = 0, size_wh: tuple[int, int] = SIZE_WH) -> Path:
    """A picture of noise, another one for every seed."""
    rgb = np.random.default_rng(seed).integers(0, 256, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb)
    return path


def write_grey16(path: Path, seed: int = 0) -> Path:
    """A 16-bit grey PNG."""
    counts = np.random.default_rng(seed).integers(0, 65536, SIZE_WH[::-1], dtype=np.uint16)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), counts)
    return path


def write_turned(path: Path, seed: int = 0) -> Path:
    """A JPEG of a picture 64 wide and 48 high once it is turned as its EXIF says; stored, it is 48 wide."""
    rgb = np.random.default_rng(seed).integers(0, 256, (SIZE_WH[0], SIZE_WH[1], 3), dtype=np.uint8)
    image = Image.fromarray(rgb)
    exif = image.getexif()
    exif[0x0112] = 6
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif)
    return path


def truncate(path: Path) -> None:
    """Cut the second half of a file off."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def files_of(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder with its content, but for locks."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}
