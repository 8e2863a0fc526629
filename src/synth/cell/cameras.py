"""The cameras that are known, by the name that a cell file gives as ``camera.model``."""

from dataclasses import dataclass, replace

import numpy as np

from synth.geometry.pinhole import Pinhole
from synth.registry import Registry

SizeWH = tuple[int, int]


@dataclass(frozen=True)
class Lens:
    """A lens of focal length f_px before a sensor of sensor_wh pixels.

    A picture of another size is the sensor's, scaled until it covers that size and cut off all around.
    """

    f_px: float
    sensor_wh: SizeWH

    def scale_to(self, size_wh: SizeWH) -> float:
        """Pixels of a picture of that size for one of the sensor's."""
        return max(size_wh[0] / self.sensor_wh[0], size_wh[1] / self.sensor_wh[1])

    def pinhole(self, size_wh: SizeWH) -> Pinhole:
        """Intrinsics of a picture of that size, centred and without distortion."""
        width, height = size_wh
        f_px = self.f_px * self.scale_to(size_wh)
        return Pinhole(
            size_wh, np.array([[f_px, 0.0, (width - 1) / 2], [0.0, f_px, (height - 1) / 2], [0.0, 0.0, 1.0]])
        )


@dataclass(frozen=True)
class CameraModel:
    """What is known of a camera before any calibration.

    title: its maker's name for it. color, depth: its lenses, for plans and drawings. depth_scale_m: metres a
    count at power-on. presets: of its depth sensor, that a cell may name. color_modes, depth_modes: sizes
    that it streams. radius_m: of a ball around the colour sensor that holds the housing and its plug.
    housing_m: sides of a block around the line of sight that holds the housing behind the lens, the one along
    the line last, and a plug that leaves it sideways. nearest_m: how near an arm may bring it to what it
    looks at. tells_lens: whether the device knows its own intrinsics. sdk: the package that drives it, empty
    where OpenCV does; extra: which of synth's brings it; newest_sdk: the last version that still does.
    """

    title: str
    color: Lens
    depth: Lens | None
    depth_scale_m: float | None
    presets: tuple[str, ...]
    color_modes: tuple[SizeWH, ...]
    depth_modes: tuple[SizeWH, ...]
    radius_m: float
    housing_m: tuple[float, float, float]
    nearest_m: float
    tells_lens: bool = True
    sdk: str = ""
    extra: str = ""
    newest_sdk: str = ""

    @property
    def has_depth(self) -> bool:
        """Whether it has a depth sensor."""
        return self.depth is not None


_LIBREALSENSE = "pyrealsense2"

# Intel's product page: 70° × 43° in colour, 0.25 m to 9 m.
L515 = CameraModel(
    title="L515",
    color=Lens(905.0, (1280, 720)),  # As it reports; 43° of 720 rows make a hundredth more.
    depth=Lens(460.3, (640, 480)),
    depth_scale_m=0.00025,
    presets=("short_range", "low_ambient", "no_ambient", "max_range"),
    color_modes=((1920, 1080), (1280, 720), (960, 540), (640, 480), (640, 360)),
    depth_modes=((1024, 768), (640, 480), (320, 240)),
    radius_m=0.05,  # 61 mm across, 26 mm deep.
    housing_m=(0.08, 0.08, 0.03),  # Its colour sensor is not in its middle.
    nearest_m=0.28,
    sdk=_LIBREALSENSE,
    extra="hardware",
    newest_sdk="2.54.2.5684",
)

# Fields of view and least distances: Intel's product pages, the latter at the largest depth image. Housings
# and where the colour sensor sits in them: IntelRealSense/realsense-ros, commit 1cbd81b,
# realsense2_description/urdf/_d435.urdf.xacro and _d455.urdf.xacro; _usb_plug.urdf.xacro has the plug stick
# out of the D435's end by 35 mm. Depth: librealsense issues #4050 and realsense-ros #2788 show a D400's own
# figures: 640 px at 1280 × 720, 384 at 640 × 480, so that its sensor has 800 rows; depth_scale_m: #11784.
_D400_DEPTH = Lens(640.0, (1280, 800))

D435 = CameraModel(
    title="D435",
    color=Lens(924.0, (1280, 720)),  # 69.4° of 1280 columns; units report 919 and more.
    depth=_D400_DEPTH,
    depth_scale_m=0.001,
    presets=("high_accuracy", "high_density", "default"),
    color_modes=((1920, 1080), (1280, 720), (960, 540), (848, 480), (640, 480), (640, 360)),
    depth_modes=((1280, 720), (848, 480), (640, 480), (640, 360), (480, 270), (424, 240)),
    radius_m=0.12,  # 90 × 25 × 25 mm, its colour sensor 32.5 mm from the middle, the plug at the far end.
    housing_m=(0.23, 0.03, 0.03),
    nearest_m=0.28,
    sdk=_LIBREALSENSE,
    extra="realsense",
)
D435I = replace(D435, title="D435i")
D455 = replace(
    D435,
    title="D455",
    color=Lens(640.0, (1280, 800)),  # 90° of 1280 columns; units report up to 646.
    color_modes=((1280, 800), (1280, 720), (848, 480), (640, 480), (640, 360)),
    radius_m=0.11,  # 124 × 29 × 26 mm, its colour sensor 11.5 mm from the middle; a plug at either end.
    housing_m=(0.22, 0.04, 0.03),
    nearest_m=0.52,
)

UVC = CameraModel(
    title="UVC camera",
    color=Lens(950.0, (1280, 720)),  # 68° across, as webcams have; every one is otherwise.
    depth=None,
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
