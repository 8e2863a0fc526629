"""The arms that are known, by the name that a cell file gives as ``robot.model``; one file each."""

from synth.geometry.arm import ArmModel
from synth.registry import Registry

ARM_MODELS: Registry[ArmModel] = Registry(
    "arm",
    {
        "ur3e": "synth.geometry.arms.ur3e:UR3E",
        "ur5e": "synth.geometry.arms.ur5e:UR5E",
        "ur10e": "synth.geometry.arms.ur10e:UR10E",
        "ur16e": "synth.geometry.arms.ur16e:UR16E",
        "ur20": "synth.geometry.arms.ur20:UR20",
    },
)

DEFAULT_ARM = "ur3e"
"""Of a cell file that names none."""
