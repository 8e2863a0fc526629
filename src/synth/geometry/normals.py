"""Surface normals: how far apart two are, from a cloud of points, and in the axes of a crop.

A crop loses its place in the image: one and the same crop may carry camera-axis normals that differ by half
the field of view. So a crop has axes of its own, the camera's turned by the smallest rotation that brings the
ray through the crop's centre onto +z: ``p_crop = R_crop_cam @ p_cam``.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from synth.errors import InputError
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

CROP_SIDE_PX = 224
_INLIER_M = 0.003
_N_TRIALS = 200


def angle_deg(a: ArrayLike, b: ArrayLike) -> Array:
    """Angle [...] in degrees between directions a and b [...,3] of any length but 0, exact if tiny."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    sine = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.asarray(np.degrees(np.arctan2(sine, np.einsum("...i,...i->...", a, b))))


def fit_plane_ransac(points_m: ArrayLike, rng: np.random.Generator) -> tuple[Array, NDArray[np.bool_], float]:
    """Unit normal [3] facing the origin, inlier mask [N] and RMS distance in metres of the best plane.

    RANSAC over 200 random triples of points [N,3], then least squares over the inliers, which lie within
    3 mm, twice.
    Raises InputError for fewer than three points or points that all lie on a line.
    """
    points = np.asarray(points_m, dtype=float).reshape(-1, 3)
    if len(points) < 3:
        raise InputError(f"A plane cannot be fitted to {len(points)} points; at least 3 are needed.")
    triples = points[np.array([rng.choice(len(points), 3, replace=False) for _ in range(_N_TRIALS)])]
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    usable = lengths > 1e-12
    if not usable.any():
        raise InputError(f"A plane cannot be fitted: all {len(points)} points lie on one line.")
    normals, triples = normals[usable] / lengths[usable, None], triples[usable]
    offsets = np.einsum("ti,ti->t", normals, triples[:, 0])
    counts = (np.abs(normals @ points.T - offsets[:, None]) < _INLIER_M).sum(axis=1)
    normal, offset = normals[counts.argmax()], offsets[counts.argmax()]
    for _ in range(2):
        inliers = np.abs(points @ normal - offset) < _INLIER_M
        centre = points[inliers].mean(axis=0)
        normal = np.linalg.svd(points[inliers] - centre, full_matrices=False)[2][2]
        offset = float(normal @ centre)
    distances = points @ normal - offset
    inliers = np.abs(distances) < _INLIER_M
    rms_m = float(np.sqrt(np.mean(distances[inliers] ** 2)))
    return (-normal if offset > 0 else normal), inliers, rms_m


def crop_rotation(camera: Pinhole, centre_xy_px: ArrayLike) -> Array:
    """R_crop_cam [3,3]: the smallest rotation that brings the ray of a pixel [2] to +z."""
    ray = camera.unproject(centre_xy_px)[0]
    ray /= np.linalg.norm(ray)
    axis = np.cross(ray, [0.0, 0.0, 1.0])
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.eye(3)
    return np.asarray(Rotation.from_rotvec(axis / sine * np.arctan2(sine, ray[2])).as_matrix())


def crop_camera(camera: Pinhole, square_xyxy_px: ArrayLike) -> tuple[Pinhole, Array]:
    """The undistorted pinhole of a rectified crop and its R_crop_cam [3,3].

    square_xyxy_px: box edges, 0..W. The optical axis goes through the square's centre; the focal length is
    the longest at which the whole outline of the square is inside the crop.
    """
    x0, y0, x1, y1 = np.asarray(square_xyxy_px, dtype=float) - 0.5
    R_crop_cam = crop_rotation(camera, [(x0 + x1) / 2, (y0 + y1) / 2])
    along = np.linspace(0.0, 1.0, 9)[:, None]
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    outline = np.concatenate(
        [a + along * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)]
    )
    rays_crop = camera.unproject(outline) @ R_crop_cam.T
    f_px = CROP_SIDE_PX / 2 / np.abs(rays_crop[:, :2] / rays_crop[:, 2:]).max()
    c_px = (CROP_SIDE_PX - 1) / 2
    K = np.array([[f_px, 0.0, c_px], [0.0, f_px, c_px], [0.0, 0.0, 1.0]])
    return Pinhole((CROP_SIDE_PX, CROP_SIDE_PX), K), R_crop_cam


def make_crop(
    rgb_u8: NDArray[np.uint8], camera: Pinhole, square_xyxy_px: ArrayLike
) -> tuple[NDArray[np.uint8], Pinhole, Array]:
    """The rectified crop [224,224,3] of an image [H,W,3], its pinhole and R_crop_cam [3,3].

    Warped by K_crop · R_crop_cam · K⁻¹ with the lens distortion removed, so that the crop looks as if the
    camera had been turned towards it. A point shows in the crop where ``pinhole.project(R_crop_cam @ p_cam)``
    says.
    """
    crop, R_crop_cam = crop_camera(camera, square_xyxy_px)
    source = camera.project(crop.rays.reshape(-1, 3) @ R_crop_cam).astype(np.float32)
    source = source.reshape(CROP_SIDE_PX, CROP_SIDE_PX, 2)
    warped = cv2.remap(rgb_u8, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(warped, dtype=np.uint8), crop, R_crop_cam


def plain_crop(
    rgb_u8: NDArray[np.uint8], square_xyxy_px: Array, size_px: int = CROP_SIDE_PX
) -> NDArray[np.uint8]:
    """The square of an image [H,W,3] cut out and resized to [size,size,3], as the paper did."""
    step = float(square_xyxy_px[2] - square_xyxy_px[0]) / size_px
    first = square_xyxy_px[:2] + step / 2 - 0.5
    image_from_crop = np.array([[step, 0.0, first[0]], [0.0, step, first[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(
        rgb_u8, image_from_crop, (size_px, size_px), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, dtype=np.uint8)
