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

_EDGE_PX = 2
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
    picture: Linear,
    light: Linear,
    alpha: Coverage,
    mask: Mask,
    taken: Linear,
    corner_xy: tuple[int, int],
    blend: str,
) -> None:
    """Lay light [h,w,3] with coverage alpha [h,w], made of mask [h,w], over a picture [H,W,3], in place.

    taken: [h,w,3] the same with what surrounded it where it was taken.
    """
    if blend == "poisson":
        _clone(picture, taken, mask, corner_xy)
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


def _clone(picture: Linear, taken: Linear, mask: Mask, corner_xy: tuple[int, int]) -> None:
    """Keep the gradients of ``taken`` under the mask and over its edge, and the picture's own colour around
    them (8-bit sRGB).
    """
    rim = _EDGE_PX + _ERODED_PX + 1
    pad = max(mask.shape) + 2 * rim
    around = cv2.copyMakeBorder(u8_of_linear(picture), pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    own, kernel = np.pad(mask.astype(np.uint8), rim), np.ones((3, 3))
    solved = np.asarray(cv2.dilate(own, kernel, iterations=_EDGE_PX), np.uint8)
    given = np.asarray(cv2.dilate(solved, kernel, iterations=_ERODED_PX), np.uint8)
    source = np.pad(u8_of_linear(taken), ((rim, rim), (rim, rim), (0, 0)), mode="edge")
    x, y, width, height = cv2.boundingRect(given)
    left, top = corner_xy[0] + pad - rim, corner_xy[1] + pad - rim
    centre = (left + x + width // 2, top + y + height // 2)
    cloned = cv2.seamlessClone(source, around, given * 255, centre, cv2.NORMAL_CLONE)
    changed = np.zeros(around.shape[:2], bool)
    changed[top : top + own.shape[0], left : left + own.shape[1]] = solved > 0
    inside = np.s_[pad:-pad, pad:-pad]
    picture[changed[inside]] = linear_of_u8(np.asarray(cloned, np.uint8)[inside])[changed[inside]]
