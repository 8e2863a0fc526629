"""Capture four labelled images from the simulated cell and read one label back.

python examples/01_capture_simulated.py
"""

import tempfile
from pathlib import Path

import synth

with tempfile.TemporaryDirectory() as scratch:
    # cell="cell.yaml" for your own; without one the simulated cell stands in.
    dataset = synth.capture(4, Path(scratch) / "real")
    print(dataset)
    sample = dataset[0]
    part = sample.instances[0]
    print(f"{sample.name}: {part.class_name}, box {part.box_xyxy_px} px, normal (u, v, w) {part.normal_uvw}")
    print(f"  image {dataset.load_rgb(sample).shape} uint8, RGB")
