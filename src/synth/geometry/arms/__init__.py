"""The arms that are known, by the name that a cell file gives as ``robot.model``; one file each."""

from synth.geometry.arm import ArmModel
from synth.registry import Registry

ARM_MODELS: Registry[ArmModel] = Registry("arm", {"ur3e": "synth.geometry.arms.ur3e:UR3E"})

DEFAULT_ARM = "ur3e"
"""Of a cell file that names none."""
