"""Whether a cell's calibration holds.

Each record carries a hash of the values that it is about: who changes one of them by hand has an uncalibrated
cell again.
"""

import hashlib
import json
from typing import Any, Literal

from synth.cell.calibration import CameraCalibration, PartCalibration
from synth.cell.model import Cell


def camera_hash(cell: Cell, place: Literal["T_base_cam", "T_tool_cam"] = "T_base_cam") -> str:
    """Of everything that a camera calibration is about."""
    keys = {"serial", "color_size_wh", "K", "dist", place}
    values = cell.camera.model_dump(mode="json", include=keys)
    return _hash({**values, "tcp_pose": cell.robot.tcp_pose})


def part_hash(cell: Cell) -> str:
    """Of everything that the calibration of the part's place is about."""
    part = cell.part.model_dump(mode="json", include={"mesh", "units", part_place(cell)})
    return _hash({**part, "tcp_pose": cell.robot.tcp_pose, "camera": camera_hash(cell, camera_place(cell))})


def camera_place(cell: Cell) -> Literal["T_base_cam", "T_tool_cam"]:
    """The key of the place that labels depend on."""
    return "T_tool_cam" if cell.camera.is_on_arm else "T_base_cam"


def part_place(cell: Cell) -> Literal["T_tool_part", "T_base_part"]:
    """The key of the part's place that labels depend on."""
    return "T_base_part" if cell.camera.is_on_arm else "T_tool_part"


def camera_calibration(cell: Cell) -> CameraCalibration | None:
    """Of the camera where it is mounted."""
    return cell.calibration.hand if cell.camera.is_on_arm else cell.calibration.camera


def why_uncalibrated(cell: Cell) -> str | None:
    """Why the cell's labels cannot be trusted yet, as a clause; None where they can."""
    gates, of_camera, of_part = cell.gates, camera_calibration(cell), cell.calibration.part
    if of_camera is None:
        return "its camera was never calibrated: run synth calibrate run"
    if of_camera.sha256 != camera_hash(cell, camera_place(cell)):
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


def _hash(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
