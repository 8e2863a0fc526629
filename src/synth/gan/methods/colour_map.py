"""One curve a channel, by quantiles: the histogram of all train pixels becomes that of the other look.

Histogram specification (Gonzalez and Woods, "Digital Image Processing", section 3.3): the count at each
quantile of one look becomes the count at the same quantile of the other, linear between, then smoothed. No
curve falls, so that nothing dark becomes brighter than what was bright.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from synth.dataset.origin import Used
from synth.dataset.reader import DatasetReader
from synth.gan.checkpoint import load_checkpoint
from synth.gan.methods.baseline_settings import COLOUR_MAP_PRESETS, ColourMapSettings
from synth.gan.methods.method import Direction
from synth.gan.tables import N_COUNTS, TableTranslator, count_levels, load_statistics

_N_QUANTILES = 101
_SMOOTH = "smooth_counts"


class ColourMapMethod:
    """Quantiles of pixels everywhere, of parts and of what is about them alike: no mask is read."""

    name = "colour-map"
    title = "Colour map"
    reads: tuple[Used, ...] = ("pixels",)
    presets: Mapping[str, ColourMapSettings] = COLOUR_MAP_PRESETS

    def default_preset(self, device: torch.device) -> str:
        """The one whose frames are hardly ever refused."""
        return "smooth"

    def fit(
        self,
        sim: DatasetReader,
        real: DatasetReader,
        settings: ColourMapSettings,
        seed: int,
        device: torch.device,
    ) -> TableTranslator:
        """Read every train image of both looks once."""
        words = {_SMOOTH: str(settings.smooth_counts)}
        return self._make(np.stack([_measure(sim), _measure(real)]), "sim2real", words)

    def load(self, path: Path, direction: Direction, device: torch.device) -> TableTranslator:
        """Of a checkpoint, in either direction."""
        tensors, words = load_checkpoint(path, self.name)
        return self._make(load_statistics(tensors), direction, words)

    def _make(
        self, quantiles: NDArray[np.float64], direction: Direction, words: Mapping[str, str]
    ) -> TableTranslator:
        """quantiles: [2,3,Q], of sim, then of real; words: of the header, how far to smooth among them."""
        start, end = quantiles if direction == "sim2real" else quantiles[::-1]
        counts = np.arange(N_COUNTS)
        table = np.stack([np.interp(counts, x, y) for x, y in zip(start, end, strict=True)])
        if smooth_counts := float(words[_SMOOTH]):
            table = gaussian_filter1d(table, smooth_counts, axis=1, mode="nearest")
        return TableTranslator(self.name, direction, quantiles, table, words)


def _measure(dataset: DatasetReader) -> NDArray[np.float64]:
    """Quantiles of each channel in counts, [3,Q]; a count's pixels are spread evenly from half below it to
    half above, so that no two quantiles are equal.
    """
    levels = count_levels(dataset)
    shares = np.cumsum(levels, axis=1) / levels.sum(axis=1, keepdims=True)
    edges = np.arange(N_COUNTS + 1) - 0.5
    at = np.linspace(0, 1, _N_QUANTILES)
    quantiles = np.empty((3, _N_QUANTILES))
    for c in range(3):
        first, last = np.nonzero(levels[c])[0][[0, -1]]
        below = np.concatenate([[0.0], shares[c, first : last + 1]])
        quantiles[c] = np.interp(at, below, edges[first : last + 2])
    return quantiles
