"""Plates of photographs that say nothing of poses: each with the lens that took it, none too large."""

from collections.abc import Collection, Iterator
from itertools import islice
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
from synth.sim.photographs.lens import find_lens
from synth.sim.photographs.outlines import outline_parts
from synth.sim.photographs.plates import MAX_PLATES, Plate, list_backgrounds, paint_out
from synth.sim.scene import SceneCamera

MAX_SIDE_PX = 1280
"""Photographs are scaled down to it: a phone's are three times as long, and detectors look at less."""

_MAX_MEASURED = 12
_RIM_SHARE, _LEAST_RIM_PX = 0.08, 3


def open_pictures(folder: Path, fov_deg: float | None) -> Iterator[tuple[Plate, bool]]:
    """Of a folder without labels, and whether the lens is known. Raises InputError for none, DatasetError for
    one that does not open.
    """
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
        yield Plate(rgb_u8, parent, camera=lens.camera_of(_size_wh(rgb_u8))), lens.is_known


def paint_plates(over: DatasetReader, fov_deg: float | None) -> Iterator[tuple[Plate, bool]]:
    """Of train samples, with what is labelled painted out, and whether the lens is known. Raises InputError
    where there is none.
    """
    train = over.of_split("train")
    if not train:
        raise InputError(f"{over.root} has no train photograph: name some with --train when it is imported")
    chosen = evenly(train, min(MAX_PLATES, len(train)))
    pictures = [_shrink(over.load_rgb(sample)) for sample in chosen]
    hidden = [_hide(over, sample, rgb_u8) for sample, rgb_u8 in zip(chosen, pictures, strict=True)]
    for i, sample in enumerate(chosen):
        painted = paint_out(i, pictures, hidden)
        camera, is_known = _find_camera(over, sample, _size_wh(painted), fov_deg)
        yield Plate(painted, over.as_parent(sample, "plate"), sample, camera), is_known


def list_views(over: DatasetReader, classes: Collection[str]) -> Iterator[View]:
    """Train samples with parts of these classes and their outlines, a few of a few, evenly chosen."""
    seen = [s for s in over.of_split("train") if any(i.class_name in classes for i in s.instances)]
    for sample in evenly(seen, min(_MAX_MEASURED, len(seen))):
        rgb_u8 = _shrink(over.load_rgb(sample))
        outlines = outline_parts(over, sample, rgb_u8, classes)
        yield View(rgb_u8, list(islice(outlines, _MAX_MEASURED)))


def _find_camera(
    over: DatasetReader, sample: Sample, size_wh: tuple[int, int], fov_deg: float | None
) -> tuple[SceneCamera, bool]:
    """Of a sample's picture, scaled to a size: its own where it tells one, and none is given."""
    if sample.K is None or fov_deg is not None:
        assert sample.image is not None
        lens = find_lens(over.root / sample.image, sample.size_wh, fov_deg)
        return lens.camera_of(size_wh), lens.is_known
    to_edges = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # From which pictures are scaled.
    scale = np.diag([*(np.asarray(size_wh) / sample.size_wh), 1.0])
    K = np.linalg.inv(to_edges) @ scale @ to_edges @ np.asarray(sample.K)
    no_dist = (0.0, 0.0, 0.0, 0.0, 0.0)
    camera = SceneCamera(
        size_wh=size_wh, K=K.tolist(), dist=sample.dist or no_dist, T_base_cam=np.eye(4).tolist()
    )
    return camera, True


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
    size_wh = [max(1, round(scale * side)) for side in _size_wh(rgb_u8)]
    return np.asarray(cv2.resize(rgb_u8, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _size_wh(rgb_u8: Rgb) -> tuple[int, int]:
    return rgb_u8.shape[1], rgb_u8.shape[0]
