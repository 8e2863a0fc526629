"""Where a cell's camera and part are: the arm holds one of them and the other stands.

T_base_tool [...,4,4] is where the tool is; what is returned has its shape, or [4,4] for what stands.
"""

import numpy as np

from synth.cell.model import Cell
from synth.geometry import se3
from synth.geometry.se3 import Array


def T_base_cam(cell: Cell, T_base_tool: Array) -> Array:
    """The colour camera's place."""
    if cell.camera.is_on_arm:
        return np.asarray(T_base_tool @ np.asarray(cell.camera.T_tool_cam))
    return np.asarray(cell.camera.T_base_cam)


def T_base_part(cell: Cell, T_base_tool: Array) -> Array:
    """The part's place."""
    if cell.camera.is_on_arm:
        return np.asarray(cell.part.T_base_part)
    return np.asarray(T_base_tool @ np.asarray(cell.part.T_tool_part))


def T_cam_part(cell: Cell, T_base_tool: Array) -> Array:
    """The part as the camera sees it, [...,4,4] either way."""
    if cell.camera.is_on_arm:
        T_cam_tool = se3.inverse(np.asarray(cell.camera.T_tool_cam))
        return np.asarray(T_cam_tool @ np.linalg.inv(T_base_tool) @ np.asarray(cell.part.T_base_part))
    T_cam_base = se3.inverse(np.asarray(cell.camera.T_base_cam))
    return np.asarray(T_cam_base @ T_base_tool @ np.asarray(cell.part.T_tool_part))


def T_base_cam_at_home(cell: Cell) -> Array:
    """[4,4] the colour camera's place while the arm is at home."""
    return T_base_cam(cell, cell.robot.T_base_tool(cell.robot.home_q_rad))
