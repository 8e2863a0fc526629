"""From views to a calibration, or to the reason why there is none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synth.capture.calibrate.chain import Chain, Guess
from synth.capture.calibrate.fit import Fit, fit
from synth.capture.calibrate.hand_eye import board_poses, pick_start
from synth.capture.calibrate.lens import calibrate_lens
from synth.capture.calibrate.mistakes import (
    likely_mistakes,
    name_mistake,
    refuse_impossible_lens,
    refuse_impossible_solved_lens,
    refuse_one_axis,
    refuse_other_size,
    refuse_unknown_place,
)
from synth.capture.calibrate.readings import Reading
from synth.capture.calibrate.uncertainty import Uncertainty, bootstrap_steps, estimate_uncertainty
from synth.capture.calibrate.view import MIN_CORNERS, Eye, View, in_fixed_order
from synth.cell.board import Board
from synth.errors import InputError
from synth.geometry.pinhole import Pinhole
from synth.geometry.se3 import Array

MIN_VIEWS = 6
MIN_VIEWS_FOR_LENS = 10
HELD_OUT = 5
"""One view in so many is held out, for a figure only; the calibration itself is of all."""

OUTLIER = 4.0
"""A view is an outlier whose error is so many times the typical view's, and above OUTLIER_PX."""

OUTLIER_PX = 1.0
BAD = 0.005
"""Typical error, as a share of the image's diagonal, beyond which a fit is no calibration: 4 px at 640 × 480,
where with good poses it is below 0.5 and with poor ones 3.
"""

MAX_OUTLIERS = 0.4
N_BOOTSTRAP = 400
_SEED = 20


@dataclass(frozen=True, eq=False)
class Solution:
    """A calibration with what speaks for it.

    fit: over the kept views, in the fixed order of `view.in_fixed_order`. views: those. outliers: named, with
    their errors in pixels. held_out_px: root mean square error in views that a fit without them predicts.
    held_out_mm: the same on the board. uncertainty: of all. bootstrap: [B,P] steps.
    """

    eye: Eye
    board: Board
    fit: Fit
    views: tuple[View, ...]
    outliers: dict[str, float]
    held_out_px: float
    held_out_mm: float
    n_held_out: int
    uncertainty: Uncertainty
    bootstrap: Array
    lens_is_solved: bool

    @property
    def guess(self) -> Guess:
        return self.fit.guess

    @property
    def place(self) -> Literal["T_base_cam", "T_tool_cam"]:
        """What X is called."""
        return "T_base_cam" if self.eye == "to-hand" else "T_tool_cam"


def solve(
    views: Sequence[View],
    board: Board,
    camera: Pinhole,
    *,
    eye: Eye,
    solve_lens: bool = False,
    readings: Iterable[Reading] = (),
) -> Solution:
    """Where camera and board stand, from views in any order.

    camera: the known lens, or with ``solve_lens`` one of the right image size to begin with.
    readings: other ways to read the poses, tried where they contradict each other. Raises InputError where
    views are too few or too alike, where they contradict each other, then with the likely mistake, and where
    K is impossible or nothing is known of the camera's place: then it begins with `NO_CALIBRATION`.
    """
    seen = [view for view in in_fixed_order(views) if len(view) >= MIN_CORNERS]
    wanted = MIN_VIEWS_FOR_LENS if solve_lens else MIN_VIEWS
    if len(seen) < wanted:
        raise InputError(
            f"{len(seen)} of {len(views)} views show {MIN_CORNERS} corners of the board or more, and "
            f"{wanted} are needed{' to solve the lens too' if solve_lens else ''}: take more views, 20 to 30 "
            "of them, each with its pose"
            + (
                ""
                if len(seen) == len(views)
                else ", or check that the board described is the one that was used"
            )
        )
    if solve_lens:
        camera = calibrate_lens(seen, board, camera.size_wh)
        refuse_impossible_solved_lens(camera)
    else:
        refuse_impossible_lens(seen, board, camera, eye)
    T_cam_board = board_poses(seen, board, camera)
    chain = Chain(seen, board, eye)
    refuse_one_axis(chain)
    start = pick_start(chain, T_cam_board, camera, np.random.default_rng(_SEED))
    kept = None if start is None else _agreeing(chain, start)
    if start is None or kept is None:
        raise InputError(name_mistake(views, board, camera, eye, readings))
    of_kept = [view for view, keep in zip(seen, kept, strict=True) if keep]
    chain_kept = Chain(of_kept, board, eye)
    start = fit(chain_kept, start).guess
    refuse_other_size(chain_kept, start, board)
    final = fit(chain_kept, start, free_lens=solve_lens)
    if solve_lens:
        refuse_impossible_solved_lens(final.guess.camera)
    uncertainty = estimate_uncertainty(final)
    typical_px = float(np.median(final.view_rms_px))
    refuse_unknown_place(
        uncertainty,
        lambda: likely_mistakes(views, board, final.guess.camera, eye, readings, error_px=typical_px),
    )
    errors = chain.view_rms_px(final.guess)
    px, mm, n = _held_out(of_kept, board, eye, final.guess, solve_lens)
    return Solution(
        eye=eye,
        board=board,
        fit=final,
        views=tuple(of_kept),
        outliers={
            view.name: float(error) for view, keep, error in zip(seen, kept, errors, strict=True) if not keep
        },
        held_out_px=px,
        held_out_mm=mm,
        n_held_out=n,
        uncertainty=uncertainty,
        bootstrap=bootstrap_steps(final, N_BOOTSTRAP, np.random.default_rng(_SEED)),
        lens_is_solved=solve_lens,
    )


def _agreeing(chain: Chain, start: Guess) -> NDArray[np.bool_] | None:
    """[V] the views that one calibration explains; None where there is no such calibration."""
    guess, kept = start, np.ones(chain.n_views, dtype=bool)
    bad_px = BAD * float(np.hypot(*start.camera.size_wh))
    for loss in ("cauchy", "cauchy", "soft_l1", "soft_l1"):
        inside = chain.of_views(kept)
        guess = fit(inside, guess, loss=loss).guess
        errors = chain.view_rms_px(guess)
        typical = float(np.median(errors))
        kept = errors <= max(OUTLIER * typical, OUTLIER_PX)
        if typical > bad_px or kept.mean() < 1 - MAX_OUTLIERS:
            return None
    return kept


def _held_out(
    views: list[View], board: Board, eye: Eye, start: Guess, solve_lens: bool
) -> tuple[float, float, int]:
    """Errors, in pixels and in mm on the board, of views that the fit has not seen, and their number."""
    held = np.arange(len(views)) % HELD_OUT == 0
    if (~held).sum() < MIN_VIEWS - 1:
        held = np.arange(len(views)) == 0
    rest = [view for view, out in zip(views, held, strict=True) if not out]
    out = Chain([view for view, out in zip(views, held, strict=True) if out], board, eye)
    guess = fit(Chain(rest, board, eye), start, free_lens=solve_lens).guess
    error_px = np.linalg.norm(out.residuals(guess), axis=1)
    mm_per_px = 1000 * out.points_cam_m(guess)[:, 2] / np.sqrt(guess.camera.K[0, 0] * guess.camera.K[1, 1])
    return (
        float(np.sqrt((error_px**2).mean())),
        float(np.sqrt(((error_px * mm_per_px) ** 2).mean())),
        int(held.sum()),
    )
