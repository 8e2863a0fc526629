"""The empty bench: photographed with the arm parked, or pieced together from shots if it cannot leave.

The base never moves: what the camera sees of it belongs to the bench.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.capture.settings import CaptureSettings
from synth.cell.mesh import CellBodies
from synth.cell.model import Cell
from synth.compute.progress import Progress
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.geometry import se3
from synth.geometry.arm import forward, link_capsules
from synth.geometry.boxes import Mask
from synth.geometry.clearance import hull_vertices
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array
from synth.hardware.camera import Camera

if TYPE_CHECKING:
    from synth.capture.arm import Arm

_GROW_PX = 14
_MAX_SHOTS = 15
_BASE = 0


def arm_mask(cell: Cell, bodies: CellBodies, camera: Pinhole, q_rad: Array) -> Mask:
    """The pixels [H,W] that the nominal arm, mount and part cover at joints [6], generously."""
    T_cam_base = se3.inverse(np.asarray(cell.camera.T_base_cam))
    links = link_capsules(q_rad, cell.robot.arm)
    mask = np.zeros(camera.size_wh[::-1], dtype=np.uint8)
    for a_m, b_m, radius_m, body in zip(links.a_m, links.b_m, links.radius_m, links.body, strict=True):
        if body != _BASE:
            n = 2 + int(np.linalg.norm(b_m - a_m) / (radius_m / 4))
            _fill(mask, camera, se3.transform(T_cam_base, np.linspace(a_m, b_m, n)), float(radius_m))
    T_cam_tool = T_cam_base @ forward(q_rad, cell.robot.arm.dh) @ cell.robot.T_flange_tool
    for mesh, T_cam_mesh in (
        (bodies.mount, T_cam_tool @ cell.mount.T_tool_mount),
        (bodies.part, T_cam_tool @ np.asarray(cell.part.T_tool_part)),
    ):
        _fill(mask, camera, se3.transform(T_cam_mesh, hull_vertices(mesh)), 0.0, hull=True)
    size = 2 * _GROW_PX + 1
    return np.asarray(cv2.dilate(mask, np.ones((size, size), np.uint8)) > 0)


def _fill(
    mask: NDArray[np.uint8], camera: Pinhole, points_cam_m: Array, radius_m: float, *, hull: bool = False
) -> None:
    """Discs of balls, or a hull of points; no distortion, which folds far points into the image."""
    front = points_cam_m[points_cam_m[:, 2] > 0.05]
    if len(front) == 0:
        return
    pixels = np.clip(Pinhole(camera.size_wh, camera.K).project(front), -1e5, 1e5).round().astype(np.int32)
    if hull:
        cv2.fillConvexPoly(mask, cv2.convexHull(pixels), 1)
        return
    radii_px = (camera.K[0, 0] * radius_m / front[:, 2]).round().astype(int)
    for (x, y), r in zip(pixels.tolist(), radii_px.tolist(), strict=True):
        cv2.circle(mask, (x, y), r, 1, -1)


def park_is_out_of_view(cell: Cell, bodies: CellBodies, camera: Pinhole) -> bool:
    """Whether the cell has a parking place that leaves the whole image to the bench."""
    park = cell.robot.park_q_rad
    return park is not None and not arm_mask(cell, bodies, camera, park).any()


def take_plates(
    settings: CaptureSettings, arm: "Arm", camera: Camera, writer: DatasetWriter, progress: Progress
) -> None:
    """Photograph the bench with the arm parked; frames that are on disk already are not written twice."""
    park = settings.cell.robot.park_q_rad
    if park is None or len(writer.plates) >= settings.n_plates:
        return
    arm.go_to(park)
    for i in range(settings.n_plates):
        sample = camera.grab(after_ns=arm.read_state().t_ns)
        if i >= len(writer.plates):
            writer.add_plate(sample.rgb_u8, sample.depth_counts)
    progress.say(f"Plates of the empty bench: {settings.n_plates}")


def piece_plate_together(
    cell: Cell, bodies: CellBodies, camera: Pinhole, writer: DatasetWriter, progress: Progress
) -> None:
    """One plate from the shots: the median of what is not arm, inpainted where the arm always was."""
    if writer.plates:
        return
    reader = DatasetReader(writer.root)
    step = max(1, len(reader.samples) // _MAX_SHOTS)
    shots = reader.samples[::step][:_MAX_SHOTS]
    stack = np.stack([reader.load_rgb(s) for s in shots])  # [N,H,W,3]
    hidden = np.stack(
        [arm_mask(cell, bodies, camera, np.asarray(s.robot.before.q_rad)) for s in shots if s.robot]
    )
    plate, seen = masked_median(stack, hidden)
    plate = np.asarray(cv2.inpaint(plate, (~seen).astype(np.uint8), 5, cv2.INPAINT_TELEA), dtype=np.uint8)
    writer.add_plate(plate, inpainted=True)
    progress.say(
        f"The arm cannot leave the view, so one plate was pieced together from {len(shots)} shots; "
        f"{1 - seen.mean():.1%} of it was always hidden and is inpainted."
    )


def masked_median(stack_u8: NDArray[np.uint8], hidden: Mask) -> tuple[NDArray[np.uint8], Mask]:
    """The median image [H,W,3] of a stack [N,H,W,3] over the shots where a pixel is not hidden [N,H,W].

    Also [H,W], where any shot saw the bench; the median is 0 elsewhere.
    """
    order = np.sort(np.where(hidden[..., None], np.int16(256), stack_u8.astype(np.int16)), axis=0)
    n_seen = (~hidden).sum(axis=0)
    middle = np.maximum((n_seen - 1) // 2, 0)[None, ..., None]
    median = np.take_along_axis(order, np.broadcast_to(middle, (1, *order.shape[1:])), axis=0)[0]
    seen = n_seen > 0
    return np.where(seen[..., None], median, 0).astype(np.uint8), np.asarray(seen)
