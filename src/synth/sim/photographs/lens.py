"""The camera of a photograph that nobody calibrated: by its EXIF, else by a field of view."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base

from synth.sim.scene import SceneCamera

PHONE_FOV_DEG = 65.0
"""Across the longer side: about what the main camera of a phone sees (26 to 28 mm)."""

_FULL_FRAME_DIAGONAL_MM = float(np.hypot(36, 24))
_PLAUSIBLE_MM = 4, 2000


@dataclass(frozen=True)
class Lens:
    """focal_share: focal length over the picture's diagonal. is_known: whether EXIF told it."""

    focal_share: float
    is_known: bool

    def camera_of(self, size_wh: tuple[int, int]) -> SceneCamera:
        """Of a picture, scaled or not; its frame stands for the base, its axis is in the middle."""
        f = self.focal_share * float(np.hypot(*size_wh))
        return SceneCamera(
            size_wh=size_wh,
            K=((f, 0.0, (size_wh[0] - 1) / 2), (0.0, f, (size_wh[1] - 1) / 2), (0.0, 0.0, 1.0)),
            dist=(0.0, 0.0, 0.0, 0.0, 0.0),
            T_base_cam=np.eye(4).tolist(),
        )


def find_lens(path: Path, size_wh: tuple[int, int], fov_deg: float | None) -> Lens:
    """fov_deg: across the longer side, which stands above EXIF; None to ask EXIF, and a phone's without."""
    equivalent_mm = None if fov_deg is not None else _read_equivalent_mm(path)
    if equivalent_mm is not None:
        return Lens(equivalent_mm / _FULL_FRAME_DIAGONAL_MM, is_known=True)
    half = np.radians((fov_deg or PHONE_FOV_DEG) / 2)
    return Lens(float(max(size_wh) / 2 / np.tan(half) / np.hypot(*size_wh)), is_known=False)


def _read_equivalent_mm(path: Path) -> float | None:
    """FocalLengthIn35mmFilm (EXIF 2.3, tag A405); its diagonal is that of 36 × 24 mm."""
    try:
        with Image.open(path) as header:
            told = header.getexif().get_ifd(IFD.Exif).get(Base.FocalLengthIn35mmFilm)
        value = float(told)  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError, SyntaxError, ImportError, Image.DecompressionBombError):
        return None
    return value if _PLAUSIBLE_MM[0] <= value <= _PLAUSIBLE_MM[1] else None
