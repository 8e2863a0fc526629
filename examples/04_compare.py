"""Capture and render a few poses, and compare what both are worth for reading normals, in a minute or two.

python examples/04_compare.py
"""

import tempfile
from pathlib import Path

from rich.console import Console

from synth.capture.run import capture, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.compare.mixes import parse_mix
from synth.compare.plan import Contest, Plan
from synth.compare.report.write import write_report
from synth.compare.run import run_plan
from synth.compute.progress import make_progress
from synth.train.tasks.normals.learning import NormalSettings

with tempfile.TemporaryDirectory() as scratch:
    cell, folder = load_cell(), Path(scratch)
    bodies = load_bodies(cell)
    captured = CaptureSettings(cell=cell, out=folder / "real", n_poses=24, n_plates=2, pace=200.0)
    capture(captured, make_plan(captured, bodies), bodies, make_progress(Console()))

    # 64 images show how it is called, not what it can do.
    settings = NormalSettings(net="paper", side_px=64, n_images=64, n_checks=2)
    roots = {"real": (captured.out,)}
    plan = Plan(
        mixes=(parse_mix("real", roots), parse_mix("real@10", roots)),
        contests=(Contest("normals", settings, seeds=(0, 1)),),
        roots={"normals": roots},
        out=folder / "compare",
    )
    page, verdict = write_report(
        plan, run_plan(plan, lambda verb, unit: make_progress(Console(), verb, unit))
    )
    for sentence in verdict:
        print(sentence.text)
    print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")
