"""The simulated cell with cameras of few pixels, whose pictures take a fraction of the time: one that stands,
one on the arm.
"""

from pathlib import Path
from typing import Any

from synth.cell.edit import edit_cell
from synth.cell.model import JOINT_NAMES
from synth.cell.template import write_template


def write_small_cell(folder: Path) -> Path:
    """``cell.yaml`` and its meshes, as commands find them in the folder."""
    file = write_template(folder / "cell.yaml")[-1]
    edit_cell(file, {("camera", "color_size_wh"): [640, 360], ("camera", "depth_size_wh"): [320, 240]})
    return file


def write_cell_with_camera_on_arm(folder: Path, **changes: Any) -> Path:
    """``cell.yaml`` of small pictures whose arm carries the camera, looking down on a part that stands.

    changes: keys of its camera section.
    """
    file = write_small_cell(folder)
    ranges = [(165, 205), (-125, -85), (50, 105), (-100, -20), (-120, -60), (-150, 150)]
    values: dict[tuple[str, ...], Any] = {
        ("camera", "mounted"): "tool",
        ("camera", "T_tool_cam"): [[1, 0, 0, 0], [0, 1, 0, -0.07], [0, 0, 1, 0], [0, 0, 0, 1]],
        ("part", "T_base_part"): [[1, 0, 0, 0.3], [0, 1, 0, 0.04], [0, 0, 1, 0], [0, 0, 0, 1]],
        ("robot", "home_deg"): [185, -110, 80, -60, -90, 0],
        ("robot", "park_deg"): None,
    }
    for name, (low, high) in zip(JOINT_NAMES, ranges, strict=True):
        values["robot", "joints", name] = {"min_deg": low, "max_deg": high, "fixed_deg": None}
    edit_cell(file, values | {("camera", key): value for key, value in changes.items()})
    return file
