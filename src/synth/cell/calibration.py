"""What a cell file says about its calibration, and whether it still holds.

``synth calibrate`` writes it beside the values that it found. Each record carries a hash of those values: who
changes one of them by hand has an uncalibrated cell again.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from synth.cell.values import Finite, Section
from synth.geometry.se3 import Array

if TYPE_CHECKING:
    from synth.cell.model import Cell

Row = tuple[Finite, Finite, Finite]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_DATE = "%Y-%m-%dT%H:%M:%SZ"


def _date(text: str) -> str:
    try:
        datetime.strptime(text, _DATE)
    except ValueError:
        raise ValueError(f"is '{text}', which is no date such as 2026-01-31T12:00:00Z") from None
    return text


Date = Annotated[str, AfterValidator(_date)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Record(Section):
    """sigma_mm, sigma_deg: one standard deviation of place and turn. rotation_covariance_deg2: about the axes
    of camera or part, degrees².
    """

    date: Date
    sigma_mm: NotNegative
    sigma_deg: NotNegative
    rotation_covariance_deg2: tuple[Row, Row, Row]
    sha256: Hash

    @property
    def rotation_covariance_rad2(self) -> Array:
        return np.asarray(np.radians(np.radians(self.rotation_covariance_deg2)))

    @property
    def age_days(self) -> float:
        then = datetime.strptime(self.date, _DATE).replace(tzinfo=UTC)
        return (datetime.now(UTC) - then).total_seconds() / 86400


class CameraCalibration(_Record):
    """Of camera.T_base_cam, or of camera.T_tool_cam, and of K and dist where they were solved too.

    rms_px: of corners' distances. held_out_mm: on the board, in views that the fit has not seen. tool_mm,
    tool_deg: how far the tool's readings stray about each axis, beyond the corners' noise.
    """

    n_views: Annotated[int, Field(ge=1)]
    rms_px: NotNegative
    held_out_mm: NotNegative
    tool_mm: NotNegative
    tool_deg: NotNegative
    depth_bias_mm: Finite | None = None


class PartCalibration(_Record):
    """Of part.T_tool_part. outline_px: typical distance of the outline from where it is predicted."""

    n_poses: Annotated[int, Field(ge=1)]
    outline_px: NotNegative


class Calibration(Section):
    """None for what was not calibrated by synth. hand: of a camera that rides on the arm."""

    camera: CameraCalibration | None = None
    hand: CameraCalibration | None = None
    part: PartCalibration | None = None


def camera_hash(cell: "Cell", place: Literal["T_base_cam", "T_tool_cam"] = "T_base_cam") -> str:
    """Of everything that a camera calibration is about."""
    keys = {"serial", "color_size_wh", "K", "dist", place}
    values = cell.camera.model_dump(mode="json", include=keys)
    return _hash({**values, "tcp_pose": cell.robot.tcp_pose})


def part_hash(cell: "Cell") -> str:
    """Of everything that the calibration of the part's place is about."""
    part = cell.part.model_dump(mode="json", include={"mesh", "units", "T_tool_part"})
    return _hash({**part, "tcp_pose": cell.robot.tcp_pose, "camera": camera_hash(cell)})


def why_uncalibrated(cell: "Cell") -> str | None:
    """Why the cell's labels cannot be trusted yet, as a clause; None where they can."""
    gates, of_camera, of_part = cell.gates, cell.calibration.camera, cell.calibration.part
    if of_camera is None:
        return "its camera was never calibrated: run synth calibrate run"
    if of_camera.sha256 != camera_hash(cell):
        return (
            "the camera's place, lens, serial number or the tool's tcp_pose changed after it was calibrated: "
            "run synth calibrate run"
        )
    for record in (of_camera, of_part):
        if record is not None and record.age_days > gates.max_calibration_days:
            return (
                f"it was calibrated {record.age_days:.0f} days ago, and gates.max_calibration_days is "
                f"{gates.max_calibration_days:g}: run synth calibrate run"
            )
        if record is not None and exceeds(record, gates.max_calibration_mm, gates.max_calibration_deg):
            return "its calibration is less exact than the gates allow now: run synth calibrate run"
    if of_part is not None and of_part.sha256 != part_hash(cell):
        return (
            "the part's place or the camera changed after the part was calibrated: run synth calibrate part"
        )
    return None


def exceeds(record: CameraCalibration | PartCalibration, max_mm: float, max_deg: float) -> bool:
    """Whether two standard deviations are beyond a gate."""
    return 2 * record.sigma_mm > max_mm or 2 * record.sigma_deg > max_deg


def now() -> str:
    """The time as records write it."""
    return datetime.now(UTC).strftime(_DATE)


def _hash(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
