"""The depth of a BOP scene: 16-bit PNG or TIFF, or 32-bit float TIFF, in one scale for the whole dataset."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synth.dataset.codecs import MAX_PIXELS
from synth.dataset.imports.bop_records import Shot, find_file, read_camera
from synth.dataset.imports.bop_scenes import CAMERA_FILE
from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.pictures import inside_folder
from synth.errors import DatasetError

_SUFFIXES = (".png", ".tif", ".tiff")
_OF_FLOATS_M = 1e-4
"""The coarsest scale of a dataset whose depth comes as 32-bit float."""

_CONTRADICTS = 2
"""How many times that of the models the depth of their pixels may be, or the reverse, by its median."""

_MOST = np.iinfo(np.uint16).max
_WHOLE = 1e-6


@dataclass(frozen=True, eq=False)
class Depth:
    """counts: [H,W] uint16, None where a picture has none. file: the one that holds just these. notes: what
    was changed or left out.
    """

    counts: NDArray[np.uint16] | None = None
    file: Path | None = None
    notes: tuple[str, ...] = ()


def choose_depth_scale(shots: Sequence[Shot]) -> float | None:
    """Metres a count for all pictures, to which the others are brought: that of most, the finer of two as
    frequent; None without any.
    """
    scales = Counter[float]()
    for shot in shots:
        try:
            _, scale_m = read_camera(shot)
            path = _find_depth(shot) if scale_m is not None else None
            if path is not None and scale_m is not None:
                scales[min(scale_m, _OF_FLOATS_M) if _is_float(path) else scale_m] += 1
        except (Misfit, DatasetError):
            continue
    return max(scales, key=lambda scale_m: (scales[scale_m], -scale_m), default=None)


def read_depth(
    shot: Shot, models_m: NDArray[np.float32], own_scale_m: float | None, scale_m: float | None
) -> Depth:
    """The depth of one picture in counts of ``scale_m``. Depth that cannot be taken is left out and named: no
    label needs it. models_m: [H,W] depth of the labelled models along z, inf elsewhere, which it must not
    contradict.
    """
    try:
        path = _find_depth(shot)
        if path is None:
            return Depth()
        if own_scale_m is None or scale_m is None:
            return _left_out(f"{CAMERA_FILE} states no depth_scale, so its unit is unknown")
        values = _read(path)
    except (Misfit, DatasetError) as error:
        return _left_out(error.detail if isinstance(error, Misfit) else str(error))
    if values.shape != models_m.shape:
        return _left_out("it has another size than its picture")
    both = np.isfinite(models_m) & np.isfinite(values) & (values > 0)
    times = float(np.median(values[both] * own_scale_m / models_m[both])) if both.any() else 1.0
    if not 1 / _CONTRADICTS < times < _CONTRADICTS:
        about = f"{float(f'{times:.1g}'):g}"
        return _left_out(f"it is some {about} times that of the models, likely by another depth_scale")
    is_float = values.dtype == np.float32
    factor = own_scale_m / scale_m
    if not is_float and abs(factor - 1) < _WHOLE:
        return Depth(values.astype(np.uint16), path if path.suffix.lower() == ".png" else None)
    scaled = np.maximum(np.nan_to_num(values.astype(np.float64), nan=0, posinf=np.inf), 0) * factor
    counts = np.rint(scaled)
    notes = [
        f"its depth is brought to {scale_m * 1000:g} mm a count{' from 32-bit float' if is_float else ''}"
    ]
    if not is_float and (np.abs(scaled - counts) > _WHOLE).any():
        notes.append(f"its depth is rounded by up to {scale_m * 500:g} mm")
    if (counts > _MOST).any():
        notes.append(f"its depth is left out where it is beyond {_MOST * scale_m:.3g} m")
    return Depth(np.where(counts > _MOST, 0, counts).astype(np.uint16), None, tuple(notes))


def _find_depth(shot: Shot) -> Path | None:
    name = find_file(shot, ("depth",), _SUFFIXES, "depth")
    return None if name is None else inside_folder(shot.scene.folder, name)


def _left_out(reason: str) -> Depth:
    return Depth(notes=(f"its depth is left out: {reason}",))


def _is_float(path: Path) -> bool:
    if path.suffix.lower() == ".png":
        return False
    try:
        with Image.open(path) as header:
            return header.mode == "F"
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError):
        return False


def _read(path: Path) -> NDArray[Any]:
    """Values [H,W], uint16 or float32. Raises DatasetError."""
    try:
        with Image.open(path) as header:
            n_pixels = header.width * header.height
        if n_pixels > MAX_PIXELS:
            raise DatasetError(f"its file has more than {MAX_PIXELS // 10**6} million pixels")
        values = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        raise DatasetError("its file cannot be read") from error
    if values is None:
        raise DatasetError("its file cannot be read")
    if values.ndim != 2 or values.dtype not in (np.uint16, np.float32):
        raise DatasetError("its file is neither 16-bit grey nor 32-bit float")
    return np.asarray(values)
