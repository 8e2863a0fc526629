"""Figures of trained networks from what they say of test images, over images and seeds."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from synth.geometry.normals import angle_deg
from synth.metrics import detection
from synth.metrics.comparison import MIN_IMAGES, Draws, draw_metric
from synth.metrics.intervals import N_RESAMPLES, demand_units, resample_counts
from synth.train.tasks.task import TaskName

Floats = NDArray[np.float64]


class Said(Protocol):
    """What one network says of test images, and what is true, as a Task gives both."""

    @property
    def predicted(self) -> list[Any]:
        """One entry an image."""
        ...

    @property
    def true(self) -> list[Any]:
        """The same of the labels."""
        ...


def draw_scores(task: TaskName, said: Sequence[Said], seed: int = 0) -> dict[str, Draws]:
    """Every metric of a task by name, of networks that differ by their seed, on the same images.

    normals: median_deg, mean_deg, p90_deg, under_5_deg, under_10_deg. detection: precision, recall, map50 and
    map50_95, each under both protocols (``paper_map50``). The same seed draws the same images again. Raises
    InputError for too few images.
    """
    return _DRAW[task](said, seed)


def normal_errors(results: Sequence[Said]) -> Floats:
    """Angle errors [seeds, crops], degrees."""
    return np.array([angle_deg(np.array(r.predicted), np.array(r.true)) for r in results])


def detection_matches(results: Sequence[Said], protocol: detection.Protocol) -> list[detection.Matches]:
    """Hits and misses of each seed under a protocol."""
    return [
        detection.match(
            [np.array(boxes, dtype=np.float64).reshape(-1, 5) for boxes in r.predicted],
            [np.array(boxes, dtype=np.float64).reshape(-1, 4) for boxes in r.true],
            protocol,
        )
        for r in results
    ]


def _draw_normals(results: Sequence[Said], seed: int) -> dict[str, Draws]:
    errors = normal_errors(results)
    metrics: dict[str, Callable[[Floats], Any]] = {
        "median_deg": partial(np.median, axis=-1),
        "mean_deg": partial(np.mean, axis=-1),
        "p90_deg": lambda e: np.asarray(np.quantile(e, 0.9, axis=-1)),
        "under_5_deg": lambda e: np.asarray((e < 5).mean(axis=-1)),
        "under_10_deg": lambda e: np.asarray((e < 10).mean(axis=-1)),
    }
    return {
        name: draw_metric(errors, np.random.default_rng(seed), metric) for name, metric in metrics.items()
    }


def _draw_detection(results: Sequence[Said], seed: int) -> dict[str, Draws]:
    n_images = len(results[0].true)
    demand_units(n_images, MIN_IMAGES)
    weights = resample_counts(n_images, N_RESAMPLES, np.random.default_rng(seed))
    drawn = {}
    for protocol in detection.PROTOCOLS.values():
        matches = detection_matches(results, protocol)
        for metric in detection.METRICS:
            by_seed, draws = detection.measure(matches, metric, weights)
            drawn[f"{protocol.name}_{metric}"] = Draws(by_seed, draws, n_images)
    return drawn


_DRAW: dict[TaskName, Callable[[Sequence[Said], int], dict[str, Draws]]] = {
    "normals": _draw_normals,
    "detection": _draw_detection,
}
