"""One gain a channel, as a camera's white balance has: the mean of all train pixels becomes the other look's.

The least that a translator of colours can do (von Kries 1902), and what one that is learnt must beat.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from synth.dataset.origin import Used
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.checkpoint import load_checkpoint
from synth.gan.methods.baseline_settings import GAINS_PRESETS, GainsSettings
from synth.gan.methods.method import Direction
from synth.gan.tables import N_COUNTS, TableTranslator, count_levels, load_statistics


class GainsMethod:
    """Two means a channel, in counts as they are stored, of parts and of what is about them alike."""

    name = "gains"
    title = "Channel gains"
    reads: tuple[Used, ...] = ("pixels",)
    presets: Mapping[str, GainsSettings] = GAINS_PRESETS

    def default_preset(self, device: torch.device) -> str:
        """The only one."""
        return "means"

    def fit(
        self,
        sim: DatasetReader,
        real: DatasetReader,
        settings: GainsSettings,
        seed: int,
        device: torch.device,
    ) -> TableTranslator:
        """Read every train image of both looks once; raises InputError where a channel is black in all."""
        return self._make(np.stack([_measure(sim), _measure(real)]), "sim2real", {})

    def load(self, path: Path, direction: Direction, device: torch.device) -> TableTranslator:
        """Of a checkpoint, in either direction."""
        tensors, words = load_checkpoint(path, self.name)
        return self._make(load_statistics(tensors), direction, words)

    def _make(
        self, means: NDArray[np.float64], direction: Direction, words: Mapping[str, str]
    ) -> TableTranslator:
        """means: [2,3], of sim, then of real."""
        start, end = means if direction == "sim2real" else means[::-1]
        table = np.arange(N_COUNTS) * (end / start)[:, None]
        return TableTranslator(self.name, direction, means, table, words)


def _measure(dataset: DatasetReader) -> NDArray[np.float64]:
    """The mean count of each channel, [3]."""
    levels = count_levels(dataset)
    means = levels @ np.arange(N_COUNTS) / levels.sum(axis=1)
    if not means.all():
        channels = " and ".join(name for name, mean in zip("RGB", means, strict=True) if not mean)
        raise InputError(
            f"the train images of {dataset.root} are black in {channels}, and no gain brightens that: choose "
            "another method"
        )
    return np.asarray(means)
