"""The only place where axes are flipped."""

import numpy as np
from numpy.typing import ArrayLike

from synth.geometry.se3 import Array

_UVW_SIGNS = np.array([1.0, -1.0, -1.0])


def uvw_from_cam(normal_cam: ArrayLike) -> Array:
    """A normal [...,3] in OpenCV camera axes as the paper's (u, v, w): u right, v up, w towards the camera.

    Figure 5 of the paper fixes the axes; v up is this project's reading of it. (0, 0, 1) faces the camera.
    """
    return np.asarray(np.asarray(normal_cam, dtype=float) * _UVW_SIGNS)


def cam_from_uvw(normal_uvw: ArrayLike) -> Array:
    """A normal (u, v, w) [...,3] in OpenCV camera axes: (u, −v, −w)."""
    return np.asarray(np.asarray(normal_uvw, dtype=float) * _UVW_SIGNS)
