"""How far translated images lie from real ones, and how much nearer they came, by every measure at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.metrics.domain_gap import (
    GRADIENT_BIN,
    classifier_auc,
    colour_histograms,
    gradient_histograms,
    histogram_emd,
    kernel_distance,
    kernel_drop,
    real_floor,
    standardise,
)
from synth.metrics.intervals import Estimate
from synth.train.models.fixed_net import FixedNet
from synth.train.reader import Reader

Floats = NDArray[np.float64]
Measure = Callable[[Any, Any, np.random.Generator], Estimate]

_BATCH = 32


def gradient_distance(a: Any, b: Any, rng: np.random.Generator) -> Estimate:
    """histogram_emd of gradient histograms, counts a pixel."""
    return histogram_emd(a, b, rng, bin_width=GRADIENT_BIN)


MEASURES: dict[str, Measure] = {
    "kernel_distance": kernel_distance,
    "classifier_auc": classifier_auc,
    "colour_emd": histogram_emd,
    "gradient_emd": gradient_distance,
}
"""kernel_distance: on the reader's features. classifier_auc: on those of a network that is never trained."""


@dataclass(frozen=True, eq=False)
class View:
    """What every measure needs of N images: a table or a stack of histograms a measure, one row an image."""

    tables: dict[str, Floats]

    def __len__(self) -> int:
        return len(next(iter(self.tables.values())))


@dataclass(frozen=True)
class Gap:
    """The distance to the real images by each measure's name."""

    distances: dict[str, Estimate]

    def __getitem__(self, name: str) -> Estimate:
        return self.distances[name]


class GapMeter:
    """Measures gaps to one set of real images [N,H,W,3] uint8; features are standardised by them."""

    def __init__(self, real_u8: NDArray[np.uint8], reader: Reader, rng: np.random.Generator) -> None:
        self._reader, self._fixed, self._rng = reader, FixedNet(), rng
        self._real = self.look(real_u8)
        self.floor = Gap(
            {
                name: real_floor(measure, self._table(self._real, name), rng)
                for name, measure in MEASURES.items()
            }
        )

    def look(self, rgb_u8: NDArray[np.uint8]) -> View:
        """Features and histograms of images [N,H,W,3]."""
        device = next(self._reader.net.parameters()).device
        return View(
            {
                "kernel_distance": _features(self._reader.net.features, rgb_u8, device),
                "classifier_auc": _features(self._fixed.features, rgb_u8, torch.device("cpu")),
                "colour_emd": colour_histograms(rgb_u8),
                "gradient_emd": gradient_histograms(rgb_u8),
            }
        )

    def measure(self, view: View) -> Gap:
        """The gap between images that were looked at and the real ones."""
        return Gap(
            {
                name: measure(self._table(view, name), self._table(self._real, name), self._rng)
                for name, measure in MEASURES.items()
            }
        )

    def kernel_drop(self, before: View, after: View) -> Estimate:
        """How much the kernel distance fell between two views of the same images in the same order."""
        name = "kernel_distance"
        first, second, real = (self._table(view, name) for view in (before, after, self._real))
        return kernel_drop(first, second, real, self._rng)

    def _table(self, view: View, name: str) -> Floats:
        table = view.tables[name]
        return standardise(table, self._real.tables[name]) if name == "kernel_distance" else table


def _features(
    describe: Callable[[Tensor], Tensor], rgb_u8: NDArray[np.uint8], device: torch.device
) -> Floats:
    found = []
    with torch.inference_mode():
        for first in range(0, len(rgb_u8), _BATCH):
            images = torch.from_numpy(rgb_u8[first : first + _BATCH]).to(device).permute(0, 3, 1, 2)
            found.append(describe(images.float() / 127.5 - 1).cpu().numpy())
    return np.concatenate(found).astype(np.float64)
