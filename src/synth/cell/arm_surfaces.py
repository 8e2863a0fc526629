"""What an arm's pieces look like, by the finishes that `synth.geometry.arm.Piece` names."""

from synth.cell.model import Surface
from synth.geometry.arm import FinishName

ARM_SURFACES: dict[FinishName, Surface] = {
    "silver": Surface(colour_rgb=(188, 190, 192), roughness=0.40, metallic=0.05),
    "tube": Surface(colour_rgb=(180, 182, 185), roughness=0.35, metallic=0.20),
    "cap": Surface(colour_rgb=(87, 124, 147), roughness=0.31),
    "rubber": Surface(colour_rgb=(41, 41, 43), roughness=0.60),
    "steel": Surface(colour_rgb=(186, 184, 182), roughness=0.34, metallic=0.8),
}
