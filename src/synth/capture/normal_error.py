"""How far a label's normal may be off."""

import numpy as np

from synth.cell.calibration_validity import camera_calibration
from synth.cell.model import Cell
from synth.geometry.se3 import Array


def normal_sigma_deg(
    cell: Cell, normal_cam: Array, T_cam_part: Array, shot_rotation_deg: float
) -> float | None:
    """Root mean square angle, in degrees, between a label's normal [3] and the true one.

    Camera and mount by their calibrations, the arm by how its readings strayed then, settling by how far the
    tool turned during the shot; taken as independent. None while camera or part is not calibrated: then
    nobody knows.
    """
    camera, part = camera_calibration(cell), cell.calibration.part
    if camera is None or part is None:
        return None
    R = T_cam_part[:3, :3]
    covariance_rad2 = (
        camera.rotation_covariance_rad2
        + R @ part.rotation_covariance_rad2 @ R.T
        + np.eye(3) * np.radians(camera.tool_deg) ** 2
        + np.eye(3) * np.radians(shot_rotation_deg) ** 2 / 3
    )
    across = np.trace(covariance_rad2) - normal_cam @ covariance_rad2 @ normal_cam
    return float(np.degrees(np.sqrt(max(across, 0.0))))
