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


UR3E_LOOKING_DOWN: dict[tuple[str, ...], Any] = {
    ("camera", "T_tool_cam"): [[1, 0, 0, 0], [0, 1, 0, -0.07], [0, 0, 1, 0], [0, 0, 0, 1]],
    ("part", "T_base_part"): [[1, 0, 0, 0.3], [0, 1, 0, 0.04], [0, 0, 1, 0], [0, 0, 0, 1]],
    ("robot", "home_deg"): [185, -110, 80, -60, -90, 0],
}
_RANGES_DEG = [(165, 205), (-125, -85), (50, 105), (-100, -20), (-120, -60), (-150, 150)]


def write_cell_with_camera_on_arm(folder: Path, **changes: Any) -> Path:
    """``cell.yaml`` of small pictures whose arm carries the camera, looking down on a part that stands.

    changes: keys of its camera section.
    """
    return _write_with_camera_on_arm(folder, UR3E_LOOKING_DOWN, _RANGES_DEG, changes)


def write_cell_with_d455_on_ur10e(folder: Path) -> Path:
    """The same with an arm and a camera that are larger: everything is farther away."""
    places = {
        ("robot", "model"): "ur10e",
        ("robot", "home_deg"): [185, -103, 104, -91, -90, 0],
        ("robot", "speed_deg_s"): 60,
        ("workspace", "min_m"): [-0.4, -0.8, 0.02],
        ("workspace", "max_m"): [1.3, 1.0, 1.2],
        ("camera", "T_tool_cam"): [[1, 0, 0, 0], [0, 1, 0, -0.08], [0, 0, 1, 0.01], [0, 0, 0, 1]],
        ("part", "T_base_part"): [[1, 0, 0, 0.7], [0, 1, 0, 0.1], [0, 0, 1, 0], [0, 0, 0, 1]],
    }
    ranges_deg = [(170, 200), (-112, -94), (92, 114), (-125, -60), (-118, -62), (-150, 150)]
    d455 = {"model": "d455", "preset": "high_accuracy", "depth_size_wh": [640, 360]}
    return _write_with_camera_on_arm(folder, places, ranges_deg, d455)


def _write_with_camera_on_arm(
    folder: Path,
    places: dict[tuple[str, ...], Any],
    ranges_deg: list[tuple[int, int]],
    camera: dict[str, Any],
) -> Path:
    file = write_small_cell(folder)
    values = {("camera", "mounted"): "tool", ("robot", "park_deg"): None} | places
    for name, (low, high) in zip(JOINT_NAMES, ranges_deg, strict=True):
        values["robot", "joints", name] = {"min_deg": low, "max_deg": high, "fixed_deg": None}
    edit_cell(file, values | {("camera", key): value for key, value in camera.items()})
    return file
