"""From test predictions to figures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from synth.compare.figures import (
    BaselineScore,
    Difference,
    Drawn,
    Figures,
    GapClosed,
    InUse,
    Measured,
    MeasuredPart,
    MixWorth,
    Row,
    TestImages,
    TestLoss,
    Unlearned,
    UsedData,
)
from synth.compare.mixes import REAL, Mix
from synth.compare.plan import Contest, Plan, Trial
from synth.compare.questions import Question
from synth.compare.units import BY_FILM, find_units
from synth.compare.used import find_real_read
from synth.metrics.comparison import (
    MIN_IMAGES,
    Draws,
    Effect,
    Spread,
    holm,
    measure_difference,
    measure_mix,
    measure_share_closed,
    pool_spreads,
)
from synth.metrics.data_size import MIN_POINTS, measure_worth
from synth.train.run import TrainResult
from synth.train.tasks import TASKS
from synth.train.tasks.report import Said
from synth.train.trained import Answers

Results = Sequence[tuple[Trial, TrainResult]]

_SEED = 0
"""Of the images that are drawn again for intervals."""


def collect_figures(plan: Plan, results: Results) -> Figures:
    """Every figure that the report and its verdict are made from. Raises InputError for too few images."""
    rows: list[Row] = [TestImages(plan.is_simulated)]
    asked: dict[tuple[Contest, Question], Difference] = {}
    for contest in plan.contests:
        task = TASKS[contest.task]
        own = [(trial, r) for trial, r in results if trial.contest == contest]
        units = find_units(plan.reader(contest.task, REAL), own[0][1].names)
        rows.append(Drawn(contest, units.n, units.what, tuple(dict.fromkeys(units.films))))
        draws = {mix.name: _draw(plan, contest, own, mix, units.of) for mix in plan.mixes}
        pooled = {metric: pool_spreads([d[metric] for d in draws.values()]) for metric in draws[REAL]}
        for mix in plan.mixes:
            rows += _describe_mix(plan, contest, own, mix.name)
            rows += [
                Measured(contest, mix.name, m, measure_mix(d, pooled[m])) for m, d in draws[mix.name].items()
            ]
            rows += _measure_parts(contest, mix.name, [r for t, r in own if t.mix == mix], units.of)
        compared, headline = task.compared.name, task.headline.name
        main = {name: by_metric[compared] for name, by_metric in draws.items()}
        by_film = _measure_films(plan, contest, own, units.films)
        rows += [row for rows_of in by_film.values() for row in rows_of]
        for question in plan.questions:
            a, b = question.mix, question.against
            effect = measure_difference(main[a], main[b], pooled[compared])
            agree = _films_agree(by_film[a], by_film[b], compared, effect) if by_film else None
            asked[contest, question] = Difference(contest, question, compared, effect, effect.p, agree)
            if compared != headline:
                beside = measure_difference(draws[a][headline], draws[b][headline], pooled[headline])
                rows.append(Difference(contest, question, headline, beside, None))
        for gap in plan.gaps:
            if _is_open(main[gap.start], main[gap.end]):
                share = measure_share_closed(main[gap.start], main[gap.now], main[gap.end], pooled[compared])
                rows.append(GapClosed(contest, gap.now, share))
        rows += _measure_worths(plan, contest, main, pooled[compared])
        rows += _measure_use(plan, contest, own, units.of)
    adjusted = holm({key: row.p_holm for key, row in asked.items() if row.p_holm is not None})
    rows += [replace(row, p_holm=adjusted.get(key)) for key, row in asked.items()]
    return Figures(rows)


def _draw(plan: Plan, contest: Contest, own: Results, mix: Mix, units: Sequence[str]) -> dict[str, Draws]:
    """Every metric of a mix, and which of several datasets of its name each training learnt from."""
    mine = [(trial, r) for trial, r in own if trial.mix == mix]
    n_makers = max(len(plan.roots[contest.task][name]) for name in mix.datasets)
    makers = tuple(trial.i_seed % n_makers for trial, _ in mine) if n_makers > 1 else ()
    drawn = TASKS[contest.task].draw_scores([r for _, r in mine], _SEED, units)
    return {metric: replace(draws, makers=makers) for metric, draws in drawn.items()}


def _measure_films(
    plan: Plan, contest: Contest, own: Results, films: Sequence[str]
) -> dict[str, list[MeasuredPart]]:
    """The headline of every mix on each of few films, where a film has images enough."""
    task = TASKS[contest.task]
    found: dict[str, list[MeasuredPart]] = {}
    for film in dict.fromkeys(films):
        rows = [i for i, of in enumerate(films) if of == film]
        if len(rows) < MIN_IMAGES:
            continue
        for mix in plan.mixes:
            said = [_only(r, rows) for t, r in own if t.mix == mix]
            for metric in dict.fromkeys((task.headline, task.compared)):
                effect = measure_mix(task.draw_scores(said, _SEED)[metric.name])
                part = MeasuredPart(contest, mix.name, BY_FILM, film, None, metric.name, effect)
                found.setdefault(mix.name, []).append(part)
    return found


def _is_open(start: Draws, end: Draws) -> bool:
    return start.value != end.value


def _gets_better(task: str, few: Draws, many: Draws) -> bool:
    """Whether more real images are clearly better than few."""
    gain = measure_difference(many, few)
    return gain.high < 0 if TASKS[task].compared.lower_is_better else gain.low > 0


def _only(result: TrainResult, rows: Sequence[int]) -> Answers:
    """What a network says of some of the test images."""
    names, predicted, true = (
        [values[i] for i in rows] for values in (result.names, result.predicted, result.true)
    )
    return Answers(tuple(names), predicted, true)


def _films_agree(a: Sequence[MeasuredPart], b: Sequence[MeasuredPart], metric: str, overall: Effect) -> bool:
    """Whether a difference has one sign in all films."""
    signs = {
        np.sign(one.effect.value - other.effect.value)
        for one, other in zip(a, b, strict=True)
        if one.metric == metric
    }
    return signs == {np.sign(overall.value)}


def _describe_mix(plan: Plan, contest: Contest, own: Results, mix: str) -> list[Row]:
    """How much data a mix used, and its losses on test images at the check that was kept."""
    mine = [(trial, r) for trial, r in own if trial.mix.name == mix]
    trial, first = mine[0]
    unlearned = tuple(trial.seed for trial, r in mine if not r.has_learned)
    losses = [name for name in first.best.figures if name.startswith("test_") and name.endswith("_loss")]
    return [
        UsedData(
            contest,
            mix,
            _one_or_all([r.n_train for _, r in mine]),
            _one_or_all([r.n_val for _, r in mine]),
            plan.n_captured(trial),
            find_real_read(plan, trial),
            plan.choose,
            plan.n_translators(trial),
        ),
        *([Unlearned(contest, mix, unlearned)] if unlearned else []),
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


def _measure_parts(contest: Contest, mix: str, said: Sequence[Said], units: Sequence[str]) -> list[Row]:
    """What a task breaks down, part by part and metric by metric."""
    return [
        MeasuredPart(contest, mix, breakdown, part.name, part.n_true, metric, measure_mix(draws))
        for breakdown, parts in TASKS[contest.task].break_down(said, _SEED, units).items()
        for part in parts
        for metric, draws in part.draws.items()
    ]


def _one_or_all(counts: Sequence[int]) -> tuple[int, ...]:
    return tuple(counts) if len(set(counts)) > 1 else (counts[0],)


def _measure_use(plan: Plan, contest: Contest, own: Results, units: Sequence[str]) -> list[Row]:
    """What each mix's networks find in use, and what baselines do; for tasks that find nothing, metrics of
    baselines alone.
    """
    task, true = TASKS[contest.task], own[0][1].true
    said: dict[str, list[list[Any]]] = {}
    for trial, result in own:
        said.setdefault(trial.mix.name, []).append(result.predicted)
    baselines = {b.name: b.predict(plan.reader(contest.task, REAL)) for b in task.baselines}
    known = {name: [predicted] for name, predicted in baselines.items() if predicted is not None}
    points = {name: task.measure_use(seeds, true) for name, seeds in (said | known).items()}
    scores = [
        BaselineScore(contest, name, metric, measure_mix(draws))
        for name, (predicted,) in known.items()
        if points[name] is None
        for metric, draws in task.draw_scores(
            [Answers(own[0][1].names, predicted, true)], _SEED, units
        ).items()
    ]
    return [*(InUse(contest, name, p) for name, p in points.items() if p is not None), *scores]


def _measure_worths(
    plan: Plan, contest: Contest, main: Mapping[str, Draws], pooled: Spread | None
) -> list[Row]:
    """How many real images every mix without any is worth, where a curve clearly gets better."""
    sizes = sorted((mix.curve_size, mix.name) for mix in plan.mixes if mix.curve_size is not None)
    if not sizes:
        return []
    n_all = next(plan.n_captured(t) for t in plan.trials if t.contest == contest and t.mix.name == REAL)
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
                pooled=pooled,
                lower_is_better=TASKS[contest.task].compared.lower_is_better,
                rng=np.random.default_rng(_SEED),
            ),
        )
        for mix in plan.mixes
        if REAL not in mix.datasets
    ]
