"""Capture four images from the simulated cell and render the twin of one, with its exact label.

python examples/02_render.py
"""

import tempfile
from pathlib import Path

import synth

with tempfile.TemporaryDirectory() as scratch:
    real = synth.capture(4, Path(scratch) / "real")
    # "draft" takes a few samples a pixel; "normal" is for data to train on.
    twins = synth.render(out=Path(scratch) / "synthetic", real=real, shares={"twin": 1}, quality="draft")
    twin = twins[0]
    parent = real[twin.name]
    print(f"{twin.name} ({twin.split}) stands for {twin.origin.parents[0].dataset}/{parent.name}")
    print(f"  tight box captured {parent.instances[0].box_xyxy_px}, rendered {twin.instances[0].box_xyxy_px}")
