"""Units of length that a CAD file may be in."""

from typing import Literal

MeshUnits = Literal["m", "cm", "mm", "inch"]
