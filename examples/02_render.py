"""Capture four images from the simulated cell and render the twin of one, with its exact label.

python examples/02_render.py
"""

import tempfile
from pathlib import Path

from rich.console import Console

from synth.capture.run import capture
from synth.capture.run import make_plan as plan_capture
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.compute.progress import make_progress
from synth.dataset.reader import DatasetReader
from synth.sim.run import make_plan, render
from synth.sim.settings import RenderSettings

with tempfile.TemporaryDirectory() as scratch:
    cell = load_cell()
    bodies = load_bodies(cell)
    captured = CaptureSettings(cell=cell, out=Path(scratch) / "real", n_poses=4)
    capture(captured, plan_capture(captured, bodies), bodies, make_progress(Console()))
    real = DatasetReader(captured.out)

    settings = RenderSettings(
        cell=cell,
        out=Path(scratch) / "synthetic",
        real=real,
        shares={"twin": 1},
        quality="draft",  # A few samples a pixel; "normal" is for data to train on.
    )
    render(make_plan(settings), make_progress(Console(), "render"))

    twin = DatasetReader(settings.out).samples[0]
    parent = real[twin.name]
    print(f"{twin.name} ({twin.split}) stands for {twin.origin.parents[0].dataset}/{parent.name}")
    print(f"  tight box captured {parent.instances[0].box_xyxy_px}, rendered {twin.instances[0].box_xyxy_px}")
