"""What people get wrong in a hand-eye calibration, recognised by trying it.

A calibration that is solved from wrongly given poses does not fail by itself: it ends somewhere. So where
the views contradict each other, each usual mistake is undone in turn, and the one that makes them agree is
named.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.chain import Chain, Guess
from synth.capture.calibrate.fit import fit
from synth.capture.calibrate.hand_eye import pick_start
from synth.capture.calibrate.uncertainty import estimate_uncertainty
from synth.capture.calibrate.view import Eye, View
from synth.cell.board import Board
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

MIN_SECOND_AXIS_DEG = 5.0
"""How far the arm must turn, in the root mean square, about the second of its rotation axes."""

SIZE_TOLERANCE = 0.01
GOOD_PX = 4.0
"""Typical error, in pixels, below which views agree well enough for a mistake to be named."""


def refuse_one_axis(chain: Chain) -> None:
    """Raises InputError where the arm turned about one axis only, or hardly: then T_base_cam cannot be
    told.
    """
    R = chain.M[:, :3, :3]
    first, second = np.triu_indices(len(R), k=1)
    turns = Rotation.from_matrix(np.swapaxes(R[first], 1, 2) @ R[second]).as_rotvec()
    spread_deg = np.degrees(np.linalg.svd(turns, compute_uv=False) / np.sqrt(len(turns)))
    if spread_deg[0] < MIN_SECOND_AXIS_DEG:
        raise InputError(
            f"the tool turns by only {spread_deg[0]:.1f}° between the views, so nothing can be solved: take "
            "views with large rotations about all axes; if they were large, angles given in radians are "
            "read as degrees (unit under rotation)"
        )
    if spread_deg[1] < MIN_SECOND_AXIS_DEG:
        raise InputError(
            f"all rotations of the tool are about one axis (across it only {spread_deg[1]:.1f}°), so the "
            "camera's place along that axis cannot be told: take views that are also tilted about the others"
        )


def refuse_other_size(chain: Chain, start: Guess, board: Board) -> None:
    """Raises InputError where the arm's movements say that the board has another size than described."""
    scaled = fit(chain, start, free_scale=True)
    scale = scaled.guess.scale
    sigma = float(np.sqrt(estimate_uncertainty(scaled).covariance[-1, -1]))
    if abs(scale - 1) > max(SIZE_TOLERANCE, 4 * sigma):
        raise InputError(_other_size(scale, board))


def _other_size(scale: float, board: Board) -> str:
    return (
        f"the arm's movements say that a square of the board measures {1000 * scale * board.square_m:.2f} "
        f"mm, and it is described as {1000 * board.square_m:.2f} mm: measure the print and correct square_m "
        "and marker_m in its description (printers shrink a page to fit), or check that K is this camera's"
    )


def name_mistake(views: Sequence[View], board: Board, camera: Pinhole, eye: Eye, T_cam_board: Array) -> str:
    """The sentence for views that no calibration explains."""
    for undo, sentence in _MISTAKES:
        undone = [replace(view, T_base_tool=undo(view.T_base_tool)) for view in views]
        if _typical_px(Chain(undone, board, eye), T_cam_board, camera) < GOOD_PX:
            return sentence
    as_given = Chain(views, board, eye)
    start = pick_start(as_given, T_cam_board, camera, np.random.default_rng(0))
    if start is not None:
        scaled = fit(as_given, start, free_scale=True, loss="cauchy")
        if float(np.median(scaled.view_rms_px)) < GOOD_PX:
            return _other_size(scaled.guess.scale, board)
    return (
        "no calibration explains these views, so something in them is wrong: check that each image has the "
        "pose of its own moment, that the arm stood still, that all poses are of one TCP, and that the board "
        "is the one described"
    )


def _typical_px(chain: Chain, T_cam_board: Array, camera: Pinhole) -> float:
    start = pick_start(chain, T_cam_board, camera, np.random.default_rng(0))
    if start is None:
        return np.inf
    return float(np.median(fit(chain, start, loss="cauchy").view_rms_px))


def _with_quaternion(order: Sequence[int]) -> Callable[[Array], Array]:
    def undo(T: Array) -> Array:
        quat_xyzw = Rotation.from_matrix(T[:3, :3]).as_quat()
        return se3.make(Rotation.from_quat(quat_xyzw[list(order)]).as_matrix(), T[:3, 3])

    return undo


def _with_lengths(factor: float) -> Callable[[Array], Array]:
    return lambda T: se3.make(T[:3, :3], T[:3, 3] * factor)


_MISTAKES: tuple[tuple[Callable[[Array], Array], str], ...] = (
    (
        se3.inverse,
        "the views agree once every pose is inverted: either base_in_tool was given for tool_in_base (say so "
        "with pose_is), or the camera is on the arm and eye should be in-hand, or stands beside it and "
        "should be to-hand",
    ),
    (
        _with_lengths(1e-3),
        "the views agree once every position is divided by 1000: it was given in millimetres and read as "
        "metres; say unit: mm under position",
    ),
    (
        _with_lengths(1e3),
        "the views agree once every position is multiplied by 1000: it was given in metres and read as "
        "millimetres; say unit: m under position",
    ),
    (
        _with_quaternion((1, 2, 3, 0)),
        "the views agree once quaternions are read as w x y z: they were read as x y z w; name the columns "
        "in the file's order",
    ),
    (
        _with_quaternion((3, 0, 1, 2)),
        "the views agree once quaternions are read as x y z w: they were read as w x y z; name the columns "
        "in the file's order",
    ),
)
