"""A target of the toy task that finds all parts about the middle, and a preset that takes a moment."""

import json
from pathlib import Path

import torch

from synth.compute.checkpoint import save_weights
from synth.sim.placing.options import HardOptions
from synth.sim.placing.presets import Preset
from synth.sim.placing.schooling import Schooling

TINY = Preset(
    about="a moment",
    n_cycles=1,
    n_learn=1,
    keep_learnt=False,
    n_harvest=6,
    batch_size=8,
    hard_at=0.01,
    enough_at=0.01,
    schooling=Schooling(epochs=1),
    size="small",
    dropout=0.0,
    learning_rate=1e-3,
    weight_decay=0.0,
    discriminator_rate=1e-3,
)


def write_target(file: Path, side_px: int = 16) -> HardOptions:
    """Asked for with the preset ``tiny``, which tests put into `PRESETS`."""
    from toy_task import PlaceSettings, PlaceTask

    torch.manual_seed(0)
    settings = PlaceSettings(side_px=side_px)
    words = {"task": "place", "settings": json.dumps(settings.to_config())}
    net = PlaceTask().make_net(settings)
    with torch.no_grad():
        net[1].weight *= 0.1
        net[1].bias.fill_(0.5)
    save_weights(file, net.state_dict(), words)
    return HardOptions(run=file, preset="tiny")
