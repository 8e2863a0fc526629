"""The cameras that can be opened, by the name that a cell file gives as ``camera.model``; one vendor a file.

Their data are in `synth.cell.cameras`, under the same names.
"""

from synth.hardware.cameras.driver import CameraDriver
from synth.registry import Registry

_REALSENSE = "synth.hardware.cameras.realsense"

CAMERAS: Registry[CameraDriver] = Registry(
    "camera",
    {
        "l515": f"{_REALSENSE}:L515",
        "d435": f"{_REALSENSE}:D435",
        "d435i": f"{_REALSENSE}:D435I",
        "d455": f"{_REALSENSE}:D455",
        "uvc": "synth.hardware.cameras.uvc:UVC",
    },
)
