"""A picture of one plate at any place, drawn finely, and a witness that finds it by its colour."""

from functools import cache

import cv2
import numpy as np

from synth.dataset.sample import Instance
from synth.geometry.boxes import square_box, tight_box
from synth.witness.observation import Observation

SIZE_WH = (260, 220)
CORNERS = np.array([[85.0, 60.0], [160.0, 75.0], [150.0, 150.0], [90.0, 140.0]])
_FINE = 8


@cache
def draw_plate(move_xy: tuple[float, float] = (0, 0), *, warp_px: float = 0) -> np.ndarray:
    """RGB [H,W,3] uint8; the plate is moved, and its right edge bulges by ``warp_px``."""
    width, height = SIZE_WH
    yy, xx = np.mgrid[: height * _FINE, : width * _FINE].astype(np.float32) / _FINE
    picture = np.stack([150 + xx / 20, 152 + yy / 30, 148 + 0 * xx], axis=-1)
    for x, y in ((30, 30), (200, 40), (220, 180), (40, 190)):
        cv2.circle(picture, (x * _FINE, y * _FINE), 4 * _FINE, (70, 70, 75), -1)
    corners = CORNERS + move_xy
    if warp_px:
        bulge = np.linspace(0, 1, 40)[1:-1, None]
        side = corners[1] + bulge * (corners[2] - corners[1])
        side[:, 0] += warp_px * np.sin(np.pi * bulge[:, 0])
        corners = np.concatenate([corners[:2], side, corners[2:]])
    _fill(picture, corners, (200, 95, 45))
    middle = CORNERS.mean(axis=0) + move_xy
    cv2.circle(picture, ((middle + 0.5) * _FINE).astype(int).tolist(), 10 * _FINE, (110, 50, 25), -1)
    small = cv2.resize(picture, SIZE_WH, interpolation=cv2.INTER_AREA)
    return to_u8(cv2.GaussianBlur(small, (0, 0), 0.7))


@cache
def plate_mask() -> np.ndarray:
    """Mask [H,W] uint16 of the plate where it was not moved."""
    fine = np.zeros((SIZE_WH[1] * _FINE, SIZE_WH[0] * _FINE), np.float32)
    _fill(fine, CORNERS, 1.0)
    return (cv2.resize(fine, SIZE_WH, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint16)


def plate_instance() -> Instance:
    """Its label."""
    box = tight_box(plate_mask() > 0)
    assert box is not None
    return Instance(
        class_name="cover",
        box_xyxy_px=box,
        square_xyxy_px=square_box(box),
        normal_uvw=(0.0, 0.0, 1.0),
        visib_fract=1.0,
    )


def to_u8(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _fill(picture: np.ndarray, corners: np.ndarray, colour: object) -> None:
    pixels = ((corners + 0.5) * _FINE * 16).round().astype(np.int32)
    cv2.fillPoly(picture, [pixels], colour, shift=4)


class ColourWitness:
    """Finds what is redder than blue, and says that it leans to where its middle lies.

    The share of red is set against that of the middle and of the border of what it is shown, so that white
    balance does not matter.
    """

    def observe(self, rgb_u8: np.ndarray) -> Observation:
        rgb = rgb_u8.astype(np.float32) + 1
        masks = []
        for image in rgb:
            redness = cv2.GaussianBlur(np.log(image[..., 0] / image[..., 2]), (0, 0), 1.0)
            low, high = np.percentile(redness, 20), np.percentile(redness, 85)
            masks.append(np.clip((redness - low) / (high - low + 1e-6), 0, 1))
        normals = np.tile(np.float32([0, 0, 1]), (*rgb.shape[:3], 1))
        normals[..., 0] = [[[np.tan(0.2 * mask.mean())]] for mask in masks]
        return Observation(np.stack(masks).astype(np.float32), normals)
