"""One flat thing to be laid on a picture: its light and how much of each pixel it covers, free of aliasing.

Everything is warped at `FINE` samples a pixel each way, in linear light premultiplied by alpha, and averaged.
A template is first brought, by area, to about the size at which it is seen.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.geometry.boxes import Mask, tight_box
from synth.geometry.se3 import Array
from synth.sim.colour import Linear
from synth.sim.cutout import lay_mask
from synth.sim.templates.homography import box_of, project

FINE = 4

Corner = tuple[int, int]

_PIXEL_VARIANCE = 1 / 12
_TINY = 1e-4
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True, eq=False)
class Layer:
    """light: [h,w,3] linear, straight. alpha: [h,w]. cover: [h·FINE,w·FINE], whether each fine sample is
    covered. corner_xy: where the window's first pixel lies.
    """

    light: Linear
    alpha: NDArray[np.float32]
    cover: Mask
    corner_xy: Corner


def warp(light: Linear, H: Array) -> Layer:
    """A template [h,w,4], premultiplied, as a homography [3,3] from its fractions to pixels shows it: all of
    it, and what is hardly opaque too.
    """
    box = box_of(project(H, _CORNERS))
    x0, y0 = np.floor(box[:2]).astype(int) - 1
    x1, y1 = np.ceil(box[2:]).astype(int) + 1
    size_wh = ((x1 - x0) * FINE, (y1 - y0) * FINE)
    shrunk = _shrunk(light, float((box[2:] - box[:2]).max()) * FINE)
    height, width = shrunk.shape[:2]
    # Sample i of a row lies at i + 1/2 between the edges 0 and W, in source and target alike.
    fractions = np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
    fine = np.array([[FINE, 0, -FINE * x0 - 0.5], [0, FINE, -FINE * y0 - 0.5], [0, 0, 1]])
    seen = cv2.warpPerspective(shrunk, fine @ H @ fractions, size_wh, flags=cv2.INTER_LINEAR)
    mean = _mean(np.asarray(seen, np.float32))
    alpha = np.ascontiguousarray(mean[..., 3])
    straight = mean[..., :3] / np.maximum(alpha, _TINY)[..., None]
    return Layer(np.asarray(straight, np.float32), alpha, seen[..., 3] > 0.5, (int(x0), int(y0)))


def cut(light: Linear, cover: Mask, corner_xy: Corner) -> Layer:
    """Light [h,w,3] in a shape [h·FINE,w·FINE], as sharp as it is."""
    return Layer(light, _mean(cover.astype(np.float32)), cover, corner_xy)


def blurred(layer: Layer, edge_sigma_px: float, *, edge_only: bool = False) -> Layer:
    """With an edge spread by σ, of which the pixels are a part already; light too unless ``edge_only``.

    The window grows, and what is covered stays what it was.
    """
    sigma = float(np.sqrt(max(edge_sigma_px**2 - _PIXEL_VARIANCE, 0.0)))
    if sigma < 0.1:
        return layer
    pad = int(np.ceil(3 * sigma))
    alpha = np.pad(layer.alpha, pad)
    light = np.pad(layer.light, ((pad, pad), (pad, pad), (0, 0)), mode="edge" if edge_only else "constant")
    soft = np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma), np.float32)
    if not edge_only:
        premultiplied = cv2.GaussianBlur(light * alpha[..., None], (0, 0), sigma)
        light = np.asarray(premultiplied / np.maximum(soft, _TINY)[..., None], np.float32)
    x, y = layer.corner_xy
    return Layer(light, soft, np.pad(layer.cover, pad * FINE), (x - pad, y - pad))


@dataclass(frozen=True, eq=False)
class Visible:
    """What is seen of one layer beneath others.

    share: of the whole layer. box_xyxy_px: around it, to a quarter of a pixel; None where nothing is seen.
    mask: [h,w] the pixels that it covers by half or more, the first at ``corner_xy``.
    """

    share: float
    box_xyxy_px: Array | None
    mask: Mask
    corner_xy: Corner


def find_visible(layers: list[Layer], i: int) -> Visible:
    """Of layer ``i``, beneath those that come after it."""
    layer = layers[i]
    x, y = layer.corner_xy
    seen = layer.cover.astype(np.uint16)
    for other in layers[i + 1 :]:
        offset = ((other.corner_xy[0] - x) * FINE, (other.corner_xy[1] - y) * FINE)
        lay_mask(seen, other.cover, 0, offset)
    box = tight_box(seen > 0)
    return Visible(
        share=float(seen.sum() / max(int(layer.cover.sum()), 1)),
        box_xyxy_px=None if box is None else box / FINE + np.array([x, y, x, y]),
        mask=_mean(seen.astype(np.float32)) >= 0.5,
        corner_xy=layer.corner_xy,
    )


def _shrunk(light: Linear, side: float) -> Linear:
    """By area, where the picture has more pixels than will be seen."""
    scale = side / max(light.shape[:2])
    if scale >= 1:
        return light
    size_wh = tuple(max(round(n * scale), 1) for n in light.shape[1::-1])
    return np.asarray(cv2.resize(light, size_wh, interpolation=cv2.INTER_AREA), np.float32)


def _mean(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    """[h,w,...] of [h·FINE,w·FINE,...]."""
    height, width = fine.shape[0] // FINE, fine.shape[1] // FINE
    return np.asarray(fine.reshape(height, FINE, width, FINE, *fine.shape[2:]).mean(axis=(1, 3)), np.float32)
