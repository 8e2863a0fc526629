"""Outlines of labelled parts: as their masks have them, or cut out of their boxes."""

from collections.abc import Collection, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.codecs import Rgb
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.geometry.boxes import Mask

_ROUNDS = 4
_AROUND = 0.5
_MOST_PX = 160
_LEAST_SHARE = 0.05


def outline_parts(
    dataset: DatasetReader, sample: Sample, rgb_u8: Rgb, classes: Collection[str]
) -> Iterator[tuple[str, Mask]]:
    """Class and outline [H,W] of each part of some classes in a sample's picture [H,W,3], perhaps scaled.

    Without a mask a part is cut out of its box (GrabCut, Rother et al. 2004): good enough to measure a colour
    on, no label. Where little of a box differs from what lies around, nothing comes out of it.
    """
    size_wh = rgb_u8.shape[1], rgb_u8.shape[0]
    mask = dataset.load_mask(sample)
    if mask is not None:
        mask = np.asarray(cv2.resize(mask, size_wh, interpolation=cv2.INTER_NEAREST), mask.dtype)
    scale = size_wh[0] / sample.size_wh[0]
    for i, instance in enumerate(sample.instances, start=1):
        if instance.class_name not in classes:
            continue
        if mask is not None:
            yield instance.class_name, np.asarray(mask == i)
        elif (outline := _cut_out(rgb_u8, scale * np.asarray(instance.box_xyxy_px))) is not None:
            yield instance.class_name, outline


def _cut_out(rgb_u8: Rgb, box_xyxy_px: NDArray[np.float64]) -> Mask | None:
    height, width = rgb_u8.shape[:2]
    margin = _AROUND * np.tile(box_xyxy_px[2:] - box_xyxy_px[:2], 2) * [-1, -1, 1, 1]
    limits = np.array([width, height, width, height])
    x0, y0, x1, y1 = np.clip(np.rint(box_xyxy_px + margin), 0, limits).astype(int)
    window = rgb_u8[y0:y1, x0:x1]
    if min(window.shape[:2]) < 8:
        return None
    scale = min(1.0, _MOST_PX / max(window.shape[:2]))
    small = np.ascontiguousarray(cv2.resize(window, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    left, top, right, bottom = np.rint((box_xyxy_px - [x0, y0, x0, y0]) * scale).astype(int)
    h, w = small.shape[:2]
    left, top, right, bottom = max(left, 1), max(top, 1), min(right, w - 1), min(bottom, h - 1)
    if right - left < 4 or bottom - top < 4:
        return None
    cut = np.zeros((h, w), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    rect = (int(left), int(top), int(right - left), int(bottom - top))
    cv2.grabCut(small, cut, rect, *models, _ROUNDS, cv2.GC_INIT_WITH_RECT)
    found = ((cut == cv2.GC_FGD) | (cut == cv2.GC_PR_FGD)).astype(np.uint8)
    if found.sum() < _LEAST_SHARE * rect[2] * rect[3]:
        return None
    whole = np.zeros((height, width), bool)
    whole[y0:y1, x0:x1] = cv2.resize(found, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR) > 0
    return whole
