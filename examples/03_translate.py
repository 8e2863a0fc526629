"""Capture a few poses, lay the part on the empty bench, and translate these composites, in a minute or two.

python examples/03_translate.py
"""

import tempfile
from pathlib import Path

import synth

with tempfile.TemporaryDirectory() as scratch:
    folder = Path(scratch)
    real = synth.capture(12, folder / "real", plates=2, pace=200)
    composited = synth.compose(real, folder / "composited", count=12)
    # 4 images show how it is called, not what it can do.
    translated = synth.translate(
        composited, real, folder / "translated", run=folder / "run", preset="quick", images=4
    )
    print(translated)
    print(f"{len(translated.rejections)} refused because labels moved")
