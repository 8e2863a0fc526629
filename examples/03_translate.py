"""Capture a few poses, lay the part on the empty bench, and translate these composites, in a minute or two.

python examples/03_translate.py
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from synth.capture.run import capture, make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.compute.progress import make_progress
from synth.dataset.reader import DatasetReader
from synth.gan.judge import JudgeSettings
from synth.gan.methods import METHODS
from synth.gan.run import FitSettings
from synth.gan.translate import TranslateSettings, translate
from synth.sim.compose import ComposeSettings, compose
from synth.witness.witness import WitnessSettings

with tempfile.TemporaryDirectory() as scratch:
    cell, folder = load_cell(), Path(scratch)
    bodies = load_bodies(cell)
    captured = CaptureSettings(cell=cell, out=folder / "real", n_poses=12, n_plates=2, pace=200.0)
    capture(captured, make_plan(captured, bodies), bodies, make_progress(Console()))
    real = DatasetReader(captured.out)
    compose([real], folder / "composited", ComposeSettings(count=12), make_progress(Console(), "compose"))

    quick = METHODS["cyclegan"]().presets["quick"]
    fit = FitSettings(
        sim=DatasetReader(folder / "composited"),
        real=real,
        out=folder / "run",
        # 4 images show how it is called, not what it can do.
        settings=replace(quick, schedule=replace(quick.schedule, n_images=4, n_checkpoints=1)),
    )
    settings = TranslateSettings(
        fit,
        out=folder / "translated",
        witness=WitnessSettings(n_steps=4, n_error_patches=16),
        judging=JudgeSettings(n_patches=24),
    )
    result, applied = translate(settings, lambda verb, unit: make_progress(Console(), verb, unit))
    before, after = result.before.distances["colour_emd"], result.after.distances["colour_emd"]
    print(f"colour EMD to the captured images: {before} before, {after} after")
    print(f"{applied.n_samples} translated, {applied.n_refused} refused because labels moved")
