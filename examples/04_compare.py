"""Capture a few poses and compare what all and ten of them are worth for reading normals, in a minute or two.

python examples/04_compare.py
"""

import tempfile
from pathlib import Path

import synth

with tempfile.TemporaryDirectory() as scratch:
    folder = Path(scratch)
    real = synth.capture(24, folder / "real", plates=2, pace=200)
    found = synth.compare(
        {"real": real},
        mixes=["real", "real@10"],
        tasks=["normals"],
        preset="quick",
        seeds=2,
        images=64,  # They show how it is called, not what it can do.
        out=folder / "compare",
    )
    print(*found.verdict, sep="\n")
    print(f"{found.report.name}: {found.report.stat().st_size / 1e6:.1f} MB, {len(found.figures)} figures")
