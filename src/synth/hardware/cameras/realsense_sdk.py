"""librealsense's Python module, and its intrinsics and extrinsics as ours."""

import importlib.metadata
from types import ModuleType
from typing import Any

import numpy as np

from synth.cell.cameras import L515
from synth.errors import CameraError, InputError
from synth.extras import how_to_install, how_to_install_package
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

_MAX_FIT_PX = 0.1
WHEEL = f"{L515.sdk}=={L515.newest_sdk}"


def load_sdk() -> ModuleType:
    """pyrealsense2, imported on first use; raises InputError naming the package where it is absent."""
    try:
        import pyrealsense2
    except ImportError as error:
        raise InputError(
            f"pyrealsense2 cannot be imported ({error}): run {how_to_install('hardware')} in Python 3.11, "
            f"or for a D435, D435i or D455 {how_to_install('realsense')}"
        ) from None
    module: ModuleType = pyrealsense2
    return module


def sdk_version() -> str:
    """The installed wheel's version, such as 2.54.2.5684."""
    try:
        return importlib.metadata.version("pyrealsense2")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def to_float(value: float) -> float:
    """A float32 of librealsense as the shortest decimal that means it: 0.00025, not 0.000250000012."""
    return float(str(np.float32(value)))


def to_pinhole(intrinsics: Any) -> Pinhole:
    """librealsense's intrinsics; its Brown–Conrady model is OpenCV's, pixel centres at integers.

    Inverse Brown–Conrady, which a D455 reports, is put into OpenCV's coefficients. Raises CameraError for
    another distortion model with coefficients that are not zero: reading them as Brown–Conrady would move
    pixels without a word.
    """
    rs = load_sdk()
    dist = np.array([to_float(c) for c in intrinsics.coeffs])
    if dist.any() and intrinsics.model == rs.distortion.inverse_brown_conrady:
        dist = _fit_dist(intrinsics)
    elif dist.any() and intrinsics.model != rs.distortion.brown_conrady:
        raise CameraError(
            f"The camera reports the distortion model {intrinsics.model}, synth reads Brown–Conrady: run "
            f"{how_to_install_package(WHEEL)}, with which an L515 reports that"
        )
    fx, fy, cx, cy = (to_float(v) for v in (intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy))
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    return Pinhole((intrinsics.width, intrinsics.height), K, dist)


def _fit_dist(intrinsics: Any) -> Array:
    """OpenCV's [5] coefficients that undistort as the installed librealsense does, by least squares over the
    image: in them they are linear. Raises CameraError where some pixel would be 0.1 px off.
    """
    rs = load_sdk()
    u, v = (np.linspace(0, size - 1, 25) for size in (intrinsics.width, intrinsics.height))
    pixels = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    seen = np.array([rs.rs2_deproject_pixel_to_point(intrinsics, list(p), 1.0)[:2] for p in pixels])
    f_px = np.array([intrinsics.fx, intrinsics.fy])
    bent = (pixels - [intrinsics.ppx, intrinsics.ppy]) / f_px
    (x, y), r2 = seen.T, (seen**2).sum(axis=1)
    columns_x = np.stack([x * r2, x * r2**2, 2 * x * y, r2 + 2 * x**2, x * r2**3], axis=1)
    columns_y = np.stack([y * r2, y * r2**2, r2 + 2 * y**2, 2 * x * y, y * r2**3], axis=1)
    columns = np.concatenate([columns_x, columns_y])
    wanted = (bent - seen).T.ravel()
    dist, *_ = np.linalg.lstsq(columns, wanted, rcond=None)
    off_px = float(np.abs(columns @ dist - wanted).max() * f_px.max())
    if off_px > _MAX_FIT_PX:
        raise CameraError(
            f"The camera's distortion is {off_px:.2f} px off what OpenCV's model can say: calibrate its lens "
            "with another tool and give K and dist in the cell"
        )
    return np.asarray(dist)


def to_intrinsics(camera: Pinhole) -> Any:
    """The inverse of ``to_pinhole``."""
    rs = load_sdk()
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = camera.size_wh
    intrinsics.fx, intrinsics.fy = float(camera.K[0, 0]), float(camera.K[1, 1])
    intrinsics.ppx, intrinsics.ppy = float(camera.K[0, 2]), float(camera.K[1, 2])
    intrinsics.model = rs.distortion.brown_conrady if camera.dist.any() else rs.distortion.none
    intrinsics.coeffs = [float(c) for c in camera.dist]
    return intrinsics


def to_transform(extrinsics: Any) -> Array:
    """librealsense's extrinsics (rotation column by column) as T_to_from [4,4]."""
    return se3.make(np.asarray(extrinsics.rotation).reshape(3, 3).T, np.asarray(extrinsics.translation))


def to_extrinsics(T_to_from: Array) -> Any:
    """The inverse of ``to_transform``."""
    extrinsics = load_sdk().extrinsics()
    extrinsics.rotation = T_to_from[:3, :3].T.ravel().tolist()
    extrinsics.translation = T_to_from[:3, 3].tolist()
    return extrinsics
