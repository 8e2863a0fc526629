"""The simulated cell with cameras of few pixels, whose pictures take a fraction of the time."""

from pathlib import Path

from synth.cell.edit import edit_cell
from synth.cell.template import write_template


def write_small_cell(folder: Path) -> Path:
    """``cell.yaml`` and its meshes, as commands find them in the folder."""
    file = write_template(folder / "cell.yaml")[-1]
    edit_cell(file, {("camera", "color_size_wh"): [640, 360], ("camera", "depth_size_wh"): [320, 240]})
    return file
