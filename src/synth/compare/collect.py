"""From test predictions to figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from synth.compare.figures import (
    Difference,
    Figures,
    GapClosed,
    InUse,
    Measured,
    MeasuredPart,
    MixWorth,
    Row,
    TestImages,
    TestLoss,
    UsedData,
)
from synth.compare.mixes import REAL
from synth.compare.plan import Contest, Plan, Trial
from synth.compare.questions import Question
from synth.metrics.comparison import (
    Draws,
    Effect,
    holm,
    measure_difference,
    measure_mix,
    measure_share_closed,
)
from synth.metrics.data_size import MIN_POINTS, measure_worth
from synth.train.run import TrainResult
from synth.train.tasks import TASKS
from synth.train.tasks.task import Said

Results = Sequence[tuple[Trial, TrainResult]]

_SEED = 0
"""Of the images that are drawn again for intervals."""


def collect_figures(plan: Plan, results: Results) -> Figures:
    """Every figure that the report and its verdict are made from. Raises InputError for too few images."""
    rows: list[Row] = [TestImages(plan.is_simulated)]
    differences: dict[tuple[Contest, Question], Effect] = {}
    for contest in plan.contests:
        task = TASKS[contest.task]
        own = [(trial, r) for trial, r in results if trial.contest == contest]
        draws = {mix.name: task.draw_scores([r for t, r in own if t.mix == mix], _SEED) for mix in plan.mixes}
        for mix in plan.mixes:
            rows += _describe_mix(plan, contest, own, mix.name)
            rows += [Measured(contest, mix.name, m, measure_mix(d)) for m, d in draws[mix.name].items()]
            rows += _measure_parts(contest, mix.name, [r for t, r in own if t.mix == mix])
        main = {name: by_metric[task.headline.name] for name, by_metric in draws.items()}
        for question in plan.questions:
            effect = measure_difference(main[question.mix], main[question.against])
            differences[contest, question] = effect
        for gap in plan.gaps:
            if _is_open(main[gap.start], main[gap.end]):
                share = measure_share_closed(main[gap.start], main[gap.now], main[gap.end])
                rows.append(GapClosed(contest, gap.now, share))
        rows += _measure_worths(plan, contest, main)
        rows += _measure_use(plan, contest, own)
    adjusted = holm({key: effect.p for key, effect in differences.items() if effect.p is not None})
    rows += [
        Difference(contest, question, TASKS[contest.task].headline.name, effect, adjusted[contest, question])
        for (contest, question), effect in differences.items()
    ]
    return Figures(rows)


def _is_open(start: Draws, end: Draws) -> bool:
    return float(start.by_seed.mean()) != float(end.by_seed.mean())


def _gets_better(task: str, few: Draws, many: Draws) -> bool:
    """Whether more real images are clearly better than few."""
    gain = measure_difference(many, few)
    return gain.high < 0 if TASKS[task].headline.lower_is_better else gain.low > 0


def _describe_mix(plan: Plan, contest: Contest, own: Results, mix: str) -> list[Row]:
    """How much data a mix used, and its losses on test images at the check that was kept."""
    mine = [(trial, r) for trial, r in own if trial.mix.name == mix]
    trial, first = mine[0]
    losses = [name for name in first.best.figures if name.startswith("test_") and name.endswith("_loss")]
    return [
        UsedData(
            contest,
            mix,
            _one_or_all([r.n_train for _, r in mine]),
            _one_or_all([r.n_val for _, r in mine]),
            plan.n_real_labels(trial),
            plan.choose,
        ),
        *(
            TestLoss(
                contest,
                mix,
                name,
                float(np.mean([r.best.figures[name] for _, r in mine])),
                tuple(r.best.figures[name] for _, r in mine),
                len(first.names),
            )
            for name in losses
        ),
    ]


def _measure_parts(contest: Contest, mix: str, said: Sequence[Said]) -> list[Row]:
    """What a task breaks down, part by part and metric by metric."""
    return [
        MeasuredPart(contest, mix, breakdown, part.name, part.n_true, metric, measure_mix(draws))
        for breakdown, parts in TASKS[contest.task].break_down(said, _SEED).items()
        for part in parts
        for metric, draws in part.draws.items()
    ]


def _one_or_all(counts: Sequence[int]) -> tuple[int, ...]:
    return tuple(counts) if len(set(counts)) > 1 else (counts[0],)


def _measure_use(plan: Plan, contest: Contest, own: Results) -> list[Row]:
    """What each mix's networks find in use, and what baselines do; nothing for tasks that find nothing."""
    task, true = TASKS[contest.task], own[0][1].true
    said: dict[str, list[list[Any]]] = {}
    for trial, result in own:
        said.setdefault(trial.mix.name, []).append(result.predicted)
    for baseline in task.baselines:
        predicted = baseline.predict(plan.reader(contest.task, REAL))
        if predicted is not None:
            said[baseline.name] = [predicted]
    points = {name: task.measure_use(seeds, true) for name, seeds in said.items()}
    return [InUse(contest, name, point) for name, point in points.items() if point is not None]


def _measure_worths(plan: Plan, contest: Contest, main: Mapping[str, Draws]) -> list[Row]:
    """How many real images every mix without any is worth, where a curve clearly gets better."""
    sizes = sorted((mix.curve_size, mix.name) for mix in plan.mixes if mix.curve_size is not None)
    if not sizes:
        return []
    n_all = next(plan.n_real_labels(t) for t in plan.trials if t.contest == contest and t.mix.name == REAL)
    curve = [(n, main[name]) for n, name in sizes] + [(n_all, main[REAL])]
    if len(curve) < MIN_POINTS or not _gets_better(contest.task, curve[0][1], curve[-1][1]):
        return []
    return [
        MixWorth(
            contest,
            mix.name,
            measure_worth(
                main[mix.name],
                curve,
                lower_is_better=TASKS[contest.task].headline.lower_is_better,
                rng=np.random.default_rng(_SEED),
            ),
        )
        for mix in plan.mixes
        if REAL not in mix.datasets
    ]
