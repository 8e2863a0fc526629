"""Cutting a part out of a picture and laying it on another, with an edge as soft as the lens makes edges.

Everything happens in linear light. A pixel at the outline holds part and surroundings mixed: its light is
replaced by that of the nearest pixel well inside, and the edge is made anew.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import Mask
from synth.sim.colour import Linear

_PAD_PX = 6
_ROUGH_PX = 1.2  # A colour filter's mask is frayed by about a pixel; no real outline is.
_PIXEL_VARIANCE = 1 / 12


@dataclass(frozen=True, eq=False)
class Cutout:
    """A part without its surroundings.

    light: [h,w,3] linear, goes on beyond the outline. alpha: [h,w] how much of each pixel it covers. mask:
    [h,w] its pixels, without a mask's fraying. taken: [h,w,3] linear, the patch with its surroundings.
    corner_xy: where the patch's first pixel lay in the picture that it came from.
    """

    light: Linear
    alpha: NDArray[np.float32]
    mask: Mask
    taken: Linear
    corner_xy: tuple[int, int]


def cut_out(light: Linear, mask: Mask, edge_sigma_px: float) -> Cutout | None:
    """The part of a picture [H,W,3] under a mask [H,W]; None where too little lies inside its outline.

    edge_sigma_px: spread of edges in the picture, the pixel's own area included: how far the surroundings
    reach into the part, and how soft the new edge becomes.
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if len(columns) == 0:
        return None
    height, width = mask.shape
    x0, x1 = max(int(columns[0]) - _PAD_PX, 0), min(int(columns[-1]) + 1 + _PAD_PX, width)
    y0, y1 = max(int(rows[0]) - _PAD_PX, 0), min(int(rows[-1]) + 1 + _PAD_PX, height)
    own = np.asarray(cv2.GaussianBlur(mask[y0:y1, x0:x1].astype(np.float32), (0, 0), _ROUGH_PX) > 0.5)
    patch = np.ascontiguousarray(light[y0:y1, x0:x1])
    depth_px = cv2.distanceTransform(np.pad(own, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    inside = depth_px > 2 * edge_sigma_px
    if inside.sum() < max(16, 0.2 * own.sum()):
        return None
    return Cutout(_spread_outwards(patch, inside), soft_edge(own, edge_sigma_px), own, patch, (x0, y0))


def soft_edge(mask: Mask | NDArray[np.float32], edge_sigma_px: float) -> NDArray[np.float32]:
    """Coverage [h,w] of a mask [h,w], in shares of pixels or whole ones, whose edge is spread by σ, of which
    the pixels are a part already.
    """
    sigma = float(np.sqrt(max(edge_sigma_px**2 - _PIXEL_VARIANCE, 0.2**2)))
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma), dtype=np.float32)


def turned(cutout: Cutout, quarter_turns: int) -> Cutout:
    """The cut-out turned in the image by quarters: no pixel is resampled, grain and edges stay as taken."""
    return Cutout(
        np.ascontiguousarray(np.rot90(cutout.light, quarter_turns)),
        np.ascontiguousarray(np.rot90(cutout.alpha, quarter_turns)),
        np.ascontiguousarray(np.rot90(cutout.mask, quarter_turns)),
        np.ascontiguousarray(np.rot90(cutout.taken, quarter_turns)),
        cutout.corner_xy,
    )


def lay(picture: Linear, light: Linear, alpha: NDArray[np.float32], corner_xy: tuple[int, int]) -> None:
    """Blend light [h,w,3] with coverage [h,w] over a picture [H,W,3], in place; what leaves it is cut off."""
    target, source = _overlap(picture.shape, alpha.shape, corner_xy)
    a = alpha[source][..., None]
    picture[target] = a * light[source] + (1 - a) * picture[target]


def lay_mask(ids: NDArray[np.uint16], mask: Mask, value: int, corner_xy: tuple[int, int]) -> None:
    """Write ``value`` into ids [H,W] under a mask [h,w] whose first pixel lies at ``corner_xy``, in place."""
    target, source = _overlap(ids.shape, mask.shape, corner_xy)
    ids[target][mask[source]] = value


def _overlap(
    outer: tuple[int, ...], inner: tuple[int, ...], corner_xy: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    target, source = [], []
    for axis, first in ((0, corner_xy[1]), (1, corner_xy[0])):
        low, high = max(first, 0), min(first + inner[axis], outer[axis])
        high = max(high, low)
        target.append(slice(low, high))
        source.append(slice(low - first, high - first))
    return (target[0], target[1]), (source[0], source[1])


def _spread_outwards(light: Linear, inside: Mask) -> Linear:
    """Each pixel outside takes the light of the nearest one inside."""
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(inside)
    nearest = np.zeros(int(labels.max()) + 1, dtype=np.intp)
    nearest[labels[rows, columns]] = rows * inside.shape[1] + columns
    return np.asarray(light.reshape(-1, 3)[nearest[labels]], dtype=np.float32)
