"""From test predictions to figures: report.json's ``figures``, keys to numbers and Effects.

========================================================  ================================================
``test.is_simulated``                                     whether the test images are the simulated cell's
``normals.paper.real.median_deg``                         task, network, arm, metric: an Effect
``normals.paper.translated_vs_synthetic.median_deg``      the first arm less the second, with ``p_holm``
``normals.paper.translated.gap_closed``                   share of the way from synthetic to real
``normals.paper.synthetic.worth``                         a number of real images: a Worth
``normals.paper.real.data``                               train, val and real images that it used
``detection.yolov5n.real.in_use``                         an OperatingPoint; also of ``colour-filter``
========================================================  ================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.compare.arms import REAL
from synth.compare.baseline import FILTER, filter_boxes
from synth.compare.plan import Cell, Contest, Plan
from synth.metrics.comparison import (
    Draws,
    Effect,
    holm,
    measure_arm,
    measure_difference,
    measure_share_closed,
)
from synth.metrics.data_size import MIN_POINTS, measure_worth
from synth.metrics.operating_point import measure_operating_point
from synth.train.run import TrainResult
from synth.train.scores import draw_scores
from synth.train.tasks.task import TaskName

Floats = NDArray[np.float64]
Results = Sequence[tuple[Cell, TrainResult]]
Figures = dict[str, Any]

START, NOW = "synthetic", "translated"
"""The gap that translation is there to close begins at the first and ends at ``real``."""

QUESTIONS = ((START, REAL), (NOW, START), (NOW, REAL))
"""Differences that every comparison asks for first."""

VS = "_vs_"
IN_USE = "in_use"


@dataclass(frozen=True)
class Metric:
    """A figure of a task. unit: how it is written: degrees, or a share from 0 to 1."""

    name: str
    title: str
    unit: str
    lower_is_better: bool


HEADLINE: dict[TaskName, Metric] = {
    "normals": Metric("median_deg", "median angle error", "°", lower_is_better=True),
    "detection": Metric("standard_map50_95", "mAP50-95", "", lower_is_better=False),
}


def collect_figures(plan: Plan, results: Results, *, seed: int = 0) -> Figures:
    """Every figure that the report and its verdict are made from. Raises InputError for too few images."""
    figures: Figures = {"test.is_simulated": plan.is_simulated}
    differences: dict[str, Effect] = {}
    for contest in plan.contests:
        own = [(cell, r) for cell, r in results if cell.contest == contest]
        draws = {
            arm.name: draw_scores(contest.task, [r for c, r in own if c.arm == arm], seed)
            for arm in plan.arms
        }
        for arm in plan.arms:
            figures |= _describe_arm(plan, contest, own, arm.name)
            for metric, drawn in draws[arm.name].items():
                figures[f"{contest.key}.{arm.name}.{metric}"] = asdict(measure_arm(drawn))
        headline = HEADLINE[contest.task]
        main = {name: by_metric[headline.name] for name, by_metric in draws.items()}
        for a, b in list_questions([arm.name for arm in plan.arms]):
            key = f"{contest.key}.{a}{VS}{b}.{headline.name}"
            differences[key] = measure_difference(main[a], main[b])
        if all(name in main for name in (START, NOW, REAL)) and _has_gap(main):
            share = measure_share_closed(main[START], main[NOW], main[REAL])
            figures[f"{contest.key}.{NOW}.gap_closed"] = asdict(share)
        figures |= _measure_worths(plan, contest, main, seed)
        if contest.task == "detection":
            figures |= _measure_use(contest, own, filter_boxes(plan.reader("detection", REAL)))
    adjusted = holm({key: effect.p for key, effect in differences.items() if effect.p is not None})
    for key, effect in differences.items():
        figures[key] = asdict(effect) | {"p_holm": adjusted[key]}
    return figures


def list_questions(arms: Sequence[str]) -> list[tuple[str, str]]:
    """Which arms are compared: the three above, and every mix or fine-tuning with ``real``."""
    asked = [pair for pair in QUESTIONS if all(name in arms for name in pair)]
    single = {START, NOW, REAL}
    return asked + [(name, REAL) for name in arms if name not in single and not name.startswith(f"{REAL}@")]


def _has_gap(main: Mapping[str, Draws]) -> bool:
    return float(main[START].by_seed.mean()) != float(main[REAL].by_seed.mean())


def _gets_better(task: TaskName, few: Draws, many: Draws) -> bool:
    """Whether more real images are clearly better than few."""
    gain = measure_difference(many, few)
    return gain.high < 0 if HEADLINE[task].lower_is_better else gain.low > 0


def _describe_arm(plan: Plan, contest: Contest, own: Results, arm: str) -> Figures:
    """How much data an arm used, and its losses on test images at the check that was kept."""
    mine = [(cell, r) for cell, r in own if cell.arm.name == arm]
    cell, first = mine[0]
    losses = [name for name in first.best.figures if name.startswith("test_") and name.endswith("_loss")]
    return {
        f"{contest.key}.{arm}.data": {
            "n_train": first.n_train,
            "n_val": first.n_val,
            "n_real_labels": plan.n_real_labels(cell),
            "choose": plan.choose,
        }
    } | {
        f"{contest.key}.{arm}.{name}": {
            "value": float(np.mean([r.best.figures[name] for _, r in mine])),
            "by_seed": [r.best.figures[name] for _, r in mine],
            "n_images": len(first.names),
        }
        for name in losses
    }


def _measure_use(contest: Contest, own: Results, filtered: Sequence[Floats] | None) -> Figures:
    """Hits and false boxes of each arm's detectors and, where there is one, of the colour filter."""
    true = [np.array(boxes, dtype=np.float64).reshape(-1, 4) for boxes in own[0][1].true]
    said: dict[str, list[Sequence[Floats]]] = {}
    for cell, result in own:
        boxes = [np.array(rows, dtype=np.float64).reshape(-1, 5) for rows in result.predicted]
        said.setdefault(cell.arm.name, []).append(boxes)
    if filtered is not None:
        said[FILTER] = [filtered]
    return {
        f"{contest.key}.{name}.{IN_USE}": asdict(measure_operating_point(seeds, true))
        for name, seeds in said.items()
    }


def _measure_worths(plan: Plan, contest: Contest, main: Mapping[str, Draws], seed: int) -> Figures:
    """How many real images every arm without any is worth, where a curve clearly gets better."""
    sizes = sorted((arm.curve_size, arm.name) for arm in plan.arms if arm.curve_size is not None)
    if not sizes:
        return {}
    n_all = next(
        plan.n_real_labels(cell) for cell in plan.cells if cell.contest == contest and cell.arm.name == REAL
    )
    curve = [(n, main[name]) for n, name in sizes] + [(n_all, main[REAL])]
    if len(curve) < MIN_POINTS or not _gets_better(contest.task, curve[0][1], curve[-1][1]):
        return {}
    return {
        f"{contest.key}.{arm.name}.worth": asdict(
            measure_worth(
                main[arm.name],
                curve,
                lower_is_better=HEADLINE[contest.task].lower_is_better,
                rng=np.random.default_rng(seed),
            )
        )
        for arm in plan.arms
        if REAL not in arm.kinds
    }
