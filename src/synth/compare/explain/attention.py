"""Where every mix's networks look on the same captured crops, in maps and in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from synth.compare.explain.regions import REGIONS, Regions, load_regions, rank_correlation, shares
from synth.compare.explain.saliency import MAP_KINDS, MapKind, explain
from synth.compare.figures import Attention
from synth.compare.mixes import REAL
from synth.compare.plan import Contest, Plan
from synth.compare.run import load_net
from synth.dataset.sample import Sample
from synth.train.tasks import TASKS
from synth.train.tasks.task import Crops

N_MEASURED: dict[MapKind, int] = {"gradients": 40, "integrated-gradients": 8, "occlusion": 8}
"""Test crops that numbers rest on; the slow kinds see fewer."""

N_TRAIN_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Looks:
    """Where every mix's network of the first seed looks.

    test, train: crops, the same for all mixes; maps: by mix and kind, test crops first, then train ones.
    """

    test: Crops
    train: Crops
    maps: Mapping[str, Mapping[MapKind, NDArray[np.float64]]]
    figures: list[Attention]


def measure_attention(plan: Plan, contest: Contest) -> Looks:
    """Maps and numbers of every mix, for a task that reads crops.

    figures: shares of attention by region and per area, and the median rank correlation with the real-trained
    network's maps; n_images: test crops they rest on.
    """
    s, task, captured = contest.settings, TASKS[contest.task], plan.reader(contest.task, REAL)
    samples = _with_crops(captured.of_split("test"), max(N_MEASURED.values()))
    test: Crops = task.load(captured, samples, s)
    regions = load_regions(captured, samples, s.side_px, task.crop_kind(s))
    train: Crops = task.load(captured, _with_crops(captured.of_split("train"), N_TRAIN_SHOWN), s)
    maps: dict[str, dict[MapKind, NDArray[np.float64]]] = {}
    for mix in [REAL, *(m.name for m in plan.mixes if m.name != REAL)]:
        net = load_net(plan, contest, mix, contest.seeds[0])
        maps[mix] = {
            kind: explain(
                net,
                np.concatenate([test.crops_u8[: N_MEASURED[kind]], train.crops_u8]),
                kind,
                torch.device("cpu"),
            )
            for kind in MAP_KINDS
        }
    figures = []
    for mix, by_kind in maps.items():
        for kind, both in by_kind.items():
            n = min(len(test.names), N_MEASURED[kind])
            found = shares(both[:n], _first(regions, n))
            alike = rank_correlation(both[:n], maps[REAL][kind][:n])
            low, high = (float(q) for q in np.nanquantile(alike, [0.25, 0.75]))
            figures.append(
                Attention(
                    contest,
                    mix,
                    kind,
                    n_images=n,
                    seed=contest.seeds[0],
                    share=_by_region(_mean_known(found.attention)),
                    per_area=_by_region(found.per_area),
                    like_median=float(np.nanmedian(alike)),
                    like_quartiles=(low, high),
                )
            )
    return Looks(test, train, maps, figures)


def _with_crops(samples: Sequence[Sample], n: int) -> list[Sample]:
    return [s for s in samples if any(i.normal_crop for i in s.instances)][:n]


def _first(regions: Regions, n: int) -> Regions:
    return Regions(regions.labels[:n], regions.part[:n], regions.known[:n], regions.names[:n])


def _mean_known(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over rows that are known; nan where none is."""
    known = rows[~np.isnan(rows).any(axis=1)]
    return known.mean(axis=0) if len(known) else np.full(rows.shape[1], np.nan)


def _by_region(values: NDArray[np.float64]) -> dict[str, float | None]:
    return {name: float(v) if np.isfinite(v) else None for name, v in zip(REGIONS, values, strict=True)}
