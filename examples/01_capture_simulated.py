# %% [markdown]
# Capture four labelled images from the simulated cell, look at one and read its label.
#
# As a script: python examples/01_capture_simulated.py. In VS Code, Spyder or Jupyter (by Jupytext): cell by
# cell.

# %%
import tempfile
from pathlib import Path

import synth

scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)

# %% [markdown]
# `cell="cell.yaml"` for your own; without one the simulated cell stands in. The same call goes on where it
# stopped.

# %%
dataset = synth.capture(4, folder / "real")
print(dataset)

# %%
sample = dataset[0]
part = sample.instances[0]
print(f"{sample.name}: {part.class_name}, box {part.box_xyxy_px} px, normal (u, v, w) {part.normal_uvw}")
print(f"  image {dataset.load_rgb(sample).shape} uint8, RGB")

# %% [markdown]
# A card with the labels drawn. As the last line of a notebook's cell it is shown; `.show()` opens a window.

# %%
card = dataset.draw(sample)
card.save(folder / "card.png")
print(f"  card.png {card.width}×{card.height} px")

# %%
scratch.cleanup()
