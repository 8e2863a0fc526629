"""Crops with their true normals, as networks that read normals take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.dataset.choices import CropKind
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.geometry.normals import plain_crop


@dataclass(frozen=True, eq=False)
class NormalCrops:
    """N crops with their truth.

    crops_u8: [N,S,S,3]. crop_uvw, uvw: [N,3] unit normals in crop and in camera axes. R_crop_cam: [N,3,3].
    names: of each crop's sample and the instance in it.
    """

    crops_u8: NDArray[np.uint8]
    crop_uvw: NDArray[np.float64]
    uvw: NDArray[np.float64]
    R_crop_cam: NDArray[np.float64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def joined(self, other: "NormalCrops") -> "NormalCrops":
        """These and then those."""
        return NormalCrops(
            np.concatenate([self.crops_u8, other.crops_u8]),
            np.concatenate([self.crop_uvw, other.crop_uvw]),
            np.concatenate([self.uvw, other.uvw]),
            np.concatenate([self.R_crop_cam, other.R_crop_cam]),
            self.names + other.names,
        )


def load_normal_crops(
    dataset: DatasetReader, samples: Sequence[Sample], side_px: int, crop: CropKind = "rectified"
) -> NormalCrops:
    """Every crop of some samples, resized to ``side_px``. Raises InputError when there is none.

    crop: paper cuts the square box from the image as it is, and its normals stay in camera axes.
    """
    crops, names = [], []
    records: list[tuple[Any, Any, Any]] = []
    for sample in samples:
        wanted = [(i, instance) for i, instance in enumerate(sample.instances) if instance.normal_crop]
        image = dataset.load_rgb(sample) if wanted and crop == "paper" else None
        for i, instance in wanted:
            if image is None:
                picture = dataset.load_crop(sample, i)
                records.append((instance.normal_crop_uvw, instance.normal_uvw, instance.R_crop_cam))
            else:
                picture = plain_crop(image, np.asarray(instance.square_xyxy_px))
                records.append((instance.normal_uvw, instance.normal_uvw, np.eye(3)))
            assert picture is not None
            crops.append(resize_crop(picture, side_px))
            names.append(f"{sample.name}_{i}")
    if not crops:
        raise InputError(
            f"{dataset.root} has no crops with normals among the {len(samples)} samples asked for"
        )
    in_crop, in_camera, turns = (np.array(column, dtype=np.float64) for column in zip(*records, strict=True))
    return NormalCrops(np.stack(crops), in_crop, in_camera, turns, tuple(names))


def resize_crop(picture_u8: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """A crop at the side that a network takes."""
    resized = cv2.resize(picture_u8, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)
