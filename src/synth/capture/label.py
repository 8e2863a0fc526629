"""From one shot to its label: which pixels are the part, its two boxes, its normal and its crop.

Pixels come from a colour filter, as in the paper's section 3.3, or from the CAD outline; the normal never
does: it is the TCP's, brought into camera axes through ``T_base_cam``, or, with the camera on the arm, that
of the part that stands, through ``T_tool_cam`` and the TCP.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.capture.choices import LabelSource
from synth.capture.silhouette import Silhouette, SilhouetteCaster
from synth.cell.mesh import CellBodies, label_normal_part
from synth.cell.model import Cell
from synth.cell.places import T_cam_part
from synth.dataset.choices import CropKind
from synth.dataset.colour_filter import colour_mask, holes, largest_component, mask_iou, refine_edge
from synth.dataset.sample import MIN_VISIBLE_FOR_CROP, MIN_W_FOR_CROP
from synth.geometry import se3
from synth.geometry.boxes import Mask, inside_image, square_box, tight_box
from synth.geometry.frames import uvw_from_cam
from synth.geometry.normals import CROP_SIDE_PX, make_crop, plain_crop
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array


@dataclass(frozen=True, eq=False)
class Crop:
    """The part cut out at 224×224.

    R_crop_cam: [3,3], ``p_crop = R_crop_cam @ p_cam``; the identity for a plain cut. normal_uvw: the normal
    in crop axes. point_xy: the point of interest in fractions of the crop.
    """

    rgb_u8: NDArray[np.uint8]
    R_crop_cam: Array
    normal_uvw: Array
    point_xy: Array


@dataclass(frozen=True, eq=False)
class Label:
    """What is written beside one image.

    mask: [H,W], the part's visible pixels. box_xyxy_px, square_xyxy_px: edges 0..W; None for an empty mask.
    normal_cam: unit, OpenCV axes. normal_uvw: the paper's axes. point_xy: fractions of the full image.
    visib_fract: mask area over the CAD outline's, at most 1. colour_cad_iou: agreement of the two masks, None
    unless both were made. crop: None where the face is too oblique (w ≤ 0.2) or less than 0.8 is visible.
    """

    mask: Mask
    box_xyxy_px: Array | None
    square_xyxy_px: Array | None
    T_cam_part: Array
    normal_cam: Array
    normal_uvw: Array
    point_xy: Array
    visib_fract: float
    silhouette: Silhouette | None
    colour_cad_iou: float | None
    crop: Crop | None


class Labeller:
    """Labels the shots of one cell; what does not change between shots is built once."""

    def __init__(
        self, cell: Cell, bodies: CellBodies, camera: Pinhole, *, source: LabelSource, crop_kind: CropKind
    ) -> None:
        self._cell = cell
        self._camera = camera
        self._source = source
        self._crop_kind = crop_kind
        self._caster = SilhouetteCaster(cell, bodies, camera)
        self._normal_part = label_normal_part(cell, bodies.part)
        self._point_part_m = np.asarray(cell.part.point_of_interest_m)

    def label(self, rgb_u8: NDArray[np.uint8], T_base_tool: Array, q_rad: Array) -> Label:
        """The label of an image [H,W,3] taken at tool pose ``T_base_tool`` [4,4] and joints ``q_rad`` [6]."""
        T = T_cam_part(self._cell, T_base_tool)
        normal_cam = T[:3, :3] @ self._normal_part
        point_px = self._camera.project(se3.transform(T, self._point_part_m[None]))[0]

        silhouette = self._caster.cast(T_base_tool, q_rad)
        mask, iou = self._mask(rgb_u8, silhouette)
        box = tight_box(mask)
        square = None if box is None else square_box(box)
        visib_fract = visible_share(mask, silhouette)
        crop = None
        seen_well = visib_fract >= MIN_VISIBLE_FOR_CROP and uvw_from_cam(normal_cam)[2] > MIN_W_FOR_CROP
        if seen_well and square is not None and inside_image(square, self._camera.size_wh):
            crop = self._crop(rgb_u8, square, normal_cam, T)
        return Label(
            mask=mask,
            box_xyxy_px=box,
            square_xyxy_px=square,
            T_cam_part=T,
            normal_cam=normal_cam,
            normal_uvw=uvw_from_cam(normal_cam),
            point_xy=(point_px + 0.5) / np.asarray(self._camera.size_wh),
            visib_fract=visib_fract,
            silhouette=silhouette,
            colour_cad_iou=iou,
            crop=crop,
        )

    def _mask(self, rgb_u8: NDArray[np.uint8], silhouette: Silhouette | None) -> tuple[Mask, float | None]:
        size_wh = self._camera.size_wh
        cad = None if silhouette is None else silhouette.in_image(silhouette.visible, size_wh)
        empty = np.zeros(rgb_u8.shape[:2], dtype=bool)
        if self._source == "cad":
            return (empty if cad is None else cad), None
        outline = None if silhouette is None else silhouette.in_image(silhouette.part, size_wh)
        found = largest_component(colour_mask(rgb_u8, self._cell.label), within=outline)
        mask = refine_edge(rgb_u8, found)
        if cad is not None:
            mask |= holes(mask) & cad
        if self._source == "colour":
            return mask, None
        return mask, mask_iou(mask, empty if cad is None else cad)

    def _crop(self, rgb_u8: NDArray[np.uint8], square: Array, normal_cam: Array, T_cam_part: Array) -> Crop:
        point_cam_m = se3.transform(T_cam_part, self._point_part_m)
        if self._crop_kind == "rectified":
            pixels, crop_camera, R_crop_cam = make_crop(rgb_u8, self._camera, square)
            point_px = crop_camera.project(R_crop_cam @ point_cam_m)[0]
            point_xy = (point_px + 0.5) / CROP_SIDE_PX
        else:
            pixels, R_crop_cam = plain_crop(rgb_u8, square), np.eye(3)
            point_px = self._camera.project(point_cam_m)[0]
            point_xy = (point_px + 0.5 - square[:2]) / (square[2:] - square[:2])
        return Crop(pixels, R_crop_cam, uvw_from_cam(R_crop_cam @ normal_cam), point_xy)


def visible_share(mask: Mask, silhouette: Silhouette | None) -> float:
    """Mask area over the unhidden CAD outline's, at most 1; 0 where the part should be out of view."""
    outline_px = 0 if silhouette is None else int(silhouette.part.sum())
    return min(float(mask.sum()) / outline_px, 1.0) if outline_px else 0.0
