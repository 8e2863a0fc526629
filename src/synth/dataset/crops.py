"""Crops cut once more, from another picture of a scene that is labelled already."""

import numpy as np

from synth.dataset.codecs import Rgb
from synth.dataset.sample import Draft
from synth.errors import DatasetError
from synth.geometry.normals import make_crop, plain_crop


def recut(sample: Draft, rgb_u8: Rgb) -> list[Rgb | None]:
    """The crop [224,224,3] of each instance from a picture [H,W,3] that shows what the sample's own does.

    Rectified or plain as ``R_crop_cam`` says; None for an instance without one. Raises DatasetError for a
    rectified crop of a sample that does not say with which camera it was taken.
    """
    crops: list[Rgb | None] = []
    for instance in sample.instances:
        if instance.R_crop_cam is None or instance.square_xyxy_px is None:
            crops.append(None)
        elif np.array_equal(instance.R_crop_cam, np.eye(3)):
            crops.append(plain_crop(rgb_u8, np.asarray(instance.square_xyxy_px)))
        elif (camera := sample.camera) is None:
            raise DatasetError(f"sample {sample.name} has rectified crops and no K to cut them with")
        else:
            crops.append(make_crop(rgb_u8, camera, instance.square_xyxy_px)[0])
    return crops
