"""What a calibration found, whether it is good enough, and what then stands in the cell file."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from synth.capture.calibrate.solve import Solution
from synth.cell.calibration import CameraCalibration, now
from synth.cell.calibration_validity import camera_hash
from synth.cell.model import Cell, Gates
from synth.cell.source import Place
from synth.geometry.se3 import Array

_DIGITS = 9


@dataclass(frozen=True, eq=False)
class Outcome:
    """cell: as it would be. values: by place in the cell file. refusals: why it is not good enough, each with
    what to try; none where it is.
    """

    cell: Cell
    record: CameraCalibration
    values: dict[Place, Any]
    refusals: tuple[str, ...]


def camera_outcome(cell: Cell, solution: Solution, *, depth_bias_mm: float | None = None) -> Outcome:
    """A cell with the solution's camera in it, and whether it passes the cell's gates."""
    section = "camera" if solution.eye == "to-hand" else "hand"
    camera: dict[str, Any] = {solution.place: _rounded(solution.guess.X)}
    if solution.lens_is_solved:
        lens = solution.guess.camera
        camera |= {"K": _rounded(lens.K), "dist": tuple(_rounded(lens.dist).tolist())}
    calibrated = cell.model_copy(update={"camera": cell.camera.model_copy(update=camera)})
    noise = solution.uncertainty.noise
    covariance_deg2 = np.degrees(np.degrees(solution.uncertainty.rotation_covariance))
    record = CameraCalibration(
        date=now(),
        sigma_mm=_short(solution.uncertainty.sigma_mm),
        sigma_deg=_short(solution.uncertainty.sigma_deg),
        rotation_covariance_deg2=_rows(covariance_deg2),
        sha256=camera_hash(calibrated, solution.place),
        n_views=len(solution.views),
        rms_px=_short(solution.fit.rms_px),
        held_out_mm=_short(solution.held_out_mm),
        tool_mm=_short(1000 * noise.tool_m),
        tool_deg=_short(float(np.degrees(noise.tool_rad))),
        depth_bias_mm=None if depth_bias_mm is None else _short(depth_bias_mm),
    )
    calibrated = calibrated.model_copy(
        update={"calibration": cell.calibration.model_copy(update={section: record})}
    )
    values: dict[Place, Any] = {("camera", key): _plain(value) for key, value in camera.items()}
    values["calibration", section] = record.model_dump(mode="json")
    return Outcome(calibrated, record, values, list_refusals(cell.gates, solution))


def list_refusals(gates: Gates, solution: Solution) -> tuple[str, ...]:
    """Why a solution is not good enough to label with, each with what to try; none where it is."""
    max_mm, max_deg = gates.max_calibration_mm, gates.max_calibration_deg
    two_mm, two_deg = 2 * solution.uncertainty.sigma_mm, 2 * solution.uncertainty.sigma_deg
    reasons = []
    if two_mm > max_mm or two_deg > max_deg:
        reasons.append(
            f"the camera's place is known to {two_mm:.2f} mm and {two_deg:.3f}° (two standard deviations), "
            f"and {max_mm:g} mm and {max_deg:g}° are allowed: take more views, with larger rotations about "
            "all axes and the board nearer the camera"
        )
    if solution.held_out_mm > max_mm:
        reasons.append(
            f"held-out views are predicted to {solution.held_out_mm:.2f} mm on the board only "
            f"({max_mm:g} mm are allowed): see that the board is flat and firmly held, "
            "that the arm stands still before each shot, and that the lens is right (--solve-lens)"
        )
    n = len(solution.views) + len(solution.outliers)
    if len(solution.outliers) > n / 5:
        reasons.append(
            f"{len(solution.outliers)} of {n} views contradict the others: find out why before you trust the "
            "rest"
        )
    return tuple(reasons)


def _rounded(values: Array) -> Array:
    return np.asarray(np.round(values, _DIGITS))


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _rows(matrix: Array) -> Any:
    return tuple(tuple(_short(value) for value in row) for row in matrix.tolist())
