"""How often classes are read rightly: in all, class by class, and which is taken for which."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from synth.metrics.comparison import MIN_IMAGES, SHARE, Draws, count_units
from synth.metrics.intervals import N_RESAMPLES, Floats, demand_units, resample_counts
from synth.train.tasks.report import Part, Said


class Readings:
    """What networks that differ by their seed read on the same N crops, and how often each crop is drawn.

    Raises InputError for too few crops.
    """

    def __init__(self, said: Sequence[Said], seed: int, clusters: Sequence[str] | None) -> None:
        self.true = np.array(said[0].true)
        self.found = np.array([[name for name, _ in one.predicted] for one in said])
        n = len(self.true)
        demand_units(n, MIN_IMAGES)
        self._weights = resample_counts(n, N_RESAMPLES, np.random.default_rng(seed), clusters)
        self._n_units = count_units(clusters)

    @property
    def classes(self) -> list[str]:
        """Those that crops show, sorted."""
        return sorted(set(self.true.tolist()))

    def accuracy(self) -> Draws:
        """The share of crops whose class is read rightly."""
        return self._share(self.found == self.true, np.ones_like(self.true, bool))

    def macro_accuracy(self) -> Draws:
        """The mean over classes of the share of each one's crops; every class counts as much."""
        each = [self.accuracy_of(name) for name in self.classes]
        by_seed, draws = (np.stack([getattr(d, key) for d in each]) for key in ("by_seed", "draws"))
        # A class that a drawing has no crop of has no share there.
        total, counted = np.nansum(draws, axis=0), np.isfinite(draws).sum(axis=0)
        return Draws(by_seed.mean(axis=0), total / counted, len(self.true), SHARE, self._n_units)

    def accuracy_of(self, name: str) -> Draws:
        """The share of a class's crops that are read rightly."""
        return self._share(self.found == self.true, self.true == name)

    def precision_of(self, name: str) -> Draws:
        """The share of what is taken for a class that is of it; 0 where nothing is taken for it."""
        taken = self.found == name
        return self._share(taken & (self.true == name), taken, empty=0.0)

    def _share(self, right: NDArray[np.bool_], of: NDArray[np.bool_], empty: float = np.nan) -> Draws:
        """Of crops [N] or [k,N] those that are right [k,N]."""
        of = np.broadcast_to(of, right.shape)
        return Draws(
            _divide((right & of).sum(axis=1), of.sum(axis=1), empty),
            _divide((right & of) @ self._weights.T, of @ self._weights.T, empty),
            len(self.true),
            SHARE,
            self._n_units,
        )


def _divide(part: NDArray[np.generic], whole: NDArray[np.generic], empty: float) -> Floats:
    return np.asarray(np.where(whole == 0, empty, part / np.maximum(whole, 1)), np.float64)


def measure_classes(readings: Readings) -> Mapping[str, Sequence[Part]]:
    """The parts of ``by_class``."""
    parts = [
        Part(
            name,
            int((readings.true == name).sum()),
            {"accuracy": readings.accuracy_of(name), "precision": readings.precision_of(name)},
        )
        for name in readings.classes
    ]
    return {"by_class": parts}


def count_confusions(said: Sequence[Said]) -> tuple[list[str], Floats]:
    """All classes, true or said, sorted, and the share [C,C] of each true one's crops, a row, that is taken
    for each, a column; mean over networks. Rows of classes that no crop shows are 0.
    """
    true, found = said[0].true, [[name for name, _ in one.predicted] for one in said]
    names = sorted({*true, *(name for row in found for name in row)})
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for row in found:
        for is_so, taken_for in zip(true, row, strict=True):
            counts[place[is_so], place[taken_for]] += 1
    return names, counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
