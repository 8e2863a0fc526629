"""A cut-out as its placement lays it: turned, sheared and scaled once, in linear light.

A whole-pixel shift and a quarter turn resample nothing. All else is resampled from the picture's own pixels
to the composite's, with the light low-passed first where it shrinks; the outline is drawn three times finer
than the pixels, and its edge made anew, as soft as the lens makes edges, whatever the scale.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import Mask, tight_box
from synth.geometry.se3 import Array
from synth.sim.colour import Linear
from synth.sim.cutout import Cutout, soft_edge, turned
from synth.sim.placing.placement import Placement

_FINER = 3
_PAD_PX = 6
_OUTLINE_SIGMA_PX = 0.5


@dataclass(frozen=True, eq=False)
class Laid:
    """A cut-out in the picture's pixels.

    light [h,w,3], alpha [h,w], mask [h,w], taken [h,w,3] as in `Cutout`; the mask goes on beyond the picture.
    corner_xy: of the first pixel in the picture. source_xy: middle of the patch where it came from.
    lost_noise: [3] spread of what blurring took of the sensor's noise, linear light; None for nothing.
    """

    light: Linear
    alpha: NDArray[np.float32]
    mask: Mask
    taken: Linear
    corner_xy: tuple[int, int]
    source_xy: tuple[float, float]
    lost_noise: Linear | None = None

    @property
    def middle_xy(self) -> tuple[float, float]:
        """Of the patch, in the picture."""
        return middle_of(self.mask, self.corner_xy)


def lay_out(cutout: Cutout, placement: Placement, edge_sigma_px: float) -> Laid:
    """A cut-out in the picture's pixels. edge_sigma_px: how far edges are spread there."""
    laid = _shifted(cutout, placement) or _resampled(cutout, placement, edge_sigma_px)
    return replace(_photometric(laid, placement), lost_noise=_lost_noise(cutout, placement, edge_sigma_px))


def quarter_turn(cutout: Cutout, quarter_turns: int, corner_xy: tuple[int, int]) -> Placement:
    """What lays a cut-out, turned by quarters to the left, so that its patch begins at a corner."""
    x0, y0, x1, y1 = _box(np.rot90(cutout.mask, quarter_turns))
    return Placement(
        (corner_xy[0] + (x0 + x1) / 2, corner_xy[1] + (y0 + y1) / 2), float((-90 * quarter_turns) % 360)
    )


def middle_of(mask: Mask, corner_xy: tuple[int, int]) -> tuple[float, float]:
    """The middle of a patch that begins at a corner, pixels."""
    height, width = mask.shape
    return corner_xy[0] + (width - 1) / 2, corner_xy[1] + (height - 1) / 2


def extent_of(cutout: Cutout) -> tuple[float, float]:
    """Width and height of the box of its mask, pixels."""
    x0, y0, x1, y1 = _box(cutout.mask)
    return x1 - x0, y1 - y0


def _shifted(cutout: Cutout, placement: Placement) -> Laid | None:
    """As it was taken but for whole pixels and quarter turns; None where that is not asked for."""
    quarters, rest = divmod(placement.angle_deg, 90.0)
    if rest or placement.shear or placement.log_scale_xy != (0.0, 0.0):
        return None
    moved = turned(cutout, -int(quarters) % 4)
    x0, y0, x1, y1 = _box(moved.mask)
    x, y = placement.centre_xy_px[0] - (x0 + x1) / 2, placement.centre_xy_px[1] - (y0 + y1) / 2
    if not (x.is_integer() and y.is_integer()):
        return None
    corner = int(x), int(y)
    source = middle_of(moved.mask, cutout.corner_xy)
    return Laid(moved.light, moved.alpha, moved.mask, moved.taken, corner, source)


def _resampled(cutout: Cutout, placement: Placement, edge_sigma_px: float) -> Laid:
    """Every pixel of the patch asks the cut-out where it came from."""
    matrix = placement.matrix()
    x0, y0, x1, y1 = _box(cutout.mask)
    middle, centre = np.array([x0 + x1, y0 + y1]) / 2, np.asarray(placement.centre_xy_px)
    half = placement.extent((x1 - x0, y1 - y0)) / 2 + _PAD_PX + 2 * placement.blur_px
    low, high = np.floor(centre - half).astype(int), np.ceil(centre + half).astype(int)
    width, height = (high - low).tolist()
    back = np.linalg.inv(matrix)

    def ask(image: Linear, finer: int) -> NDArray[np.float32]:
        offset = back @ (0.5 / finer + low - centre) + middle - 0.5
        affine = np.column_stack([back / finer, offset])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        size = (width * finer, height * finer)
        border = cv2.BORDER_REPLICATE if image.ndim == 3 else cv2.BORDER_CONSTANT
        return np.asarray(cv2.warpAffine(image, affine, size, flags=flags, borderMode=border), np.float32)

    low_pass = _low_pass_px(placement, edge_sigma_px)
    outline = cv2.GaussianBlur(cutout.mask.astype(np.float32), (0, 0), _OUTLINE_SIGMA_PX)
    fine = (ask(np.asarray(outline, np.float32), _FINER) > 0.5).astype(np.float32)
    coverage = np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    source = middle_of(cutout.mask, cutout.corner_xy)
    return Laid(
        np.maximum(ask(_blurred(cutout.light, low_pass), 1), 0),
        soft_edge(coverage, edge_sigma_px),
        np.asarray(coverage >= 0.5),
        np.maximum(ask(_blurred(cutout.taken, low_pass), 1), 0),
        (int(low[0]), int(low[1])),
        source,
    )


def _photometric(laid: Laid, placement: Placement) -> Laid:
    """With the placement's gain, gamma and blur."""

    def seen(light: Linear) -> Linear:
        if (placement.gain, placement.gamma) != (1, 1):
            light = np.asarray(placement.gain * np.power(light, placement.gamma), np.float32)
        return _blurred(light, placement.blur_px)

    alpha = _blurred(laid.alpha, placement.blur_px)
    return replace(laid, light=seen(laid.light), taken=seen(laid.taken), alpha=alpha)


def _blurred(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32) if sigma else image


def _low_pass_px(placement: Placement, edge_sigma_px: float) -> float:
    """What the lens would blur more, had the part been taken smaller, sigma in the cut-out's pixels."""
    least = float(np.linalg.svd(placement.matrix(), compute_uv=False).min())
    return float(edge_sigma_px * np.sqrt(least**-2 - 1)) if least < 1 - 1e-6 else 0.0


def _lost_noise(cutout: Cutout, placement: Placement, edge_sigma_px: float) -> Linear | None:
    """[3] what blurring takes of the sensor's noise, as it takes of white noise."""
    kept = 1.0
    for sigma in (_low_pass_px(placement, edge_sigma_px), placement.blur_px):
        if sigma:
            kept *= float((cv2.getGaussianKernel(2 * round(4 * sigma) + 1, sigma) ** 2).sum())
    return None if kept == 1 else _noise_of(cutout) * np.float32(np.sqrt(1 - kept**2))


def _noise_of(cutout: Cutout) -> Linear:
    """[3] spread of the noise in linear light (Immerkær, 1996); by a median, so texture counts little."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    deep = cv2.erode(cutout.mask.astype(np.uint8), np.ones((9, 9))) > 0
    uneven = np.abs(cv2.filter2D(cutout.light, -1, kernel))[deep]
    return np.asarray(np.median(uneven, axis=0) / 0.6745 if len(uneven) else np.zeros(3), np.float32)


def _box(mask: Mask) -> Array:
    box = tight_box(mask)
    assert box is not None
    return box
