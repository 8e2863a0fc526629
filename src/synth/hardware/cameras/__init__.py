"""The cameras that can be opened, by the name that a cell file gives as ``camera.model``; one vendor a file.

Their data are in `synth.cell.cameras`, under the same names.
"""

from synth.hardware.cameras.driver import CameraDriver
from synth.registry import Registry

CAMERAS: Registry[CameraDriver] = Registry("camera", {"l515": "synth.hardware.cameras.realsense:L515"})
