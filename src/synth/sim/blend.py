"""How the edge of what is laid is mixed with what lies below it.

``soft`` is as wide as edges of the dataset's own pictures. The others are those of Cut, Paste and Learn
(Dwibedi et al., ICCV 2017), with the settings of its published code: a Gaussian of 5×5 and σ 2, a box of
3×3, Poisson cloning (Pérez et al., 2003), nothing, and nothing but a motion of the camera afterwards, which
blurs the whole picture along a line of 3 to 9 pixels.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import Mask
from synth.sim.colour import Linear, linear_of_u8, u8_of_linear
from synth.sim.cutout import lay, soft_edge

Coverage = NDArray[np.float32]

_ERODED_PX = 3  # OpenCV's seamlessClone takes this much off a mask.
_MOTION_PX = (3, 5, 7, 9)


def _hard(mask: Mask, _: float) -> Coverage:
    return mask.astype(np.float32)


def _gaussian(mask: Mask, _: float) -> Coverage:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (5, 5), 2.0), dtype=np.float32)


def _box(mask: Mask, _: float) -> Coverage:
    return np.asarray(cv2.blur(mask.astype(np.float32), (3, 3)), dtype=np.float32)


BLENDS: dict[str, Callable[[Mask, float], Coverage]] = {
    "soft": soft_edge,
    "none": _hard,
    "gaussian": _gaussian,
    "box": _box,
    "poisson": _hard,
    "motion": _hard,
}
"""By name, how much of each pixel [h,w] is covered, of a mask [h,w] and the spread of edges in px."""

DEFAULT_BLEND, ALL_BLENDS = "soft", "all"
DWIBEDI = tuple(name for name in BLENDS if name != DEFAULT_BLEND)
"""What ``all`` stands for."""


def lay_blended(
    picture: Linear, light: Linear, alpha: Coverage, mask: Mask, corner_xy: tuple[int, int], blend: str
) -> None:
    """Lay light [h,w,3] with coverage alpha [h,w], made of mask [h,w], over a picture [H,W,3], in place."""
    if blend == "poisson":
        _clone(picture, light, mask, corner_xy)
    else:
        lay(picture, light, alpha, corner_xy)


def finish(picture: Linear, blend: str, rng: np.random.Generator) -> Linear:
    """The whole picture [H,W,3], when all is laid."""
    if blend != "motion":
        return picture
    n = int(rng.choice(_MOTION_PX))
    line = np.zeros((n, n), np.float32)
    angle, middle = rng.uniform(0, np.pi), n // 2
    step = np.round(middle * np.array([np.cos(angle), np.sin(angle)])).astype(int)
    cv2.line(line, (middle - step[0], middle - step[1]), (middle + step[0], middle + step[1]), 1.0)
    return np.asarray(cv2.filter2D(picture, -1, line / line.sum(), borderType=cv2.BORDER_REFLECT), np.float32)


def _clone(picture: Linear, light: Linear, mask: Mask, corner_xy: tuple[int, int]) -> None:
    """Keep the gradients of ``light`` under the mask, and the picture's own colour around it (8-bit sRGB)."""
    pad = max(mask.shape) + 2 * _ERODED_PX + 2
    around = cv2.copyMakeBorder(u8_of_linear(picture), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    grown = np.pad(mask.astype(np.uint8), _ERODED_PX + 1)
    grown = np.asarray(cv2.dilate(grown, np.ones((3, 3)), iterations=_ERODED_PX), np.uint8)
    source = np.pad(u8_of_linear(light), ((_ERODED_PX + 1,) * 2, (_ERODED_PX + 1,) * 2, (0, 0)), mode="edge")
    x, y, width, height = cv2.boundingRect(grown)
    corner = np.asarray(corner_xy) + pad - _ERODED_PX - 1 + (x, y)
    centre = (int(corner[0] + width // 2), int(corner[1] + height // 2))
    cloned = cv2.seamlessClone(source, around, grown * 255, centre, cv2.NORMAL_CLONE)
    whole = linear_of_u8(np.asarray(cloned[pad:-pad, pad:-pad], np.uint8))
    changed = (cloned != around).any(axis=-1)[pad:-pad, pad:-pad]
    picture[changed] = whole[changed]
