"""From the board to pixels, through arm and camera, with derivatives.

With the camera beside the arm, ``p_cam = T_base_cam⁻¹ · T_base_tool · T_tool_board · p_board``; with the
camera on the arm, ``p_cam = T_tool_cam⁻¹ · T_tool_base · T_base_board · p_board``. Both are
``X⁻¹ · M_v · Y``: X places the camera, Y the board, M_v is what the controller reports for view v.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.view import Eye, View
from synth.cell.board import Board
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

N_POSE = 6
N_LENS = 9
"""fx, fy, cx, cy and OpenCV's k1, k2, p1, p2, k3."""


@dataclass(frozen=True, eq=False)
class Guess:
    """X, Y and the lens: a place to start from, or where a fit has ended. scale: of the board's squares."""

    X: Array
    Y: Array
    camera: Pinhole
    scale: float = 1.0


class Chain:
    """Corners of many views as one long list: [N] corners, each of one view.

    M: [V,4,4]. points_m: [N,3] on the board. pixels_xy: [N,2] as seen. view_of: [N].
    """

    def __init__(self, views: Sequence[View], board: Board, eye: Eye) -> None:
        self._views, self._board, self._eye = list(views), board, eye
        T = np.stack([view.T_base_tool for view in views])
        self.M = T if eye == "to-hand" else np.stack([se3.inverse(each) for each in T])
        self.points_m = np.concatenate([board.corners_m[view.ids] for view in views])
        self.pixels_xy = np.concatenate([view.pixels_xy for view in views])
        self.view_of = np.repeat(np.arange(len(views)), [len(view) for view in views])

    def of_views(self, which: NDArray[np.bool_]) -> "Chain":
        """The chain of the chosen views [V]."""
        chosen = [view for view, keep in zip(self._views, which, strict=True) if keep]
        return Chain(chosen, self._board, self._eye)

    @property
    def n_views(self) -> int:
        return len(self.M)

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """[V] where each view's corners begin."""
        return np.asarray(np.searchsorted(self.view_of, np.arange(self.n_views)))

    def points_cam_m(self, guess: Guess) -> Array:
        """[N,3] corners in the camera's frame."""
        T_cam_board = se3.inverse(guess.X) @ self.M @ guess.Y
        R, t = T_cam_board[self.view_of, :3, :3], T_cam_board[self.view_of, :3, 3]
        return np.asarray(np.einsum("nij,nj->ni", R, guess.scale * self.points_m) + t)

    def residuals(self, guess: Guess) -> Array:
        """[N,2] pixels, predicted less seen; of corners behind the camera an error as large as the image."""
        points = self.points_cam_m(guess)
        behind = points[:, 2] < 1e-3
        predicted = guess.camera.project(np.where(behind[:, None], [0.0, 0.0, 1.0], points))
        wrong = predicted - self.pixels_xy
        wrong[behind | ~np.isfinite(wrong).all(axis=1)] = max(guess.camera.size_wh)
        return np.asarray(wrong)

    def view_rms_px(self, guess: Guess) -> Array:
        """[V] root mean square distance, in pixels, of each view's corners from where they are predicted."""
        square = (self.residuals(guess) ** 2).sum(axis=1)
        return np.asarray(np.sqrt(np.add.reduceat(square, self.starts) / np.bincount(self.view_of)))

    def jacobian(self, guess: Guess, turned: Array, *, with_lens: bool, with_scale: bool) -> Array:
        """[N,2,P] of residuals by the steps that `moved` takes, at the guess that it returned.

        turned: [2,3], the rotation vectors in those steps.
        """
        points = self.points_cam_m(guess)
        by_point, by_lens = guess.camera.derivatives(points)
        R_X = Rotation.from_rotvec(turned[0]).as_matrix()
        R = (guess.X[:3, :3].T @ self.M[:, :3, :3] @ guess.Y[:3, :3])[self.view_of]  # [N,3,3]
        R_Y = Rotation.from_rotvec(turned[1]).as_matrix()
        columns = [
            by_point @ _cross(points) @ _right_jacobian(turned[0]),
            -by_point @ R_X.T,
            -by_point @ R @ _cross(guess.scale * self.points_m) @ _right_jacobian(turned[1]),
            by_point @ (R @ R_Y.T),
        ]
        if with_lens:
            columns.append(by_lens)
        if with_scale:
            columns.append(by_point @ np.einsum("nij,nj->ni", R, self.points_m)[..., None])
        return np.concatenate(columns, axis=2)

    def tool_jacobian(self, guess: Guess) -> Array:
        """[N,2,6] of residuals by a turn and a shift of the tool, in its own axes, against what was
        reported.
        """
        points = self.points_cam_m(guess)
        by_point, _ = guess.camera.derivatives(points)
        if self._eye == "in-hand":  # The tool carries the camera: p_cam = X⁻¹ · exp(−step) · p_tool.
            in_tool = points @ guess.X[:3, :3].T + guess.X[:3, 3]
            by_shift = -by_point @ guess.X[:3, :3].T
        else:
            in_tool = (guess.scale * self.points_m) @ guess.Y[:3, :3].T + guess.Y[:3, 3]
            by_shift = by_point @ (guess.X[:3, :3].T @ self.M[:, :3, :3])[self.view_of]
        return np.concatenate([-by_shift @ _cross(in_tool), by_shift], axis=2)


def moved(guess: Guess, step: Array, *, with_lens: bool, with_scale: bool) -> Guess:
    """The guess after a step [P]: X and Y each turned and shifted in their own axes (rotation vector,
    metres), then the lens and the scale where they are free.
    """
    X = guess.X @ se3.from_rotvec(step[:3], step[3:6])
    Y = guess.Y @ se3.from_rotvec(step[6:9], step[9:12])
    camera, scale = guess.camera, guess.scale
    if with_lens:
        lens = step[2 * N_POSE : 2 * N_POSE + N_LENS]
        K = camera.K + np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 0]])
        camera = Pinhole(camera.size_wh, K, camera.dist + lens[4:])
    if with_scale:
        scale = scale + float(step[-1])
    return Guess(X, Y, camera, scale)


def _cross(v: Array) -> Array:
    """[N,3,3] the matrices of the cross products with v [N,3]."""
    x, y, z = v.T
    zero = np.zeros(len(v))
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.moveaxis(np.array(rows), 2, 0)


def _right_jacobian(rotvec: Array) -> Array:
    """[3,3] J with exp(w + d) ≈ exp(w) exp(J d) (Solà, "A micro Lie theory", 2018, equation 143)."""
    angle = float(np.linalg.norm(rotvec))
    W = _cross(rotvec[None])[0]
    if angle < 1e-6:
        return np.asarray(np.eye(3) - W / 2)
    return np.asarray(
        np.eye(3) - (1 - np.cos(angle)) / angle**2 * W + (angle - np.sin(angle)) / angle**3 * W @ W
    )
