"""How far translated images lie from real ones, and how much nearer they came, by every measure at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.metrics.domain_distance import (
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
from synth.metrics.fixed_net import FixedNet
from synth.metrics.inception import frechet_distance, inception_features
from synth.metrics.intervals import Estimate
from synth.witness.witness import Witness

Floats = NDArray[np.float64]
Measure = Callable[..., Estimate]

_BATCH = 32
_N_HALVINGS = 20


MEASURES: dict[str, Measure] = {
    "kernel_distance": kernel_distance,
    "classifier_auc": classifier_auc,
    "colour_emd": histogram_emd,
    "gradient_emd": partial(histogram_emd, bin_width=GRADIENT_BIN),
}
"""kernel_distance: on the witness's features. classifier_auc: on those of a network that is never trained."""


KID = "kid"
"""kernel_distance on Inception's features, where its weights are given."""

View = dict[str, Floats]
"""What each measure takes of N images: a table of features or a stack of histograms, one row an image."""


@dataclass(frozen=True)
class Distances:
    """The distance to the real images by each measure's name; fid, which has no interval, by itself."""

    estimates: dict[str, Estimate]
    fid: float | None = None

    def __getitem__(self, name: str) -> Estimate:
        return self.estimates[name]


class DistanceMeter:
    """Measures distances to one set of real images [N,H,W,3] uint8.

    The witness's features are standardised by the real ones'. inception: its network, None to leave KID and
    FID out. seed: of resampling, the same in every measurement. floor: the distance between real images.
    """

    def __init__(
        self, real_u8: NDArray[np.uint8], witness: Witness, *, seed: int, inception: nn.Module | None = None
    ) -> None:
        self._witness, self._fixed, self._inception, self._seed = witness, FixedNet(), inception, seed
        self._device = next(witness.net.parameters()).device
        self._measures = MEASURES if inception is None else MEASURES | {KID: kernel_distance}
        self._real = self.look(real_u8)
        self.floor = Distances(
            {
                name: real_floor(
                    partial(measure, n_resamples=8),
                    self._table(self._real, name),
                    self._rng,
                    n_halvings=_N_HALVINGS,
                )
                for name, measure in self._measures.items()
            }
        )

    def look(self, rgb_u8: NDArray[np.uint8]) -> View:
        """Features and histograms of images [N,H,W,3]."""
        view = {
            "kernel_distance": _features(self._witness.net.features, rgb_u8, self._device),
            "classifier_auc": _features(self._fixed.features, rgb_u8, torch.device("cpu")),
            "colour_emd": colour_histograms(rgb_u8),
            "gradient_emd": gradient_histograms(rgb_u8),
        }
        if self._inception is not None:
            view[KID] = inception_features(rgb_u8, self._inception, self._device).astype(np.float64)
        return view

    def measure(self, view: View) -> Distances:
        """The distances between images that were looked at and the real ones."""
        return Distances(
            {
                name: measure(self._table(view, name), self._table(self._real, name), self._rng)
                for name, measure in self._measures.items()
            },
            fid=frechet_distance(view[KID], self._real[KID]) if KID in view else None,
        )

    def kernel_drop(self, before: View, after: View) -> Estimate:
        """How much the kernel distance fell between two views of the same images in the same order."""
        name = "kernel_distance"
        first, second, real = (self._table(view, name) for view in (before, after, self._real))
        return kernel_drop(first, second, real, self._rng)

    @property
    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self._seed)

    def _table(self, view: View, name: str) -> Floats:
        return standardise(view[name], self._real[name]) if name == "kernel_distance" else view[name]


def _features(
    describe: Callable[[Tensor], Tensor], rgb_u8: NDArray[np.uint8], device: torch.device
) -> Floats:
    found = []
    with torch.inference_mode():
        for first in range(0, len(rgb_u8), _BATCH):
            images = torch.from_numpy(rgb_u8[first : first + _BATCH]).to(device).permute(0, 3, 1, 2)
            found.append(describe(images.float() / 127.5 - 1).cpu().numpy())
    return np.concatenate(found).astype(np.float64)
