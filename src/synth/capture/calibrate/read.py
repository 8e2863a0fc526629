"""A folder of images and poses as views: corners are found once and said while that goes on."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.capture.calibrate.detect import find_corners
from synth.capture.calibrate.folder import Description, list_depths, list_images, read_poses
from synth.capture.calibrate.solve import MIN_CORNERS
from synth.capture.calibrate.view import View
from synth.compute.progress import Progress
from synth.dataset.codecs import decode_u16, to_depth_m
from synth.errors import InputError
from synth.geometry.pinhole import Pinhole


@dataclass(frozen=True, eq=False)
class Views:
    """Views of a folder. size_wh: of its images. left_out: why views were not used, by name."""

    views: list[View]
    size_wh: tuple[int, int]
    left_out: dict[str, str]


def read_views(folder: Path, description: Description, progress: Progress) -> Views:
    """Every image with a pose and its corners.

    Raises InputError where images are of several sizes, or none can be read.
    """
    poses = read_poses(folder, description)
    images = list_images(folder, description)
    views: list[View] = []
    sizes: dict[tuple[int, int], str] = {}
    left_out = {name: "has no image" for name in poses if name not in images}
    progress.begin(total=len(images), done=0)
    try:
        for name, file in images.items():
            reason = "has no pose" if name not in poses else None
            grey = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) if reason is None else None
            if grey is None:
                left_out[name] = reason or "is no image that can be read"
                progress.left_out(name, left_out[name])
                continue
            sizes.setdefault((grey.shape[1], grey.shape[0]), name)
            corners = find_corners(np.asarray(grey, dtype=np.uint8), description.board)
            if len(corners) < MIN_CORNERS:
                left_out[name] = f"shows {len(corners)} corners of the board, {MIN_CORNERS} are needed"
                progress.left_out(name, left_out[name])
                continue
            views.append(View(name, poses[name], corners.ids, corners.pixels_xy))
            progress.accepted(name)
    finally:
        progress.end()
    if len(sizes) != 1:
        listed = ", ".join(f"{w}×{h} ({name})" for (w, h), name in sizes.items()) or "none"
        raise InputError(f"{folder} has images of several sizes or none that can be read: {listed}")
    return Views(views, next(iter(sizes)), left_out)


def known_lens(description: Description, size_wh: tuple[int, int]) -> Pinhole | None:
    """The described intrinsics, at the images' size."""
    if description.camera is None:
        return None
    dist = np.zeros(5)
    dist[: len(description.camera.dist)] = description.camera.dist
    return Pinhole(size_wh, np.asarray(description.camera.K, dtype=float), dist)


def read_depths(folder: Path, description: Description) -> dict[str, NDArray[np.float32]]:
    """Depth in metres [H,W] by view's name, where the folder has some. Raises DatasetError."""
    if description.depth is None or description.depth_scale_m is None:
        return {}
    return {
        name: to_depth_m(decode_u16(file.read_bytes(), str(file)), description.depth_scale_m)
        for name, file in list_depths(folder, description).items()
    }
