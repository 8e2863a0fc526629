"""From a folder of views to a result, and from a result to a cell."""

from pathlib import Path
from typing import Any

import numpy as np

from synth.capture.calibrate.depth import measure_depth_bias
from synth.capture.calibrate.folder import Description
from synth.capture.calibrate.mistakes import likely_mistakes
from synth.capture.calibrate.outcome import Outcome, camera_outcome, list_refusals
from synth.capture.calibrate.read import known_lens, read_depths, read_other_poses, read_views
from synth.capture.calibrate.result import to_result
from synth.capture.calibrate.solve import solve
from synth.cell.model import Cell, Gates
from synth.compute.progress import Progress
from synth.geometry.pinhole import Pinhole


def calibrate_folder(
    folder: Path,
    description: Description,
    progress: Progress,
    *,
    solve_lens: bool = False,
    cell: Cell | None = None,
) -> tuple[dict[str, Any], Outcome | None]:
    """The result of a folder as plain data and, with the cell that it was taken in, what becomes of that
    cell. Without one the gates are those of a new cell.

    solve_lens: even where the description gives a lens. Raises InputError for what cannot be read or solved.
    """
    found = read_views(folder, description, progress)
    lens = known_lens(description, found.size_wh)
    unknown = solve_lens or lens is None
    camera = Pinhole(found.size_wh, np.eye(3)) if lens is None else lens
    solution = solve(
        found.views,
        description.board,
        camera,
        eye=description.eye,
        solve_lens=unknown,
        readings=read_other_poses(folder, description),
    )
    depth = measure_depth_bias(solution, read_depths(folder, description))
    outcome = None
    if cell is not None:
        bias_mm = float(np.median([row.bias_mm for row in depth])) if depth else None
        outcome = camera_outcome(cell, solution, depth_bias_mm=bias_mm)
    refusals = list_refusals(Gates(), solution) if outcome is None else outcome.refusals
    if refusals:
        likely = likely_mistakes(
            found.views,
            description.board,
            solution.guess.camera,
            description.eye,
            read_other_poses(folder, description),
            error_px=float(np.median(solution.fit.view_rms_px)),
        )
        refusals = (*refusals, *([likely] if likely else []))
    return to_result(solution, found, depth, refusals, simulated=description.simulated), outcome
