"""How well pixels were told apart, of networks that differ by their seed: in all, and class by class."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from synth.dataset.label_maps import find_void
from synth.metrics.comparison import MIN_IMAGES, SHARE, Draws, count_units
from synth.metrics.intervals import N_RESAMPLES, Floats, demand_units, resample_counts
from synth.metrics.segmentation import METRICS, ImageCounts, PixelCounts, count_image, gather, measure
from synth.train.tasks.report import Part, Said
from synth.train.tasks.segmentation.maps import read_png

Figure = Callable[[PixelCounts, Floats], Floats]

BY_CLASS: Mapping[str, Figure] = {
    "iou": PixelCounts.iou_by_class,
    "f1": PixelCounts.f1_by_class,
    "boundary_f1": PixelCounts.boundary_f1_by_class,
}


def count_pixels(said: Said) -> PixelCounts:
    """What one network says of all test pictures, beside the truth."""
    predicted, true = (tuple(one["png"] for one in maps) for maps in (said.predicted, said.true))
    return _count(predicted, true, tuple(said.true[0]["classes"]))


@lru_cache(maxsize=64)
def _count(predicted: tuple[str, ...], true: tuple[str, ...], classes: tuple[str, ...]) -> PixelCounts:
    """Picture by picture: two maps are unpacked at a time."""
    return gather((_count_one(*pair, classes) for pair in zip(predicted, true, strict=True)), classes)


def _count_one(predicted: str, true: str, classes: Sequence[str]) -> ImageCounts:
    return count_image(read_png(true), read_png(predicted), len(classes), void=find_void(classes))


class Readings:
    """What networks that differ by their seed say of the same N pictures, and how often each is drawn.

    Raises InputError for too few pictures.
    """

    def __init__(self, said: Sequence[Said], seed: int, clusters: Sequence[str] | None) -> None:
        n = len(said[0].true)
        demand_units(n, MIN_IMAGES)
        self._counts = [count_pixels(one) for one in said]
        self._weights = resample_counts(n, N_RESAMPLES, np.random.default_rng(seed), clusters)
        self._n_units = count_units(clusters)

    def list_scores(self) -> dict[str, Draws]:
        """Each of the metrics of `synth.metrics.segmentation`."""
        return {name: self._to_draws(*measure(self._counts, name, self._weights)) for name in METRICS}

    def list_classes(self) -> list[Part]:
        """A part for each class that a true pixel is of, with its share of those, and its scores."""
        first, once = self._counts[0], np.ones((1, self._weights.shape[1]))
        figures = {
            name: (
                np.stack([f(c, once)[0] for c in self._counts]),
                [f(c, self._weights) for c in self._counts],
            )
            for name, f in BY_CLASS.items()
        }
        n_true = first.n_true.astype(np.float64)
        drawn = self._weights @ n_true  # [R,C]
        drawn_shares = drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1)
        parts = []
        for i in np.flatnonzero(first.n_true.sum(axis=0)):
            is_there = drawn[:, i] > 0  # Elsewhere nobody knows how well the class would have been found.
            draws = {"share": self._alike(first.pixel_shares[i], drawn_shares[:, i])}
            for name, (by_seed, again) in figures.items():
                values = np.stack([np.where(is_there, one[:, i], np.nan) for one in again])
                draws[name] = self._to_draws(np.nan_to_num(by_seed[:, i]), values)
            n_shown = int(np.count_nonzero(first.n_true[:, i]))
            parts.append(Part(first.names[i], n_shown, draws))
        return parts

    def _alike(self, value: Any, drawn: Floats) -> Draws:
        """What all networks share."""
        k = len(self._counts)
        return self._to_draws(np.full(k, value), np.tile(drawn, (k, 1)))

    def _to_draws(self, by_seed: Floats, draws: Floats) -> Draws:
        return Draws(by_seed, draws, self._weights.shape[1], SHARE, self._n_units)


def measure_one(predicted: Mapping[str, Any], true: Mapping[str, Any]) -> float:
    """Mean IoU in one picture; 1 where all of it is void."""
    counts = gather([_count_one(predicted["png"], true["png"], true["classes"])], true["classes"])
    value = float(counts.miou(np.ones((1, 1)))[0])
    return value if np.isfinite(value) else 1.0
