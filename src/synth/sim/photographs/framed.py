"""Plates of photographs that say nothing of poses: each with the lens that took it, none too large."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from synth.dataset.codecs import Rgb, pixels_sha256
from synth.dataset.imports.pictures import open_picture
from synth.dataset.origin import Parent
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.boxes import Mask
from synth.sim.backdrop import evenly
from synth.sim.photographs.appearance import View
from synth.sim.photographs.lens import Lens, find_lens
from synth.sim.photographs.outlines import outline_parts
from synth.sim.photographs.plates import MAX_PLATES, Plate, list_backgrounds, paint_out

MAX_SIDE_PX = 1280
"""Photographs are scaled down to it: a phone's are three times as long, and detectors look at less."""

_MAX_MEASURED = 12
_RIM_SHARE, _LEAST_RIM_PX = 0.08, 3


def open_pictures(folder: Path, fov_deg: float | None) -> Iterator[tuple[Plate, Lens]]:
    """Of a folder without labels. Raises InputError for none, DatasetError for one that does not open."""
    for i, path in enumerate(list_backgrounds(folder, "--over")):
        picture = open_picture(path)
        lens = find_lens(path, picture.size_wh, fov_deg)
        rgb_u8 = _shrink(picture.rgb_u8)
        parent = Parent(
            dataset=folder.resolve().name,
            kind="imported",
            name=f"{i:06d}",
            pixels_sha256=pixels_sha256(picture.rgb_u8),
            used=("plate",),
        )
        yield Plate(rgb_u8, parent, camera=lens.camera_of(_size_wh(rgb_u8))), lens


def paint_plates(over: DatasetReader, fov_deg: float | None) -> Iterator[tuple[Plate, Lens]]:
    """Of train samples, with what is labelled painted out. Raises InputError where there is none."""
    train = over.of_split("train")
    if not train:
        raise InputError(f"{over.root} has no train photograph: name some with --train when it is imported")
    chosen = evenly(train, min(MAX_PLATES, len(train)))
    pictures = [_shrink(over.load_rgb(sample)) for sample in chosen]
    hidden = [_hide(over, sample, rgb_u8) for sample, rgb_u8 in zip(chosen, pictures, strict=True)]
    for i, sample in enumerate(chosen):
        assert sample.image is not None
        lens = find_lens(over.root / sample.image, sample.size_wh, fov_deg)
        painted = paint_out(i, pictures, hidden)
        parent = over.as_parent(sample, "labels", "plate")
        yield Plate(painted, parent, sample, lens.camera_of(_size_wh(painted))), lens


def list_views(over: DatasetReader) -> Iterator[View]:
    """Train samples with labelled parts and their outlines, a few, evenly chosen."""
    seen = [s for s in over.of_split("train") if s.instances]
    for sample in evenly(seen, min(_MAX_MEASURED, len(seen))):
        rgb_u8 = _shrink(over.load_rgb(sample))
        yield View(rgb_u8, list(outline_parts(over, sample, rgb_u8)))


def _hide(over: DatasetReader, sample: Sample, rgb_u8: Rgb) -> Mask:
    """[H,W] boxes or outlines of all that is labelled in a picture that may be scaled, with a rim."""
    height, width = rgb_u8.shape[:2]
    scale = width / sample.size_wh[0]
    hidden = np.zeros((height, width), np.uint8)
    mask = over.load_mask(sample)
    for i, instance in enumerate(sample.instances, start=1):
        x0, y0, x1, y1 = np.asarray(instance.box_xyxy_px) * scale
        rim = max(_LEAST_RIM_PX, round(_RIM_SHARE * max(x1 - x0, y1 - y0)))
        if mask is None:
            hidden[max(int(y0) - rim, 0) : int(y1) + rim + 1, max(int(x0) - rim, 0) : int(x1) + rim + 1] = 1
        else:
            part = cv2.resize((mask == i).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1,) * 2)
            hidden |= np.asarray(cv2.dilate(part, disc), np.uint8)
    return np.asarray(hidden > 0)


def _shrink(rgb_u8: Rgb) -> Rgb:
    scale = MAX_SIDE_PX / max(rgb_u8.shape[:2])
    if scale >= 1:
        return rgb_u8
    return np.asarray(cv2.resize(rgb_u8, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _size_wh(rgb_u8: Rgb) -> tuple[int, int]:
    return rgb_u8.shape[1], rgb_u8.shape[0]
