"""Judges a labelled shot by the cell's gates; every figure is kept, and every failed gate says why."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.capture.label import Label
from synth.capture.silhouette import Silhouette
from synth.cell.model import Gates
from synth.geometry import se3
from synth.geometry.boxes import Mask, box_iou, inside_image, tight_box, touches_border
from synth.geometry.normals import angle_deg, fit_plane_ransac
from synth.geometry.se3 import Array

_FACE_ERODE_PX = 4
MIN_DEPTH_POINTS = 80
_PROFILE_PX = np.linspace(-6, 6, 25)
_MIN_CONTRAST = 25.0
_CLIPPED = 254


@dataclass(frozen=True)
class Refusal:
    """Why a shot was refused: the gate's name and one sentence with what was measured and what is allowed."""

    gate: str
    message: str


@dataclass(frozen=True)
class Verdict:
    """figures: everything measured, by name with its unit. refusals: empty for an accepted shot."""

    figures: dict[str, float]
    refusals: tuple[Refusal, ...]

    @property
    def accepted(self) -> bool:
        return not self.refusals

    @property
    def reason(self) -> str:
        return "; ".join(f"{r.gate}: {r.message}" for r in self.refusals)


def judge(
    gates: Gates,
    label: Label,
    rgb_u8: NDArray[np.uint8],
    depth_m: NDArray[np.float32] | None,
    T_base_tool_before: Array,
    T_base_tool_after: Array,
    rng: np.random.Generator,
) -> Verdict:
    """Measure one labelled shot, image [H,W,3] and registered depth [H,W] along z, against the cell's gates.

    ``rng`` drives RANSAC. A figure that cannot be measured is absent: with too little depth on the
    face, or no depth at all, there is no ``normal_depth_deg``, and the shot is not refused for it.
    """
    figures: dict[str, float] = {"mask_area_px": float(label.mask.sum()), "visib_fract": label.visib_fract}
    refusals: list[Refusal] = []

    def gate(name: str, passed: bool, message: str) -> None:
        if not passed:
            refusals.append(Refusal(name, message))

    motion_mm = 1e3 * float(np.linalg.norm(T_base_tool_after[:3, 3] - T_base_tool_before[:3, 3]))
    turn_deg = float(np.degrees(se3.rotation_angle_rad(se3.inverse(T_base_tool_before) @ T_base_tool_after)))
    figures |= {"shot_motion_mm": motion_mm, "shot_rotation_deg": turn_deg}
    gate(
        "motion", motion_mm <= gates.max_shot_motion_mm, f"the tool moved {motion_mm:.3f} mm during the shot"
    )
    gate(
        "motion", turn_deg <= gates.max_shot_rotation_deg, f"the tool turned {turn_deg:.4f}° during the shot"
    )

    figures["tilt_deg"] = float(angle_deg(label.normal_cam, -label.T_cam_part[:3, 3]))
    box, square, silhouette = label.box_xyxy_px, label.square_xyxy_px, label.silhouette
    if box is None or square is None:
        gate("mask_empty", False, _colours_seen(rgb_u8, silhouette))
        return Verdict(figures, tuple(refusals))

    size_wh = (rgb_u8.shape[1], rgb_u8.shape[0])
    side_px = float((square[2:] - square[:2]).max())
    figures["box_side_px"] = side_px
    gate(
        "small",
        side_px >= gates.min_box_px,
        f"the box is {side_px:.0f} px, at least {gates.min_box_px} are wanted",
    )
    gate("border", not touches_border(label.mask), "the part touches the image border")
    gate("square_outside", inside_image(square, size_wh), "the square box leaves the image")
    gate(
        "hidden",
        label.visib_fract >= gates.min_visible,
        f"only {label.visib_fract:.2f} of the part is visible, at least {gates.min_visible:g} is wanted",
    )
    if label.colour_cad_iou is not None:
        figures["colour_cad_iou"] = label.colour_cad_iou
        gate(
            "colour_cad",
            label.colour_cad_iou >= gates.min_box_iou,
            f"colour and CAD masks agree to {label.colour_cad_iou:.2f}, "
            f"at least {gates.min_box_iou:g} is wanted",
        )
    if silhouette is None or (cad_box := tight_box(silhouette.in_image(silhouette.visible, size_wh))) is None:
        gate("box_cad", False, "the CAD part should be out of view or hidden here")
    else:
        iou = box_iou(box, cad_box)
        figures["box_cad_iou"] = iou
        gate(
            "box_cad",
            iou >= gates.min_box_iou,
            f"the box overlaps the projected CAD box by {iou:.2f}, at least {gates.min_box_iou:g} is wanted",
        )

    clipped = saturated_share(rgb_u8, label.mask)
    figures["saturated"] = clipped
    gate(
        "saturated",
        clipped <= gates.max_saturated,
        f"{clipped:.2f} of the part is overexposed, at most {gates.max_saturated:g} is allowed",
    )
    if (sharp := sharpness(rgb_u8, label.mask)) is not None:
        figures["sharpness"] = sharp
        gate(
            "blur",
            sharp >= gates.min_sharpness,
            f"the outline's sharpness is {sharp:.2f}, at least {gates.min_sharpness:g} is wanted",
        )

    if silhouette is not None and depth_m is not None:
        points_cam_m = face_points(silhouette, depth_m)
        figures["depth_points"] = float(len(points_cam_m))
        if len(points_cam_m) >= MIN_DEPTH_POINTS:
            normal_cam, inliers, rms_m = fit_plane_ransac(points_cam_m, rng)
            off_deg = float(angle_deg(normal_cam, label.normal_cam))
            figures |= {
                "normal_depth_deg": off_deg,
                "depth_rms_mm": 1e3 * rms_m,
                "depth_inliers": float(inliers.mean()),
            }
            gate(
                "normal_depth",
                off_deg <= gates.max_normal_depth_deg,
                f"the TCP's normal is {off_deg:.1f}° off the plane seen by the depth sensor, "
                f"at most {gates.max_normal_depth_deg:g}° is allowed",
            )
    return Verdict(figures, tuple(refusals))


def _colours_seen(rgb_u8: NDArray[np.uint8], silhouette: Silhouette | None) -> str:
    if silhouette is None or not silhouette.visible.any():
        return "no pixel of the image is the part's, and the CAD part should be out of view or hidden"
    x0, y0, x1, y1 = silhouette.window_xyxy
    hsv = cv2.cvtColor(np.ascontiguousarray(rgb_u8[y0:y1, x0:x1]), cv2.COLOR_RGB2HSV)[silhouette.visible]
    low, middle, high = np.percentile(hsv, [10, 50, 90], axis=0).round().astype(int)
    seen = ", ".join(f"{c} {m} ({a}–{b})" for c, m, a, b in zip("HSV", middle, low, high, strict=True))
    return f"no pixel has the label's colour; where the CAD puts the part the image has {seen}"


def saturated_share(rgb_u8: NDArray[np.uint8], mask: Mask) -> float:
    """Share of the mask's pixels whose every channel is clipped: no colour is left in them."""
    pixels = rgb_u8[mask]
    return float((pixels >= _CLIPPED).all(axis=1).mean()) if len(pixels) else 0.0


def sharpness(rgb_u8: NDArray[np.uint8], mask: Mask) -> float | None:
    """Steepest slope of the part's outline over the step it makes, per pixel; None if nothing contrasts.

    Profiles of 12 px across the outline, projected on the colour difference of their two ends; the median
    over the outline's contrasty half. A step blurred by a Gaussian of sigma pixels gives 1 / (sigma·√(2π)).
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    outline = max(contours, key=len)[:, 0].astype(np.float64)
    inward = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2.0)
    gradient = np.stack([cv2.Sobel(inward, cv2.CV_32F, 1, 0), cv2.Sobel(inward, cv2.CV_32F, 0, 1)], axis=-1)
    columns, rows = outline.astype(int).T
    normals = gradient[rows, columns]
    length = np.linalg.norm(normals, axis=1)
    usable = length > 1e-6
    normals, outline = normals[usable] / length[usable, None], outline[usable]
    if len(outline) == 0:
        return None
    places = (outline[:, None] + normals[:, None] * _PROFILE_PX[:, None]).astype(np.float32)
    profiles = cv2.remap(
        rgb_u8, places, np.empty(0), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    ).astype(float)
    n_end = len(_PROFILE_PX) // 4
    step = profiles[:, -n_end:].mean(axis=1) - profiles[:, :n_end].mean(axis=1)
    contrast = np.linalg.norm(step, axis=1)
    usable = contrast >= max(_MIN_CONTRAST, float(np.median(contrast)))
    if not usable.any():
        return None
    height = np.einsum("npc,nc->np", profiles[usable], step[usable] / contrast[usable, None])
    slope = np.gradient(height, _PROFILE_PX, axis=1).max(axis=1)
    return float(np.median(slope / contrast[usable]))


def face_points(silhouette: Silhouette, depth_m: NDArray[np.float32]) -> Array:
    """Depth points [N,3] in the camera frame on the face of interest, its edge pixels left out."""
    core = cv2.erode(
        silhouette.face.astype(np.uint8),
        np.ones((2 * _FACE_ERODE_PX + 1,) * 2, np.uint8),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    x0, y0, x1, y1 = silhouette.window_xyxy
    window_m = depth_m[y0:y1, x0:x1]
    usable = (core > 0) & (window_m > 0)
    return np.asarray(silhouette.rays_cam[usable] * window_m[usable, None], dtype=float)
