"""What the intervals and claims of a comparison hold: simulated comparisons whose truth is known.

python benchmarks/verdicts.py --results benchmarks/results/verdicts.jsonl

Each cell draws comparisons of three mixes, ``real`` among them, trained with k seeds and measured on n
images. The logarithm of an angle error is the sum of what the image is (shared by all mixes), what it is to
the mix, the seed, and noise. Seeds spread by so many standard errors that images alone give; in cells of
``1:3`` one of the two mixes asked about spreads three times as much. ``ap`` cells draw boxes, one an image,
whose overlap and confidence depend on the image, the mix and the seed.

coverage: how often an interval holds the truth: of a mix's own metric (with one seed: of that network's own
value) and of the difference from ``real``. claims: comparisons of equal mixes in which any of the two
differences is called clear. power: how often a difference of so many standard errors of images is. Each cell
is one line of the results; the same command goes on where it stopped.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.metrics import comparison, detection
from synth.metrics.comparison import Draws, holm, measure_difference, measure_mix
from synth.metrics.intervals import N_RESAMPLES, resample_counts

Floats = NDArray[np.float64]

N_MIXES = 3
SIGMA_IMAGE, SIGMA_INTER, SIGMA_NOISE = 0.6, 0.35, 0.35
"""Of log errors, near what normals have on the simulated cell."""

MAX_P = 0.05
EFFECT_SE = 3.0
"""The planted difference, in standard errors that images alone give a mix."""


@dataclass(frozen=True)
class Cell:
    """One kind of comparison. spread: of seeds, in standard errors by images. ratio: of the first mix's."""

    metric: str
    k: int
    n: int
    spread: float
    ratio: int


def list_cells() -> Iterator[Cell]:
    """Angle errors in every cell, average precision in some."""
    for metric, spreads in (("log", (0.0, 0.5, 1.0, 2.0, 3.0)), ("median", (0.0, 1.0, 3.0))):
        for k in (1, 3, 5) if metric == "log" else (1, 3):
            for n in (15, 100):
                for ratio in (1, 3) if metric == "log" and k > 1 else (1,):
                    yield from (Cell(metric, k, n, spread, ratio) for spread in spreads)
    for k in (1, 3):
        yield from (Cell("ap", k, n, spread, 1) for n in (15, 100) for spread in (0.0, 1.0))


def draw_log_errors(cell: Cell, rng: np.random.Generator, shifts: Floats) -> tuple[Floats, Floats]:
    """Log errors [mixes,k,n], and each training's own true mean [mixes,k]."""
    se = np.sqrt(SIGMA_IMAGE**2 + SIGMA_INTER**2 + SIGMA_NOISE**2) / np.sqrt(cell.n)
    spreads = cell.spread * se * np.array([cell.ratio, *[1] * (N_MIXES - 1)], dtype=float)
    level = 2.0 + shifts[:, None] * se + rng.standard_normal((N_MIXES, cell.k)) * spreads[:, None]
    image = SIGMA_IMAGE * rng.standard_normal(cell.n)
    inter = SIGMA_INTER * rng.standard_normal((N_MIXES, 1, cell.n))
    noise = SIGMA_NOISE * rng.standard_normal((N_MIXES, cell.k, cell.n))
    return level[:, :, None] + image + inter + noise, level


def draw_angles(cell: Cell, rng: np.random.Generator, shifts: Floats) -> tuple[list[Draws], Floats, Floats]:
    """The draws of each mix, the true metric of each mix and of each training."""
    errors, level = draw_log_errors(cell, rng, shifts)
    seed = int(rng.integers(2**31))
    se = np.sqrt(SIGMA_IMAGE**2 + SIGMA_INTER**2 + SIGMA_NOISE**2) / np.sqrt(cell.n)
    spreads = cell.spread * se * np.array([cell.ratio, *[1] * (N_MIXES - 1)], dtype=float)
    if cell.metric == "log":
        rows = np.random.default_rng(seed).integers(cell.n, size=(N_RESAMPLES, cell.n))
        places = rows + cell.n * np.arange(N_RESAMPLES)[:, None]
        counts = np.bincount(places.ravel(), minlength=N_RESAMPLES * cell.n).reshape(N_RESAMPLES, cell.n)
        drawn = [Draws(one.mean(axis=1), one @ counts.T / cell.n, cell.n) for one in errors]
        return drawn, 2.0 + shifts * se, level
    drawn = [_draw(np.exp(one), seed) for one in errors]
    return drawn, np.exp(2.0 + shifts * se + spreads**2 / 2), np.exp(level)


def _draw(errors: Floats, seed: int) -> Draws:
    more = [comparison.ERROR] if hasattr(comparison, "ERROR") else []
    return comparison.draw_metric(errors, np.random.default_rng(seed), comparison.median, *more)


def draw_precision(
    cell: Cell, rng: np.random.Generator, shifts: Floats
) -> tuple[list[Draws], Floats, Floats]:
    """The same for AP50-95 of one box an image, missed where it is hard."""
    se = 0.25 / np.sqrt(cell.n)
    seeds = cell.spread * se * rng.standard_normal((N_MIXES, cell.k))
    image, weights = rng.standard_normal(cell.n), None
    drawn = []
    for i in range(N_MIXES):
        matches = [_match(image, rng, float(shifts[i] * se + seeds[i, j])) for j in range(cell.k)]
        if weights is None:
            weights = resample_counts(cell.n, N_RESAMPLES, rng)
        by_seed, draws = detection.measure(matches, "map50_95", weights)
        limits = {"limits": comparison.SHARE} if hasattr(comparison, "SHARE") else {}
        drawn.append(Draws(by_seed, draws, cell.n, **limits))
    return drawn, _true_ap(shifts * se, cell.spread * se), _true_ap(shifts[:, None] * se + seeds)


def _match(image: Floats, rng: np.random.Generator, level: float) -> detection.Matches:
    hard = 0.8 * image + 0.6 * rng.standard_normal(len(image))
    shift_px = 8 * np.exp(0.6 * hard - 2.5 * level)
    confidence = 1 / (1 + np.exp(hard + 0.5 * rng.standard_normal(len(image)) - 1))
    true = [np.array([[20.0, 20.0, 80.0, 80.0]])] * len(image)
    found = [
        np.array([[20.0 + s, 20.0, 80.0 + s, 80.0, c]]) for s, c in zip(shift_px, confidence, strict=True)
    ]
    return detection.match(found, true, detection.STANDARD)


@cache
def _true_levels() -> tuple[Floats, Floats]:
    """Levels and the average precision of each, by twenty thousand images."""
    levels = np.linspace(-1.5, 1.5, 31)
    rng = np.random.default_rng(0)
    image, once = rng.standard_normal(20_000), np.ones((1, 20_000))
    return levels, np.array([_match(image, np.random.default_rng(1), x).map50_95(once)[0] for x in levels])


def _true_ap(level: Floats, spread: float = 0.0) -> Floats:
    """The average precision at each level, or its mean over seeds that spread so around it."""
    ends = np.linspace(-3, 3, 31) if spread else np.zeros(1)
    values = np.interp(np.asarray(level)[..., None] + spread * ends, *_true_levels())
    return np.asarray(np.average(values, axis=-1, weights=np.exp(-(ends**2) / 2)))


def simulate(cell: Cell, n_replicates: int) -> dict[str, float | None]:
    """The figures of a cell."""
    rng = np.random.default_rng([cell.k, cell.n, int(10 * cell.spread), cell.ratio, len(cell.metric)])
    draw = draw_precision if cell.metric == "ap" else draw_angles
    shifts = np.array([EFFECT_SE, 0.0, 0.0])
    own, apart, claims, powers = [], [], [], []
    for i in range(n_replicates):
        planted = i % 2 == 1
        drawn, truth, level = draw(cell, rng, shifts * planted)
        pooled = [comparison.pool_spreads(drawn)] if hasattr(comparison, "pool_spreads") else []
        effects = [measure_mix(one, *pooled) for one in drawn]
        aims = level[:, 0] if cell.k == 1 else truth
        own += [e.low <= aim <= e.high for e, aim in zip(effects, aims, strict=True)]
        differences = [measure_difference(one, drawn[-1], *pooled) for one in drawn[:-1]]
        if cell.k > 1:
            apart += [e.low <= aim - truth[-1] <= e.high for e, aim in zip(differences, truth, strict=False)]
        adjusted = holm({j: e.p for j, e in enumerate(differences) if e.p is not None})
        clear = [adjusted.get(j, 1.0) <= MAX_P and e.excludes_zero for j, e in enumerate(differences)]
        (powers if planted else claims).append(clear[0] if planted else any(clear))
    return {
        "coverage": float(np.mean(own)),
        "coverage_difference": float(np.mean(apart)) if apart else None,
        "claims": float(np.mean(claims)),
        "power": float(np.mean(powers)),
        "replicates": n_replicates,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/verdicts.jsonl"))
    parser.add_argument("--replicates", type=int, default=4000)
    parser.add_argument("--code", default="now", help="What the lines are called: before, now.")
    parser.add_argument("--metrics", nargs="+", default=["log", "median", "ap"])
    options = parser.parse_args()
    options.results.parent.mkdir(parents=True, exist_ok=True)
    lines = options.results.read_text().splitlines() if options.results.exists() else []
    done = {json.dumps([row["code"], row["cell"]]) for row in map(json.loads, lines)}
    for cell in list_cells():
        n = options.replicates // 4 if cell.metric == "ap" else options.replicates
        if cell.metric not in options.metrics or json.dumps([options.code, asdict(cell)]) in done:
            continue
        began = time.perf_counter()
        figures = simulate(cell, n)
        row = {"code": options.code, "cell": asdict(cell), **figures}
        with options.results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{cell}: {figures} ({time.perf_counter() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
