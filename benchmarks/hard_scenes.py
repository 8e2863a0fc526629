"""The hard test pictures of hard_composites.py: cells that differ from the ordinary one as `SCENES` says.

Each is captured by ``synth capture`` from its own cell file; nothing in it is composed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trimesh

from synth.cell.edit import edit_cell
from synth.cell.template import write_template
from synth.storage.atomic import write_bytes

SIZE_WH = (640, 360)
CELL_FILE, TRUTH_FILE, CLAMP_FILE = "cell.yaml", "truth.yaml", "clamp.stl"
Values = Mapping[tuple[str, ...], Any]


def stand_camera(height_m: float, x_m: float) -> Values:
    """The camera above the bench, tilted as in the ordinary cell."""
    sin, cos = 0.10452846, 0.99452190
    rows = [[0.0, cos, -sin, x_m], [1.0, 0.0, 0.0, 0.0], [0.0, -sin, -cos, height_m], [0.0, 0.0, 0.0, 1.0]]
    return {("camera", "T_base_cam"): rows, ("gates", "min_box_px"): 16}


NEAR, FAR = stand_camera(0.72, 0.50), stand_camera(1.50, 0.61)
ASIDE = stand_camera(1.08, 0.47)
"""The ordinary camera is 0.95 m high, at x 0.55; with it, a clamped part would be a near copy."""

CLAMPED: Values = {("mount", "mesh"): CLAMP_FILE, ("gates", "min_visible"): 0.2}
"""A dark bar crosses the part, and up to four fifths of it may be hidden."""

TURNED: Values = {("gates", "max_tilt_deg"): 75, ("gates", "min_visible"): 0.2}
"""Seen from the side, where the holder hides some of it."""

GREEN: Values = {
    ("bench", "table", "colour_rgb"): [70, 92, 80],
    ("bench", "table", "roughness"): 0.7,
    ("bench", "lamps"): [
        {
            "position_m": [0.2, 0.95, 1.1],
            "target_m": [0.5, 0, 0.3],
            "side_m": 0.25,
            "brightness": 1.3,
            "temperature_k": 4200,
        }
    ],
}
"""A dark green bench, and one lamp, from another side."""

BLUE: Values = {("bench", "table", "colour_rgb"): [84, 104, 140], ("bench", "table", "roughness"): 0.6}


@dataclass(frozen=True)
class HardScene:
    """One cell. seed: of its poses and textures. truth: a line of its truth file; empty for none."""

    name: str
    seed: int
    values: Values
    truth: str = ""


SCENES = (
    HardScene("near", 101, NEAR),
    HardScene("far", 102, FAR),
    HardScene("clamped", 103, {**ASIDE, **CLAMPED}),
    HardScene("green", 104, GREEN, "decoys: 1"),
    HardScene("green_far_clamped", 105, {**GREEN, **FAR, **CLAMPED}, "decoys: 1"),
    HardScene("blue_near_turned", 106, {**BLUE, **NEAR, **TURNED}, "decoys: 1"),
)


def write_cell(folder: Path, values: Values | None = None, truth: str = "") -> None:
    """A cell file with its meshes; the ordinary one for no values."""
    write_template(folder, force=True)
    trimesh.util.concatenate([trimesh.load(folder / "mount.stl"), *_clamp()]).export(folder / CLAMP_FILE)
    write_bytes(folder / TRUTH_FILE, f"{truth}\n".encode())
    named = {("simulation", "truth"): TRUTH_FILE} if truth else {}
    edit_cell(folder / CELL_FILE, {("camera", "color_size_wh"): list(SIZE_WH), **named, **(values or {})})


def _clamp() -> list[trimesh.Trimesh]:
    """A bar and what carries it, mm in the tool's frame."""
    bounds = [[[-46, -4, 38], [46, 10, 46]], [[-46, -4, -12], [-41, 10, 46]], [[41, -4, -12], [46, 10, 46]]]
    return [trimesh.creation.box(bounds=each) for each in bounds]
