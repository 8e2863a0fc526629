"""What people get wrong in a hand-eye calibration, recognised by trying it.

A calibration that is solved from wrongly given poses does not fail by itself: it ends somewhere. So where
the views contradict each other, each usual mistake is undone in turn, and those that make them agree are
named as likely, each with the error that it leaves.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from synth.capture.calibrate.chain import Chain, Guess
from synth.capture.calibrate.fit import fit
from synth.capture.calibrate.hand_eye import board_poses, pick_start
from synth.capture.calibrate.lens import (
    FOCAL_TOLERANCE,
    Shown,
    is_middle,
    scale_K,
    show_lens,
    what_is_impossible,
)
from synth.capture.calibrate.readings import Reading, other_poses, shifted_poses
from synth.capture.calibrate.uncertainty import Uncertainty, estimate_uncertainty
from synth.capture.calibrate.view import MIN_CORNERS, Eye, View
from synth.cell.board import Board
from synth.errors import InputError
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

NO_CALIBRATION = "this is no calibration"

MIN_SECOND_AXIS_DEG = 5.0
"""How far the arm must turn, in the root mean square, about the second of its rotation axes."""

SIZE_TOLERANCE = 0.01
GOOD = 0.003
"""Typical error, as a share of the image's diagonal, below which views agree well enough for a mistake to be
named.
"""

MAX_SIGMA_MM, MAX_SIGMA_DEG = 100.0, 10.0
"""One standard deviation beyond which a place says nothing of where a camera is."""

HOPELESS = 10.0
"""A closed-form solution that leaves so many times the error that is looked for is not worth a fit."""

N_TRIALS = 8
"""Closed-form solutions of a few views that a mistake is tried with, besides that of all."""

SAME_TURN_DEG = 5.0
"""By how much the angles that board and tool turn by between two views may typically differ."""

MUCH_LESS = 3.0
"""A mistake, undone, leaves at most such a part of the error that views leave as they are given."""

AS_WELL = 2.0
"""Of several mistakes all are named that leave at most so many times the least error."""


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


def refuse_impossible_lens(views: Sequence[View], board: Board, camera: Pinhole, eye: Eye) -> None:
    """Raises InputError for a K that cannot be that of the pictures, by their size and by what the board
    itself shows.
    """
    shown = show_lens(views, board, camera)
    reasons = what_is_impossible(camera, shown)
    if not reasons:
        return
    (fx, _, cx), (_, fy, cy) = camera.K[:2]
    width, height = camera.size_wh
    also = f", and the board itself shows a focal length of {shown.focal_px:.0f} px" if shown else ""
    raise InputError(
        f"{NO_CALIBRATION}: K has fx {fx:.4g}, fy {fy:.4g} and its middle at {cx:.4g}, {cy:.4g}{also}. With "
        f"pictures of {width}×{height} that cannot be: {', and '.join(reasons)}. "
        f"{_likely_lens(views, board, camera, eye, shown)}Give K for pictures of this size, or leave it "
        "out: it is solved from 10 views or more"
    )


def refuse_impossible_solved_lens(camera: Pinhole) -> None:
    """Raises InputError for a lens that was solved and cannot be that of the pictures, by their size."""
    reasons = what_is_impossible(camera, None)
    if reasons:
        (fx, _, cx), (_, fy, cy) = camera.K[:2]
        raise InputError(
            f"{NO_CALIBRATION}: the views give a K of fx {fx:.4g}, fy {fy:.4g} and a middle at {cx:.4g}, "
            f"{cy:.4g} for pictures of {camera.size_wh[0]}×{camera.size_wh[1]}, which cannot be: "
            f"{', and '.join(reasons)}. Give K, or take views with the board tilted and all over the image"
        )


def refuse_unknown_place(uncertainty: Uncertainty, likely: Callable[[], str] = str) -> None:
    """Raises InputError where the camera's place is known so badly that it says nothing. likely: gives a
    sentence on a mistake (`likely_mistakes`), asked for only then.
    """
    mm, deg = uncertainty.sigma_mm, uncertainty.sigma_deg
    if mm > MAX_SIGMA_MM or deg > MAX_SIGMA_DEG:
        advice = likely() or (
            "Check K, the board's description and that each picture has its own pose, or take more views "
            "with larger rotations about all axes"
        )
        raise InputError(
            f"{NO_CALIBRATION}: the views leave the camera's place open by {mm:.0f} mm and {deg:.1f}° (one "
            f"standard deviation; beyond {MAX_SIGMA_MM:g} mm or {MAX_SIGMA_DEG:g}° it is no place). {advice}"
        )


def likely_mistakes(
    views: Sequence[View],
    board: Board,
    camera: Pinhole,
    eye: Eye,
    readings: Iterable[Reading] = (),
    *,
    error_px: float = np.inf,
) -> str:
    """A sentence that names the usual mistakes which, undone, make the views agree; empty where none does.

    views: of all pictures, also of those that show no board, so that neighbours are known. readings: other
    ways to read the poses that are worth a try, besides those that every pose allows.
    error_px: what the views typically leave as they are given; a mistake leaves much less.
    """
    seen = [view for view in views if len(view) >= MIN_CORNERS]
    T_cam_board = board_poses(seen, board, camera)
    below_px = min(GOOD * float(np.hypot(*camera.size_wh)), error_px / MUCH_LESS)
    found = []
    for reading in (*other_poses(seen), *readings, *shifted_poses(views, seen, T_cam_board)):
        read = [i for i, view in enumerate(seen) if view.name in reading.poses]
        undone = [replace(seen[i], T_base_tool=reading.poses[seen[i].name]) for i in read]
        left_px = _error_px(undone, board, camera, eye, T_cam_board[read], below_px)
        if left_px < below_px:
            found.append((left_px, reading))
    least_px = min((left_px for left_px, _ in found), default=0.0)
    named = [
        f"to {left_px:.2f} px once {reading.undone}: likely {reading.likely}"
        for left_px, reading in sorted(found, key=lambda each: each[0])
        if left_px <= AS_WELL * least_px
    ]
    return f"The views agree {'; or '.join(named)}" if named else ""


def name_mistake(
    views: Sequence[View], board: Board, camera: Pinhole, eye: Eye, readings: Iterable[Reading] = ()
) -> str:
    """The sentence for views that no calibration explains (`likely_mistakes`)."""
    likely = likely_mistakes(views, board, camera, eye, readings)
    if likely:
        return f"no calibration explains these views as they are given. {likely}"
    seen = [view for view in views if len(view) >= MIN_CORNERS]
    as_given = Chain(seen, board, eye)
    start = pick_start(as_given, board_poses(seen, board, camera), camera, np.random.default_rng(0))
    if start is not None:
        scaled = fit(as_given, start, free_scale=True, loss="cauchy")
        if float(np.median(scaled.view_rms_px)) < GOOD * np.hypot(*camera.size_wh):
            return _other_size(scaled.guess.scale, board)
    return (
        "no calibration explains these views, so something in them is wrong: check that each image has the "
        "pose of its own moment, that the arm stood still, that all poses are of one TCP, and that the board "
        "is the one described"
    )


def _error_px(
    views: Sequence[View], board: Board, camera: Pinhole, eye: Eye, T_cam_board: Array, below_px: float
) -> float:
    """What a calibration of these views typically leaves; infinite where that is far above below_px, and
    where board and tool do not even turn by the same angles, whatever the calibration.
    """
    if len(views) < 3:
        return np.inf
    chain = Chain(views, board, eye)
    if _turns_differ_deg(chain.M, T_cam_board) > SAME_TURN_DEG:
        return np.inf
    start = pick_start(chain, T_cam_board, camera, np.random.default_rng(0), N_TRIALS)
    if start is None or np.median(chain.view_rms_px(start)) > HOPELESS * below_px:
        return np.inf
    return float(np.median(fit(chain, start, loss="cauchy").view_rms_px))


def _turns_differ_deg(M: Array, T_cam_board: Array) -> float:
    """Median over pairs of views: two things that are fixed to each other turn by the same angle."""
    first, second = np.triu_indices(len(M), k=1)
    angles = [
        Rotation.from_matrix(np.swapaxes(R[first], 1, 2) @ R[second]).magnitude()
        for R in (M[:, :3, :3], T_cam_board[:, :3, :3])
    ]
    return float(np.degrees(np.median(np.abs(angles[0] - angles[1]))))


def _likely_lens(views: Sequence[View], board: Board, camera: Pinhole, eye: Eye, shown: Shown | None) -> str:
    """A sentence on another K with which the views agree: of pictures of another size, or with the focal
    length that the board shows; empty where neither does.
    """
    middle = camera.K[:2, 2]
    by = float(np.mean(np.array(camera.size_wh) / (2 * middle + 1))) if (middle > 0).all() else np.nan
    tried = []
    if shown is not None:
        f = shown.focal_px
        by = 2 * f / (camera.K[0, 0] + camera.K[1, 1])
        if np.abs(np.diag(camera.K)[:2] / f - 1).max() > FOCAL_TOLERANCE:
            K = np.array([[f, 0, camera.K[0, 2]], [0, f, camera.K[1, 2]], [0, 0, 1]])
            tried.append((replace(camera, K=K), f"the focal length alone is wrong: with fx and fy {f:.0f}"))
    if by > 0 and is_middle(scale_K(camera, by)):
        other = scale_K(camera, by)
        sizes = f"about {1 / by:.1f} times as large: scaled by {by:.2f} (fx {other.K[0, 0]:.0f})"
        tried.append((other, f"it is the K of pictures {sizes}"))
    good_px = GOOD * float(np.hypot(*camera.size_wh))
    found = [
        (_error_px(views, board, lens, eye, board_poses(views, board, lens), good_px), likely)
        for lens, likely in tried
    ]
    error_px, likely = min(found, default=(np.inf, ""))
    if error_px > good_px:
        return ""
    return f"Likely {likely} the views agree to {error_px:.2f} px. "
