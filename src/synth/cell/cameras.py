"""The cameras that are known, by the name that a cell file gives as ``camera.model``."""

from dataclasses import dataclass

import numpy as np

from synth.geometry.pinhole import Pinhole
from synth.registry import Registry

SizeWH = tuple[int, int]


@dataclass(frozen=True)
class CameraModel:
    """What is known of a camera before any calibration.

    title: its maker's name for it. fov_height_deg: field of view across the height of the colour image, from
    the data sheet. typical_f_px: focal length at 720 rows that its plans of poses are made with. color_modes,
    depth_modes: sizes that it streams. radius_m: of a ball around the colour sensor that holds the housing
    and its plug. housing_m: sides of a block that holds the housing alone, the one along the line of sight
    last. nearest_m: how near an arm may bring it to what it looks at.

    The two lenses differ by a hundredth for an L515, and neither can take the other's place: poses planned
    with one, and bins placed with the other, would no longer be those of datasets that are gone on with.
    """

    title: str
    fov_height_deg: float
    typical_f_px: float
    color_modes: tuple[SizeWH, ...]
    depth_modes: tuple[SizeWH, ...]
    radius_m: float
    housing_m: tuple[float, float, float]
    nearest_m: float

    def nominal_pinhole(self, size_wh: SizeWH) -> Pinhole:
        """Colour intrinsics of its data sheet, for all but plans of poses, without distortion."""
        return _centred(size_wh, float(size_wh[1] / 2 / np.tan(np.radians(self.fov_height_deg) / 2)))

    def typical_pinhole(self, size_wh: SizeWH) -> Pinhole:
        """Colour intrinsics that plans of poses are made with, without distortion."""
        return _centred(size_wh, self.typical_f_px * size_wh[1] / 720.0)


def _centred(size_wh: SizeWH, f_px: float) -> Pinhole:
    width, height = size_wh
    return Pinhole(
        size_wh, np.array([[f_px, 0.0, (width - 1) / 2], [0.0, f_px, (height - 1) / 2], [0.0, 0.0, 1.0]])
    )


L515 = CameraModel(
    title="L515",
    fov_height_deg=43.0,  # Data sheet.
    typical_f_px=905.0,  # What the simulated one reports; the data sheet's lens has 914.
    color_modes=((1920, 1080), (1280, 720), (960, 540), (640, 480), (640, 360)),
    depth_modes=((1024, 768), (640, 480), (320, 240)),
    radius_m=0.05,  # 61 mm across, 26 mm deep.
    housing_m=(0.08, 0.08, 0.03),  # Its colour sensor is not in its middle.
    nearest_m=0.28,  # It ranges from 0.25 m.
)

CAMERA_MODELS: Registry[CameraModel] = Registry("camera", {"l515": L515})

DEFAULT_CAMERA = "l515"
"""Of a cell file that names none."""
