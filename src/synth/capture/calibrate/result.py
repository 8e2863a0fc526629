"""A calibration's figures as plain data: result.json, from which page and check are made."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synth.capture.calibrate.depth import DepthBias
from synth.capture.calibrate.read import Views
from synth.capture.calibrate.solve import Solution
from synth.capture.calibrate.view import Eye
from synth.cell.board import Board
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.normals import angle_deg
from synth.geometry.se3 import Array
from synth.storage.atomic import write_bytes

RESULT = "result.json"
_BOARD = {"to-hand": "T_tool_board", "in-hand": "T_base_board"}


def to_result(
    solution: Solution, views: Views, depth: Sequence[DepthBias], refusals: Sequence[str], *, simulated: bool
) -> dict[str, Any]:
    """Everything that was found. refusals: why it is not good enough to label with. Lengths in metres where
    not said otherwise, transforms as four rows.
    """
    guess, fit = solution.guess, solution.fit
    boot = solution.bootstrap
    T_cam_board = se3.inverse(guess.X) @ fit.chain.M @ guess.Y
    tilts = angle_deg(-T_cam_board[:, :3, 2], -T_cam_board[:, :3, 3])
    by_view = zip(
        solution.views,
        fit.view_rms_px,
        np.split(fit.residuals_px, fit.chain.starts[1:]),
        tilts,
        T_cam_board,
        strict=True,
    )
    return {
        "simulated": simulated,
        "eye": solution.eye,
        "board": solution.board.model_dump(mode="json"),
        solution.place: guess.X.tolist(),
        _BOARD[solution.eye]: guess.Y.tolist(),
        "size_wh": list(guess.camera.size_wh),
        "K": guess.camera.K.tolist(),
        "dist": guess.camera.dist.tolist(),
        "lens_is_solved": solution.lens_is_solved,
        "rms_px": fit.rms_px,
        "rms_axis_px": fit.rms_axis_px,
        "held_out": {
            "px": solution.held_out_px,
            "mm": solution.held_out_mm,
            "n_views": solution.n_held_out,
        },
        "sigma_mm": solution.uncertainty.sigma_mm,
        "sigma_deg": solution.uncertainty.sigma_deg,
        "sigma_axes_mm": (1000 * np.sqrt(np.diag(solution.uncertainty.covariance)[3:6])).tolist(),
        "sigma_axes_deg": np.degrees(np.sqrt(np.diag(solution.uncertainty.covariance)[:3])).tolist(),
        "bootstrap_mm": float(1000 * np.sqrt((boot[:, 3:6] ** 2).sum(axis=1).mean())),
        "bootstrap_deg": float(np.degrees(np.sqrt((boot[:, :3] ** 2).sum(axis=1).mean()))),
        "normal_sigma_deg": solution.uncertainty.normal_sigma_deg if solution.eye == "to-hand" else None,
        "noise": asdict(solution.uncertainty.noise),
        "n_views": len(solution.views),
        "outliers": solution.outliers,
        "left_out": views.left_out,
        "depth": [asdict(row) for row in depth],
        "views": {
            view.name: {
                "rms_px": float(rms),
                "tilt_deg": float(tilt),
                "distance_m": float(np.linalg.norm(T[:3, 3])),
                "pixels_xy": view.pixels_xy.round(2).tolist(),
                "residuals_px": residuals.round(4).tolist(),
                "rotvec_rad": se3.to_rotvec(view.T_base_tool).tolist(),
            }
            for view, rms, residuals, tilt, T in by_view
        },
        "refusals": list(refusals),
    }


def save_result(folder: Path, result: dict[str, Any]) -> None:
    """Write result.json whole; raises StorageError."""
    write_bytes(folder / RESULT, (json.dumps(result, indent=1) + "\n").encode())


@dataclass(frozen=True, eq=False)
class BoardPlace:
    """A board and where a calibration found it: Y [4,4] is T_tool_board, or T_base_board where the camera
    is on the arm.
    """

    board: Board
    eye: Eye
    Y: Array


def load_board_place(folder: Path) -> BoardPlace:
    """From a folder's result.json. Raises InputError where there is none that can be read."""
    file = folder / RESULT
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        eye: Eye = "in-hand" if result["eye"] == "in-hand" else "to-hand"
        Y = np.asarray(result[_BOARD[eye]], dtype=float)
        if not se3.is_rigid(Y, tolerance=1e-4):
            raise ValueError(f"{_BOARD[eye]} is no rigid transform")
        return BoardPlace(Board.model_validate(result["board"]), eye, Y)
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): run synth calibrate run first") from None
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(f"{file} is no calibration's result ({why}): run calibrate run again") from None


def has_passed(folder: Path) -> bool:
    """Whether the folder holds a result that the gates let pass."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(result, dict) and result.get("refusals") == []
