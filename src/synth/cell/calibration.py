"""What a cell file says about its calibration: ``synth calibrate`` writes it beside the values it found."""

from datetime import UTC, datetime
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from synth.cell.values import Finite, Section
from synth.geometry.se3 import Array

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
    """Of part.T_tool_part, or of part.T_base_part where the part stands. outline_px: typical distance of the
    outline from where it is predicted.
    """

    n_poses: Annotated[int, Field(ge=1)]
    outline_px: NotNegative


class Calibration(Section):
    """None for what was not calibrated by synth. hand: of a camera that the arm holds."""

    camera: CameraCalibration | None = None
    hand: CameraCalibration | None = None
    part: PartCalibration | None = None


def now() -> str:
    """The time as records write it."""
    return datetime.now(UTC).strftime(_DATE)
