"""The cameras that are known, by the name that a cell file gives as ``camera.model``."""

from dataclasses import dataclass, replace

import numpy as np

from synth.geometry.pinhole import Pinhole
from synth.registry import Registry

SizeWH = tuple[int, int]


@dataclass(frozen=True)
class CameraModel:
    """What is known of a camera before any calibration.

    title: its maker's name for it. nominal_f_px: focal length of the colour image at 720 rows, for plans and
    drawings; nominal_depth_f_px: of the depth image at 480. depth_scale_m: metres a count at power-on.
    presets: of its depth sensor, that a cell may name. color_modes, depth_modes: sizes that it streams.
    radius_m: of a ball around the colour sensor that holds the housing and its plug. housing_m: sides of a
    block that holds the housing alone, the one along the line of sight last. nearest_m: how near an arm may
    bring it to what it looks at. tells_lens: whether the device knows its own intrinsics.
    """

    title: str
    nominal_f_px: float
    nominal_depth_f_px: float | None
    depth_scale_m: float | None
    presets: tuple[str, ...]
    color_modes: tuple[SizeWH, ...]
    depth_modes: tuple[SizeWH, ...]
    radius_m: float
    housing_m: tuple[float, float, float]
    nearest_m: float
    tells_lens: bool = True

    @property
    def has_depth(self) -> bool:
        """Whether it has a depth sensor."""
        return bool(self.depth_modes)

    def nominal_pinhole(self, size_wh: SizeWH) -> Pinhole:
        """Colour intrinsics at one of its sizes, centred and without distortion."""
        width, height = size_wh
        f_px = self.nominal_f_px * height / 720.0
        return Pinhole(
            size_wh, np.array([[f_px, 0.0, (width - 1) / 2], [0.0, f_px, (height - 1) / 2], [0.0, 0.0, 1.0]])
        )


L515 = CameraModel(
    title="L515",
    nominal_f_px=905.0,  # As it reports; the 43° of its data sheet make a hundredth more.
    nominal_depth_f_px=460.3,
    depth_scale_m=0.00025,
    presets=("short_range", "low_ambient", "no_ambient", "max_range"),
    color_modes=((1920, 1080), (1280, 720), (960, 540), (640, 480), (640, 360)),
    depth_modes=((1024, 768), (640, 480), (320, 240)),
    radius_m=0.05,  # 61 mm across, 26 mm deep.
    housing_m=(0.08, 0.08, 0.03),  # Its colour sensor is not in its middle.
    nearest_m=0.28,  # It ranges from 0.25 m.
)

# Intel's data sheet of the D400 series: fields of view, housings, and the least range at 848×480.
_D400_MODES = ((1280, 720), (848, 480), (640, 480), (640, 360), (480, 270), (424, 240))

D435 = CameraModel(
    title="D435",
    nominal_f_px=924.0,  # 42.5° of 720 rows.
    nominal_depth_f_px=385.0,
    depth_scale_m=0.001,
    presets=("high_accuracy", "high_density", "default"),
    color_modes=((1920, 1080), (1280, 720), (960, 540), (848, 480), (640, 480), (640, 360)),
    depth_modes=_D400_MODES,
    radius_m=0.09,  # 90 mm across, its colour sensor near one end.
    housing_m=(0.16, 0.05, 0.03),
    nearest_m=0.28,
)
D435I = replace(D435, title="D435i")
D455 = replace(
    D435,
    title="D455",
    nominal_f_px=640.0,  # 90° of 1280 columns.
    nominal_depth_f_px=385.0,
    color_modes=((1280, 800), (1280, 720), (848, 480), (640, 480), (640, 360)),
    radius_m=0.11,  # 124 mm across.
    housing_m=(0.20, 0.06, 0.04),
    nearest_m=0.40,
)

UVC = CameraModel(
    title="UVC camera",
    nominal_f_px=950.0,  # 68° across, as webcams have; every one is otherwise.
    nominal_depth_f_px=None,
    depth_scale_m=None,
    presets=("default",),
    color_modes=((1920, 1080), (1280, 960), (1280, 720), (1024, 768), (800, 600), (640, 480), (640, 360)),
    depth_modes=(),
    radius_m=0.06,
    housing_m=(0.10, 0.06, 0.06),
    nearest_m=0.20,
    tells_lens=False,
)

CAMERA_MODELS: Registry[CameraModel] = Registry(
    "camera", {"l515": L515, "d435": D435, "d435i": D435I, "d455": D455, "uvc": UVC}
)

DEFAULT_CAMERA = "l515"
"""Of a cell file that names none."""
