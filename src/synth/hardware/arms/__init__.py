"""The arms that can be driven, by the name that a cell file gives as ``robot.model``; one vendor a file.

Their data are in `synth.geometry.arms`, under the same names.
"""

from typing import TYPE_CHECKING

from synth.registry import Registry

if TYPE_CHECKING:
    from synth.hardware.arms.driver import ArmDriver

_UR = "synth.hardware.arms.ur:UR"

ARMS: "Registry[ArmDriver]" = Registry(
    "arm", {"ur3e": _UR, "ur5e": _UR, "ur10e": _UR, "ur16e": _UR, "ur20": _UR}
)
