"""The record of a part whose pose is known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synth.dataset.sample import MIN_VISIBLE_FOR_CROP, MIN_W_FOR_CROP, Instance
from synth.geometry import se3
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import CROP_SIDE_PX, crop_camera, make_crop
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array


@dataclass(frozen=True, eq=False)
class PartLabel:
    """What is labelled on every part of one class, in the part's axes.

    normal_part: unit [3], None for no normals. point_part_m: [3] the point of interest.
    """

    class_name: str
    normal_part: Array | None
    point_part_m: Array


def describe_posed(
    label: PartLabel,
    T_cam_part: Array,
    camera: Pinhole,
    box_px: ArrayLike,
    square_px: ArrayLike | None,
    visib_fract: float,
) -> Instance:
    """A part's record from its pose [4,4] and its boxes; with a rectified crop where one can be cut."""
    normal_cam = None if label.normal_part is None else T_cam_part[:3, :3] @ label.normal_part
    point_cam_m = se3.transform(T_cam_part, label.point_part_m)
    crop = _describe_crop(camera, square_px, normal_cam, point_cam_m, visib_fract)
    return Instance(
        class_name=label.class_name,
        box_xyxy_px=np.asarray(box_px).tolist(),
        square_xyxy_px=None if square_px is None else np.asarray(square_px).tolist(),
        normal_uvw=None if normal_cam is None else uvw_from_cam(normal_cam).tolist(),
        point_xy=((camera.project(point_cam_m)[0] + 0.5) / np.asarray(camera.size_wh)).tolist(),
        T_cam_part=T_cam_part.tolist(),
        visib_fract=visib_fract,
        **crop,
    )


def orient_crop(instance: Instance, camera: Pinhole) -> Instance:
    """With a rectified crop to be cut of a picture, where its record has none and one can be cut."""
    if instance.R_crop_cam is not None or instance.normal_uvw is None or instance.point_xy is None:
        return instance
    crop = _describe_crop(
        camera,
        instance.square_xyxy_px,
        cam_from_uvw(instance.normal_uvw),
        camera.unproject(np.array(instance.point_xy) * camera.size_wh - 0.5)[0],
        instance.visib_fract,
    )
    return Instance(**{**dict(instance), **crop})


def _describe_crop(
    camera: Pinhole,
    square_px: ArrayLike | None,
    normal_cam: Array | None,
    point_cam: Array,
    visib_fract: float,
) -> dict[str, Any]:
    """What a record says of a rectified crop; nothing without a 1:1 box or where the face is not seen.

    point_cam: any point [3] on the ray to the point of interest.
    """
    if (
        normal_cam is None
        or square_px is None
        or visib_fract < MIN_VISIBLE_FOR_CROP
        or uvw_from_cam(normal_cam)[2] <= MIN_W_FOR_CROP
    ):
        return {}
    pinhole, R_crop_cam = crop_camera(camera, square_px)
    crop_px = pinhole.project(R_crop_cam @ point_cam)[0]
    return {
        "R_crop_cam": R_crop_cam.tolist(),
        "normal_crop_uvw": uvw_from_cam(R_crop_cam @ normal_cam).tolist(),
        "point_crop_xy": ((crop_px + 0.5) / CROP_SIDE_PX).tolist(),
    }


def cut_crops(
    instances: tuple[Instance, ...], rgb_u8: NDArray[np.uint8], camera: Pinhole
) -> list[NDArray[np.uint8] | None]:
    """The rectified crop [224,224,3] of each instance that has one, from the picture [H,W,3]."""
    return [
        None
        if i.R_crop_cam is None or i.square_xyxy_px is None
        else make_crop(rgb_u8, camera, i.square_xyxy_px)[0]
        for i in instances
    ]
