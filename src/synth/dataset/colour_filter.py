"""Masks and boxes: which pixels have the part's colour, where its edge runs, and the boxes around it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.cell.model import Label as ColourRange
from synth.geometry.boxes import Mask, tight_box

_CLOSE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
_BRIDGE = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
_INSIDE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
_OUTSIDE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
_LOCAL_PX = 13
_MIN_CONTRAST = 20.0
_HUES = 180
_KEPT_PERCENT = (2, 98)


def colour_mask(rgb_u8: NDArray[np.uint8], colour: ColourRange) -> Mask:
    """The pixels [H,W] of an image [H,W,3] inside an HSV range; an h_min above h_max wraps through red."""
    hsv = cv2.cvtColor(rgb_u8, cv2.COLOR_RGB2HSV)
    low = (colour.h_min, colour.s_min, colour.v_min)
    high = (colour.h_max, colour.s_max, colour.v_max)
    if colour.h_min <= colour.h_max:
        found = cv2.inRange(hsv, low, high)
    else:
        found = cv2.bitwise_or(cv2.inRange(hsv, low, (179, *high[1:])), cv2.inRange(hsv, (0, *low[1:]), high))
    return np.asarray(cv2.morphologyEx(found, cv2.MORPH_CLOSE, _CLOSE) > 0)


def fit_colour(rgb_u8: NDArray[np.uint8]) -> ColourRange:
    """The HSV range that holds nearly all of a part's pixels [N,3].

    From the 2nd to the 98th percentile of each channel; hue is counted from its circular mean, so that red is
    one range.
    """
    hsv = cv2.cvtColor(rgb_u8.reshape(1, -1, 3), cv2.COLOR_RGB2HSV)[0].astype(float)
    angle = hsv[:, 0] * (2 * np.pi / _HUES)
    middle = float(np.angle(np.mean(np.exp(1j * angle)))) * _HUES / (2 * np.pi)
    offset = (hsv[:, 0] - middle + _HUES / 2) % _HUES - _HUES / 2
    low, high = np.percentile(np.column_stack([offset, hsv[:, 1:]]), _KEPT_PERCENT, axis=0)
    h_min, h_max = (round(middle + edge) % _HUES for edge in (low[0], high[0]))
    return ColourRange(
        h_min=h_min,
        h_max=h_max,
        s_min=int(low[1]),
        s_max=int(np.ceil(high[1])),
        v_min=int(low[2]),
        v_max=int(np.ceil(high[2])),
    )


def largest_component(mask: Mask, within: Mask | None = None) -> Mask:
    """The largest connected blob of ``mask`` [H,W], free of thin bridges but with its own corners kept.

    The blob is found in the opened mask and grown back inside the mask: opening does not blunt its tips.
    within: [H,W], where blobs are measured, so that a larger one elsewhere does not count; where none reaches
    into it, all of the picture counts.
    """
    pixels = mask.astype(np.uint8)
    opened = cv2.morphologyEx(pixels, cv2.MORPH_OPEN, _BRIDGE)
    count, labels = cv2.connectedComponents(opened, connectivity=8)
    if count < 2:
        return np.zeros_like(mask)
    areas = np.bincount(labels[within] if within is not None else labels.ravel(), minlength=count)[1:]
    if not areas.any():
        areas = np.bincount(labels.ravel())[1:]
    blob = (labels == 1 + int(np.argmax(areas))).astype(np.uint8)
    return np.asarray(cv2.dilate(blob, _BRIDGE) > 0) & mask


def holes(mask: Mask) -> Mask:
    """The background pixels [H,W] that ``mask`` encloses."""
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    return np.asarray((labels != labels[0, 0]) & (outside > 0))[1:-1, 1:-1]


def mask_iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks; 0 when both are empty."""
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 0.0


def refine_edge(rgb_u8: NDArray[np.uint8], mask: Mask) -> Mask:
    """``mask`` [H,W] with its edge moved to where a pixel is half part and half what lies behind it.

    A fixed colour range cuts mixed pixels at an arbitrary share. Near the edge, each pixel's colour is
    therefore placed between the mean colours just inside and just outside of it; where those hardly differ,
    the mask stays.
    """
    box = tight_box(mask)
    if box is None:
        return mask
    x0, y0 = np.maximum(box[:2].astype(int) - _LOCAL_PX, 0)
    x1, y1 = box[2:].astype(int) + _LOCAL_PX
    window = mask[y0:y1, x0:x1].astype(np.uint8)
    rgb = rgb_u8[y0:y1, x0:x1].astype(np.float32)
    inside, reach = cv2.erode(window, _INSIDE), cv2.dilate(window, _OUTSIDE)
    inner, inner_share = _local_mean(rgb, inside > 0)
    outer, outer_share = _local_mean(rgb, reach == 0)
    step = inner - outer
    contrast2 = (step**2).sum(axis=-1)
    usable = (inner_share > 0.02) & (outer_share > 0.02) & (contrast2 > _MIN_CONTRAST**2)
    share = ((rgb - outer) * step).sum(axis=-1) / np.maximum(contrast2, 1.0)
    edge = (reach > 0) & (inside == 0) & usable
    refined = np.where(edge, share > 0.5, window > 0)
    full = np.zeros_like(mask)
    full[y0:y1, x0:x1] = refined
    return largest_component(full)


def _local_mean(rgb: NDArray[np.float32], where: Mask) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean colour [h,w,3] over the pixels ``where`` in a square around each, and their share of it [h,w]."""
    size = (_LOCAL_PX, _LOCAL_PX)
    share = np.asarray(cv2.blur(where.astype(np.float32), size), dtype=np.float32)
    total = np.asarray(cv2.blur(rgb * where[..., None], size), dtype=np.float32)
    return np.asarray(total / np.maximum(share, 1e-6)[..., None], dtype=np.float32), share
