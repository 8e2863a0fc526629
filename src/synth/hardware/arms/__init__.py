"""The arms that can be driven, by the name that a cell file gives as ``robot.model``; one vendor a file.

Their data are in `synth.geometry.arms`, under the same names.
"""

from synth.hardware.arms.driver import ArmDriver
from synth.registry import Registry

ARMS: Registry[ArmDriver] = Registry("arm", {"ur3e": "synth.hardware.arms.ur:UR"})
