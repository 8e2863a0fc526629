"""Why arms differ: where their networks look on the same crops, and how far apart colours are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synth.compare.arms import REAL
from synth.compare.plan import Contest, Plan
from synth.compute.checkpoint import load_weights
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.metrics.domain_distance import above_floor, colour_histograms, histogram_emd, real_floor
from synth.train.attention import REGIONS, Regions, load_regions, rank_correlation, shares
from synth.train.run import TASKS, WEIGHTS_FILE
from synth.train.saliency import MAP_KINDS, MapKind, explain
from synth.train.tasks.normals import NormalCrops, NormalSettings

N_MEASURED: dict[MapKind, int] = {"gradients": 40, "integrated-gradients": 8, "occlusion": 8}
"""Test crops that numbers rest on; the slow kinds see fewer."""

N_TRAIN_SHOWN = 3
_N_COLOURS = 40


@dataclass(frozen=True, eq=False)
class Attention:
    """Where every arm's network of the first seed looks.

    test, train: crops, the same for all arms; maps: by arm and kind, test crops first, then train ones.
    """

    test: NormalCrops
    train: NormalCrops
    maps: Mapping[str, Mapping[MapKind, NDArray[np.float64]]]
    figures: dict[str, Any]


def load_net(plan: Plan, contest: Contest, arm: str, seed: int) -> torch.nn.Module:
    """A cell's best network, on the CPU, in eval mode."""
    cell = next(c for c in plan.cells if (c.contest, c.arm.name, c.seed) == (contest, arm, seed))
    net = TASKS[contest.task].make_net(contest.settings)
    tensors, _ = load_weights(plan.folder(cell) / WEIGHTS_FILE)
    net.load_state_dict(tensors)
    return net.eval()


def measure_attention(plan: Plan, contest: Contest) -> Attention:
    """Maps and numbers of every arm on the same captured crops.

    figures: ``….attention.KIND`` has the shares of attention by region and per area, and the median rank
    correlation with the real-trained network's maps; n: test crops they rest on.
    """
    s = contest.settings
    assert isinstance(s, NormalSettings)
    task, captured = TASKS[contest.task], plan.reader(contest.task, REAL)
    samples = _with_crops(captured.of_split("test"), max(N_MEASURED.values()))
    test = task.load(captured, samples, s)
    regions = load_regions(captured, samples, s.side_px, s.crop)
    train = task.load(captured, _with_crops(captured.of_split("train"), N_TRAIN_SHOWN), s)
    maps: dict[str, dict[MapKind, NDArray[np.float64]]] = {}
    for arm in [REAL, *(a.name for a in plan.arms if a.name != REAL)]:
        net = load_net(plan, contest, arm, contest.seeds[0])
        maps[arm] = {
            kind: explain(
                net,
                np.concatenate([test.crops_u8[: N_MEASURED[kind]], train.crops_u8]),
                kind,
                torch.device("cpu"),
            )
            for kind in MAP_KINDS
        }
    figures: dict[str, Any] = {}
    for arm, by_kind in maps.items():
        for kind, both in by_kind.items():
            n = min(len(test), N_MEASURED[kind])
            found = shares(both[:n], _first(regions, n))
            alike = rank_correlation(both[:n], maps[REAL][kind][:n])
            figures[f"{contest.key}.{arm}.attention.{kind}"] = {
                "n_images": n,
                "seed": contest.seeds[0],
                "share": _by_region(_mean_known(found.attention)),
                "per_area": _by_region(found.per_area),
                "like_real": {
                    "median": float(np.nanmedian(alike)),
                    "quartiles": [float(q) for q in np.nanquantile(alike, [0.25, 0.75])],
                },
            }
    return Attention(test, train, maps, figures)


def measure_colours(plan: Plan) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Earth mover's distance of colours between each dataset's train images and the captured ones, in 8-bit
    counts, and each dataset's mean histogram [3,256].

    above_floor: what a distance has beyond that of two halves of the captured images. No figures where there
    are too few images.
    """
    task = next(iter(plan.roots))
    rng = np.random.default_rng(0)
    found = {kind: colour_histograms(_load_some(plan.reader(task, kind))) for kind in plan.roots[task]}
    means = {kind: histograms.mean(axis=0) for kind, histograms in found.items()}
    try:
        floor = real_floor(partial(histogram_emd, n_resamples=1), found[REAL], rng)
        figures: dict[str, Any] = {"colours.floor": asdict(floor)}
        for kind, histograms in found.items():
            if kind != REAL:
                distance = histogram_emd(histograms, found[REAL], rng)
                figures[f"colours.{kind}"] = asdict(distance) | {
                    "above_floor": asdict(above_floor(distance, floor))
                }
    except InputError:
        return {}, means
    return figures, means


def _with_crops(samples: Sequence[Sample], n: int) -> list[Sample]:
    return [s for s in samples if any(i.crop is not None for i in s.instances)][:n]


def _load_some(reader: DatasetReader) -> list[NDArray[np.uint8]]:
    samples = reader.of_split("train")
    step = max(1, len(samples) // _N_COLOURS)
    return [reader.load_rgb(s)[::2, ::2] for s in samples[::step][:_N_COLOURS]]


def _first(regions: Regions, n: int) -> Regions:
    return Regions(regions.labels[:n], regions.part[:n], regions.known[:n], regions.names[:n])


def _mean_known(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over rows that are known; nan where none is."""
    known = rows[~np.isnan(rows).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.full(rows.shape[1], np.nan)


def _by_region(values: NDArray[np.float64]) -> dict[str, float | None]:
    return {name: float(v) if np.isfinite(v) else None for name, v in zip(REGIONS, values, strict=True)}
