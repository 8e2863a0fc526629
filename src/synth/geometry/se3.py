"""Rigid transforms as 4×4 arrays. ``T_a_b`` maps points of frame b to frame a: ``p_a = T_a_b @ p_b``.

SciPy is loaded by what needs it, since it takes longer to load than all else of a process that does not.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def make(R: ArrayLike, t_m: ArrayLike) -> Array:
    """The transform of rotation ``R`` [3,3] and translation ``t_m`` [3] in metres."""
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = t_m
    return T


def from_rotvec(rotvec_rad: ArrayLike, t_m: ArrayLike) -> Array:
    """The transform of a rotation vector [3] in radians and a translation [3] in metres, as in a UR pose."""
    from scipy.spatial.transform import Rotation

    return make(Rotation.from_rotvec(np.asarray(rotvec_rad, dtype=float)).as_matrix(), t_m)


def to_rotvec(T: Array) -> Array:
    """The rotation vector [3] in radians of ``T`` [4,4]."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(T[:3, :3]).as_rotvec())


def inverse(T: Array) -> Array:
    """The inverse of the rigid transform ``T`` [4,4]."""
    R_inv = T[:3, :3].T
    return make(R_inv, -R_inv @ T[:3, 3])


def transform(T: Array, points_m: ArrayLike) -> Array:
    """Points [...,3] moved by ``T`` [4,4]."""
    return np.asarray(points_m, dtype=float) @ T[:3, :3].T + T[:3, 3]


def mean_pose(T_a: Array, T_b: Array) -> Array:
    """The pose half way between two nearby poses [4,4]."""
    from scipy.spatial.transform import Rotation

    R = Rotation.from_matrix(np.stack([T_a[:3, :3], T_b[:3, :3]])).mean().as_matrix()
    return make(R, (T_a[:3, 3] + T_b[:3, 3]) / 2)


def rotation_angle_rad(T: Array) -> float:
    """The angle in radians by which ``T`` [3,3] or [4,4] rotates."""
    from scipy.spatial.transform import Rotation

    return float(Rotation.from_matrix(T[:3, :3]).magnitude())


def is_rigid(T: ArrayLike, tolerance: float = 1e-6) -> bool:
    """Whether ``T`` is a 4×4 of finite numbers whose rotation is orthonormal and right-handed."""
    M = np.asarray(T, dtype=float)
    return (
        M.shape == (4, 4)
        and bool(np.isfinite(M).all())
        and np.allclose(M[:3, :3] @ M[:3, :3].T, np.eye(3), atol=tolerance)
        and float(np.linalg.det(M[:3, :3])) > 0
        and np.allclose(M[3], [0, 0, 0, 1], atol=tolerance)
    )
