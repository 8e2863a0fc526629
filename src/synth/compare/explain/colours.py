"""How far the colours of each dataset are from the captured ones."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from synth.compare.figures import ColourDistance, ColourFloor
from synth.compare.mixes import REAL
from synth.compare.plan import Plan
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.metrics.domain_distance import above_floor, colour_histograms, histogram_emd, real_floor

_N_COLOURS = 40

Floats = NDArray[np.float64]


def measure_colours(plan: Plan) -> tuple[list[ColourFloor | ColourDistance], dict[str, Floats]]:
    """Earth mover's distance of colours between each dataset's train images and the captured ones, in 8-bit
    counts, and each dataset's mean histogram [3,256].

    above_floor: what a distance has beyond that of two halves of the captured images. No distances where
    there are too few images.
    """
    task = next(iter(plan.roots))
    rng = np.random.default_rng(0)
    found = {name: colour_histograms(_load_some(plan.reader(task, name))) for name in plan.roots[task]}
    means = {name: histograms.mean(axis=0) for name, histograms in found.items()}
    try:
        floor = real_floor(partial(histogram_emd, n_resamples=1), found[REAL], rng)
        rows: list[ColourFloor | ColourDistance] = [ColourFloor(floor)]
        for name, histograms in found.items():
            if name != REAL:
                distance = histogram_emd(histograms, found[REAL], rng)
                rows.append(ColourDistance(name, distance, above_floor(distance, floor)))
    except InputError:
        return [], means
    return rows, means


def _load_some(reader: DatasetReader) -> list[NDArray[np.uint8]]:
    samples = reader.of_split("train")
    step = max(1, len(samples) // _N_COLOURS)
    return [reader.load_rgb(s)[::2, ::2] for s in samples[::step][:_N_COLOURS]]
