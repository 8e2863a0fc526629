"""Photometric randomisation changes colours, by the seed, as far as it is asked to."""

import random

import numpy as np
import torch

from synth.compare.presets import make_contests
from synth.dataset.info import DatasetInfo, MadeBy
from synth.train.photometric import vary_colours
from synth.train.tasks import TASKS


def test_colours_vary_within_their_widths() -> None:
    """Red stays red, each picture gets its own brightness, at most 40 % off at strength 1, 20 % at 0.5; at 0
    pictures are as they were; nobody's random numbers are disturbed.
    """
    red = np.zeros((40, 8, 8, 3), np.uint8)
    red[..., 0], red[..., 1:] = 150, 40
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    full, half = (vary_colours(red, strength, seed=3) for strength in (1.0, 0.5))
    assert before[:2] == (random.getstate(), np.random.get_state()[1].tolist())
    assert torch.equal(before[2], torch.get_rng_state())
    np.testing.assert_array_equal(vary_colours(red, 0.0, seed=3), red)
    np.testing.assert_array_equal(vary_colours(red, 1.0, seed=3), full)
    for changed, width in ((full, 0.4), (half, 0.2)):
        brightness = changed[..., 0].mean(axis=(1, 2)) / 150
        assert np.abs(brightness - 1).max() <= width + 0.02
        assert np.ptp(brightness) > width
        assert (changed[..., 0] > changed[..., 2]).all()


def test_every_contest_takes_the_option() -> None:
    """None leaves each task's own: 0 for normals and classes, Ultralytics' for detection, 0.5 for pixels."""
    info = DatasetInfo(kind="real", classes=("part",), made_by=MadeBy(verb="test", simulated=True))
    for asked, found in (
        (None, {"normals": 0.0, "detection": 1.0, "classification": 0.0, "segmentation": 0.5}),
        (0.25, dict.fromkeys(TASKS, 0.25)),
    ):
        contests = make_contests("quick", list(TASKS), info=info, photometric=asked)
        assert {c.task: c.settings.photometric for c in contests} == found
