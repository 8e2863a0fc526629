"""How train pictures of a detector vary by chance."""

from typing import Literal, Protocol

import numpy as np
from torch import Tensor

from synth.train.loop import Rows
from synth.train.photometric import vary_colours
from synth.train.tasks.detection.images import AugmentedImages, DetectionImages, lay_out, to_xywh

Changes = Literal["mosaic", "flip"]
"""mosaic: all of Ultralytics' own, in squares. flip: from left to right alone, at the picture's own shape, as
Faster R-CNN's authors do.
"""


class ChangedImages(Protocol):
    """Random versions of train images."""

    def batch(self, rows: Rows, seed: int) -> dict[str, Tensor]:
        """img [B,3,H,W] uint8 RGB, batch_idx [M], cls [M,1], bboxes [M,4] xywh as shares; by the seed."""
        ...


def make_changes(
    changes: Changes, images: DetectionImages, side_px: int, photometric: float, stride_px: int
) -> ChangedImages:
    """stride_px: what a batch's sides are made multiples of, where it is no square."""
    if changes == "flip":
        return FlippedImages(images, photometric, stride_px)
    return AugmentedImages(images, side_px, photometric)


class FlippedImages:
    """Half of the pictures mirrored left to right, with colours that vary as the settings have it.

    Classes that a mirror swaps are swapped. Grey fills up to the largest picture of a batch.
    """

    def __init__(self, images: DetectionImages, photometric: float, stride_px: int) -> None:
        self._images, self._photometric, self._stride_px = images, photometric, stride_px

    def batch(self, rows: Rows, seed: int) -> dict[str, Tensor]:
        """As `ChangedImages`."""
        rng, images = np.random.default_rng(seed), self._images
        mirrored = np.array(images.mirrored_classes or range(max(1, len(images.class_names))))
        pictures, boxes, classes = [], [], []
        for row in rows:
            picture, own = images.bgr_u8[row][..., ::-1], to_xywh(images, row)
            colours_seed, is_flipped = int(rng.integers(2**31)), rng.random() < 0.5
            picture = vary_colours(picture[None], self._photometric, colours_seed)[0]
            if is_flipped:
                picture, own = picture[:, ::-1], own * (-1, 1, 1, 1) + (1, 0, 0, 0)
            pictures.append(picture)
            boxes.append(own)
            classes.append(mirrored[images.classes[row]] if is_flipped else images.classes[row])
        return lay_out(pictures, boxes, classes, self._stride_px)
