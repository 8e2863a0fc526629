"""A lens from the board alone, and whether a lens can be that of the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from synth.capture.calibrate.view import View
from synth.cell.board import Board
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

FOCAL_TOLERANCE = 0.1
"""How far K's focal length may be from the one that the board shows, as a share of it."""

FIELD_DEG = 3.0, 150.0
"""The least and the greatest angle of view along the image's longer side."""

_FITS = 2e-3
"""Root mean square error, as a share of the image's diagonal, of a lens that explains what is seen."""

_MIDDLE_FITS = 0.5
"""The error with K's middle, as a share of that with the image's, at which the board itself shows K's."""

_MAX_VIEWS = 40


@dataclass(frozen=True)
class Shown:
    """What the board shows of a lens by itself.

    has_middle: whether K's middle explains the views, and the image's does not.
    """

    focal_px: float
    has_middle: bool


def calibrate_lens(views: Sequence[View], board: Board, size_wh: tuple[int, int]) -> Pinhole:
    """Colour intrinsics from the board alone (Zhang, 2000), without the arm."""
    points, pixels = _corners(views, board)
    _, K, dist, _, _ = cv2.calibrateCamera(points, pixels, size_wh, np.eye(3), np.zeros(5))
    return Pinhole(size_wh, np.asarray(K, dtype=float), np.asarray(dist, dtype=float).ravel()[:5])


def show_lens(views: Sequence[View], board: Board, camera: Pinhole) -> Shown | None:
    """The focal length in pixels that the board shows by itself, without the arm and whatever its size, and
    whether it shows the middle of K; None where the views do not tell it to FOCAL_TOLERANCE.

    camera: its distortion is taken as it is; of its middle and the image's the one that explains more.
    Pixels are taken as square.
    """
    points, pixels = _corners(views[:: -(-len(views) // _MAX_VIEWS)], board)
    of_K = _fit_focal(points, pixels, camera, camera.K[:2, 2])
    of_image = _fit_focal(points, pixels, camera, (np.array(camera.size_wh) - 1) / 2)
    rms_px, focal_px, sigma_px = min(of_K, of_image)
    told = rms_px < _FITS * np.hypot(*camera.size_wh) and 4 * sigma_px < FOCAL_TOLERANCE * focal_px
    return Shown(focal_px, of_K[0] < _MIDDLE_FITS * of_image[0]) if told else None


def _fit_focal(
    points: list[Array], pixels: list[Array], camera: Pinhole, middle: Array
) -> tuple[float, float, float]:
    """Root mean square error, focal length and its standard deviation, in pixels; infinite where there is
    none.
    """
    fixed = (
        cv2.CALIB_USE_INTRINSIC_GUESS
        | cv2.CALIB_FIX_ASPECT_RATIO
        | cv2.CALIB_FIX_PRINCIPAL_POINT
        | cv2.CALIB_FIX_TANGENT_DIST
        | cv2.CALIB_FIX_K1
        | cv2.CALIB_FIX_K2
        | cv2.CALIB_FIX_K3
    )
    try:
        K = cv2.initCameraMatrix2D(points, pixels, camera.size_wh, 1.0)
        K[:2, 2] = middle
        found = cv2.calibrateCameraExtended(
            points, pixels, camera.size_wh, K, camera.dist.copy(), flags=fixed
        )
    except cv2.error:
        return np.inf, np.inf, np.inf
    return float(found[0]), float(found[1][0, 0]), float(np.max(found[5][:2]))


def is_in_the_middle(camera: Pinhole) -> bool:
    """Whether the optical axis meets the middle half of the image, along x and along y."""
    return bool((_off_middle(camera) <= 0.25).all())


def is_middle(camera: Pinhole) -> bool:
    """Whether the optical axis meets the image where it does in nearly all cameras."""
    return bool((_off_middle(camera) <= 0.05).all())


def _off_middle(camera: Pinhole) -> Array:
    """[2] of the optical axis from the image's middle, as shares of width and height."""
    size = np.array(camera.size_wh)
    return np.asarray(np.abs((camera.K[:2, 2] + 0.5) / size - 0.5))


def what_is_impossible(camera: Pinhole, shown: Shown | None) -> list[str]:
    """What of K cannot be so, as clauses; none where it can be. shown: by the board, which may show that the
    pictures are cut out of larger ones.
    """
    reasons = []
    focal = np.diag(camera.K)[:2]
    times = np.ones(2) if shown is None else focal / shown.focal_px
    is_off = bool(np.abs(times - 1).max() > FOCAL_TOLERANCE)
    if not is_in_the_middle(camera) and (shown is None or is_off or not shown.has_middle):
        reasons.append("the middle lies outside the middle half of the image")
    field_deg = float(2 * np.degrees(np.arctan(max(camera.size_wh) / focal.sum())))
    if not FIELD_DEG[0] <= field_deg <= FIELD_DEG[1]:
        reasons.append(
            f"the image would span {field_deg:.3g}° ({FIELD_DEG[0]:g}° to {FIELD_DEG[1]:g}° can be)"
        )
    if is_off:
        worst = times[np.abs(times - 1).argmax()]
        reasons.append(f"the focal length is {worst:.3g} times what the board shows")
    return reasons


def scale_K(camera: Pinhole, by: float) -> Pinhole:
    """The lens at the same image size, its K as for pictures ``by`` times as large."""
    K = camera.K.copy()
    K[:2] *= by
    K[:2, 2] += (by - 1) / 2  # Pixel centres lie at integers.
    return Pinhole(camera.size_wh, K, camera.dist)


def _corners(views: Sequence[View], board: Board) -> tuple[list[Array], list[Array]]:
    return (
        [board.corners_m[view.ids].astype(np.float32) for view in views],
        [view.pixels_xy.astype(np.float32) for view in views],
    )
