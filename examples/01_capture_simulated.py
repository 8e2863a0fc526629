"""Capture eight labelled images from the simulated cell and read one label back.

python examples/01_capture_simulated.py
"""

import tempfile
from pathlib import Path

from rich.console import Console

from synth.capture.run import capture, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.compute.progress import make_progress
from synth.dataset.reader import DatasetReader

with tempfile.TemporaryDirectory() as scratch:
    cell = load_cell()  # The simulated cell; load_cell(Path("cell.yaml")) for your own.
    bodies = load_bodies(cell)
    settings = CaptureSettings(cell=cell, out=Path(scratch) / "real", n_poses=8)

    plan = make_plan(settings, bodies)
    print(f"{len(plan.poses)} poses, tilted by {plan.poses[0].tilt_deg:.0f}° at first")

    capture(settings, plan, bodies, make_progress(Console()))

    dataset = DatasetReader(settings.out)
    sample = dataset.samples[0]
    part = sample.instances[0]
    print(f"{sample.name} ({sample.split}): {part.class_name}")
    print(f"  tight box {part.box_xyxy_px} px, normal (u, v, w) {part.normal_uvw}")
    print(
        f"  image {dataset.load_rgb(sample).shape}, depth {dataset.load_depth_m(sample).max():.3f} m at most"
    )
