"""PNG in and out, and the hashes that prove nothing changed. BGR never leaves this file.

Run-length deflate behind one fixed PNG filter a kind was measured best on noisy 1280×720 frames: colour takes
30 ms and 0.65–0.86 MB (OpenCV's defaults: 40 ms and 1.3–1.7 MB; adaptive filters at level 6: over 80 ms),
depth 15 ms, masks 5 ms. The bytes depend on the pixels alone.
"""

import hashlib
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from PIL import Image

from synth.errors import DatasetError

Rgb = NDArray[np.uint8]
Counts = NDArray[np.uint16]

MAX_PIXELS = 100_000_000

_UNIT_TOLERANCE = 1e-3

_RLE = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
_COLOUR = (*_RLE, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG)
_DEPTH = (*_RLE, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH)
_MASK = (*_RLE, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)


def encode_rgb(rgb_u8: Rgb) -> bytes:
    """PNG bytes of an image [H,W,3] uint8, RGB."""
    _demand(rgb_u8, np.uint8, 3, "an RGB image")
    return _encode(cv2.cvtColor(rgb_u8, cv2.COLOR_RGB2BGR), _COLOUR)


def decode_rgb(png: bytes, where: str) -> Rgb:
    """The image [H,W,3] uint8, RGB, of PNG bytes; ``where`` names them in a DatasetError."""
    bgr = _decode(png, where)
    if bgr.dtype != np.uint8 or bgr.ndim != 3 or bgr.shape[2] != 3:
        raise DatasetError(f"{where} is not an 8-bit RGB image (got {bgr.dtype}, shape {bgr.shape})")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def encode_preview(rgb_u8: Rgb) -> bytes:
    """JPEG bytes of an image [H,W,3] uint8, RGB, for looking at only."""
    _demand(rgb_u8, np.uint8, 3, "an RGB image")
    ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb_u8, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 90))
    assert ok
    return jpeg.tobytes()


def encode_depth(depth_counts: Counts) -> bytes:
    """PNG bytes of depth counts [H,W] uint16 along z, 0 = missing."""
    _demand(depth_counts, np.uint16, 2, "depth")
    return _encode(depth_counts, _DEPTH)


def encode_mask(mask: Counts) -> bytes:
    """PNG bytes of a mask [H,W] uint16 whose values are instance index + 1, 0 = background."""
    _demand(mask, np.uint16, 2, "a mask")
    return _encode(mask, _MASK)


def decode_u16(png: bytes, where: str) -> Counts:
    """Counts [H,W] uint16 of PNG bytes; ``where`` names them in a DatasetError."""
    return np.asarray(_decode_grey(png, where, (np.uint16,)), dtype=np.uint16)


def encode_normals(normals_cam: NDArray[np.float32]) -> bytes:
    """PNG bytes of unit vectors [H,W,3] in camera axes; 0 0 0 where there is none.

    A component is stored as 32768 + 32767 n, rounded: 0.002° off at most.
    """
    _demand(normals_cam, np.float32, 3, "normals")
    length = np.sqrt(np.einsum("...i,...i->...", normals_cam, normals_cam))
    missing = length == 0
    if not (missing | (np.abs(length - 1) < _UNIT_TOLERANCE)).all():
        raise DatasetError("normals must be unit vectors, or 0 0 0 where there is none")
    scaled = np.clip(normals_cam, -1, 1)
    scaled *= 32767
    scaled += 32768
    counts = np.rint(scaled, out=scaled).astype(np.uint16)
    counts[missing] = 0
    return _encode(cv2.cvtColor(counts, cv2.COLOR_RGB2BGR), _DEPTH)


def decode_normals(png: bytes, where: str) -> NDArray[np.float32]:
    """Unit vectors [H,W,3] in camera axes, 0 0 0 where there is none; ``where`` as in `decode_u16`."""
    counts = _decode(png, where)
    if counts.dtype != np.uint16 or counts.ndim != 3 or counts.shape[2] != 3:
        raise DatasetError(f"{where} is not a 16-bit RGB image (got {counts.dtype}, shape {counts.shape})")
    normals = (counts[..., ::-1].astype(np.float32) - 32768) / 32767
    normals[~counts.any(axis=2)] = 0
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    return np.asarray(normals / np.where(length > 0, length, 1), dtype=np.float32)


def encode_semantic(ids: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """PNG bytes of class ids [H,W], uint8 or uint16."""
    _demand(ids, np.uint16 if ids.dtype == np.uint16 else np.uint8, 2, "a semantic map")
    return _encode(ids, _MASK)


def decode_semantic(png: bytes, where: str) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Class ids [H,W], uint8 or uint16 as they were stored; ``where`` as in `decode_u16`."""
    return _decode_grey(png, where, (np.uint8, np.uint16))


def encode_confidence(counts: Counts) -> bytes:
    """PNG bytes of confidences [H,W] uint16, 65535 = 1."""
    _demand(counts, np.uint16, 2, "confidence")
    return _encode(counts, _DEPTH)


def encode_made(share: NDArray[np.uint8]) -> bytes:
    """A `made` layer [H,W]; raises DatasetError for another array."""
    _demand(share, np.uint8, 2, "made")
    return _encode(share, _DEPTH)


def encode_alpha(alpha: NDArray[np.uint8]) -> bytes:
    """PNG bytes of coverage [H,W] uint8, 255 = 1."""
    _demand(alpha, np.uint8, 2, "alpha")
    return _encode(alpha, _DEPTH)


def decode_u8(png: bytes, where: str) -> NDArray[np.uint8]:
    """Counts [H,W] uint8 of PNG bytes; ``where`` as in `decode_u16`."""
    return np.asarray(_decode_grey(png, where, (np.uint8,)), dtype=np.uint8)


def png_size_wh(png: bytes) -> tuple[int, int]:
    """Width and height of PNG bytes, as their header says; nothing is unpacked."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def to_depth_m(depth_counts: Counts, depth_scale_m: float) -> NDArray[np.float32]:
    """Depth [H,W] float32 in metres along z, 0 = missing."""
    return (depth_counts * np.float64(depth_scale_m)).astype(np.float32)


def file_sha256(content: bytes) -> str:
    """The SHA-256 of a file's bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def pixels_sha256(pixels: NDArray[Any]) -> str:
    """The SHA-256 of decoded pixels: type, shape and values, whatever the file's compression."""
    digest = hashlib.sha256(f"{pixels.dtype.name} {pixels.shape}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _demand(array: NDArray[Any], dtype: type, ndim: int, what: str) -> None:
    if array.dtype != dtype or array.ndim != ndim or (ndim == 3 and array.shape[2] != 3) or array.size == 0:
        shape = "[H,W,3]" if ndim == 3 else "[H,W]"
        raise DatasetError(
            f"{what} must be {shape} {np.dtype(dtype).name}, got {list(array.shape)} {array.dtype}"
        )


def _encode(array: MatLike, parameters: tuple[int, ...]) -> bytes:
    ok, png = cv2.imencode(".png", array, parameters)
    assert ok
    return png.tobytes()


def _decode(png: bytes, where: str) -> MatLike:
    if _count_pixels(png) > MAX_PIXELS:
        raise DatasetError(f"{where} has more than {MAX_PIXELS // 10**6} million pixels")
    try:
        array = cv2.imdecode(np.frombuffer(png, dtype=np.uint8), cv2.IMREAD_UNCHANGED) if png else None
    except cv2.error:
        array = None
    if array is None:
        raise DatasetError(f"{where} is not a readable PNG file")
    return array


def _decode_grey(png: bytes, where: str, dtypes: tuple[type[np.generic], ...]) -> NDArray[Any]:
    array = _decode(png, where)
    if array.dtype not in dtypes or array.ndim != 2:
        bits = " or ".join(f"{8 * np.dtype(dtype).itemsize}" for dtype in dtypes)
        raise DatasetError(f"{where} is not a {bits}-bit grey image (got {array.dtype}, shape {array.shape})")
    return np.asarray(array)


def _count_pixels(png: bytes) -> int:
    """As the header says, before anything is unpacked; 0 for what has none."""
    try:
        with Image.open(BytesIO(png)) as header:
            return header.width * header.height
    except Image.DecompressionBombError:
        return MAX_PIXELS + 1
    except (OSError, ValueError, SyntaxError, ImportError):  # Ultralytics' patch of Pillow seeks a package.
        return 0
