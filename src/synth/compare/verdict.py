"""From figures to sentences, none of which says more than its interval allows.

The figures are the ground: every sentence names the rows that it is made from, and is made from nothing else.
"""

from dataclasses import dataclass, replace

import numpy as np

from synth.compare.figures import (
    Difference,
    Drawn,
    Figures,
    GapClosed,
    InUse,
    Measured,
    MixWorth,
    Row,
    TestImages,
    UsedData,
)
from synth.compare.plan import Contest
from synth.compare.questions import Gap, Question
from synth.metrics.comparison import Effect
from synth.metrics.operating_point import MIN_CONFIDENCE
from synth.train.tasks import TASKS
from synth.train.tasks.report import Metric


@dataclass(frozen=True)
class Sentence:
    """What is said, and the figures that it rests on."""

    text: str
    rows: tuple[Row, ...]


def write_verdict(figures: Figures, gaps: tuple[Gap, ...]) -> list[Sentence]:
    """The verdict in words, most important first; a sentence whose figures are absent is left out."""
    sentences: list[Sentence | None] = []
    for contest in figures.contests:
        sentences.append(_say_ranking(figures, contest))
        sentences += [_say_difference(figures, row) for row in list_differences(figures, contest)]
        sentences += [_say_gap_closed(figures, contest, gap) for gap in gaps]
        sentences.append(_say_generators(figures, contest))
        sentences.append(_say_use(figures, contest))
        sentences += [_say_worth(row) for row in figures.of(MixWorth, contest=contest)]
    return [sentence for sentence in sentences if sentence is not None]


def list_differences(figures: Figures, contest: Contest) -> list[Difference]:
    """Those that tell mixes apart, in the order in which they were asked."""
    return figures.of(Difference, contest=contest, metric=TASKS[contest.task].compared.name)


def is_better(row: Difference) -> bool:
    """Whether the first mix of a clear difference is the better one."""
    return (row.effect.value < 0) == TASKS[row.contest.task].compared.lower_is_better


def format_effect(effect: Effect, metric: Metric) -> str:
    """The value and its interval, in the metric's unit; of a logarithm the ratio that it stands for."""
    ends = (effect.value, effect.low, effect.high)
    if metric.unit == "×":
        value, low, high = (f"{np.exp(x):.2f}" for x in ends)
        return f"{value} times ({low} to {high})"
    digits = 1 if metric.unit else 3
    value, low, high = (f"{round(x, digits) + 0.0:.{digits}f}" for x in ends)
    return f"{value}{metric.unit} ({low} to {high})"


def rank(figures: Figures, contest: Contest) -> list[Measured]:
    """The headline metric of every mix, the best first."""
    metric = TASKS[contest.task].headline
    rows = figures.of(Measured, contest=contest, metric=metric.name)
    return sorted(rows, key=lambda row: row.effect.value, reverse=not metric.lower_is_better)


def _say_ranking(figures: Figures, contest: Contest) -> Sentence | None:
    rows, test = rank(figures, contest), figures.first(TestImages)
    drawn = figures.first(Drawn, contest=contest)
    if not rows or test is None or drawn is None:
        return None
    task = TASKS[contest.task]
    where = "of the SIMULATED cell" if test.is_simulated else "of the real world"
    parts = [f"{row.mix} {format_effect(row.effect, task.headline)}" for row in rows]
    first = rows[0].effect
    text = (
        f"{contest.title}, {task.headline.title} on {first.n_images} held-out captured {task.words.unit} "
        f"{where}, {_trainings(first, drawn)}: {'; '.join(parts)}."
    )
    return Sentence(text, (test, drawn, *rows))


def _say_difference(figures: Figures, row: Difference) -> Sentence:
    task, a, b = TASKS[row.contest.task], row.question.mix, row.question.against
    beside = figures.first(
        Difference, contest=row.contest, question=row.question, metric=task.headline.name, p_holm=None
    )
    rows: tuple[Row, ...] = (row,) if beside is None or beside == row else (row, beside)
    told = "" if len(rows) == 1 else f"; {task.headline.title}s differ by {_size(rows[-1], task.headline)}"
    size = _tell(row, task.compared, a, b)
    if row.effect.is_one_training:
        text = (
            f"with one training of each nothing is said of {a} against {b} images. Of these two networks, "
            f"{size} (over images, this training only){told}."
        )
    elif row.is_clear:
        better, worse = (a, b) if is_better(row) else (b, a)
        text = (
            f"{better} images train better than {worse} ones: {_tell(row, task.compared, better, worse)}, "
            f"p = {row.p_holm:.2g} after Holm's correction{told}."
        )
    else:
        why = f", p = {row.p_holm:.2g} after Holm's correction"
        if row.films_agree is False and row.effect.excludes_zero:
            why = ", but not in every film"
        text = f"whether {a} or {b} images train better cannot be told from this: {size}{why}{told}."
    return Sentence(f"{row.contest.title}: {text}", rows)


def _tell(row: Difference, metric: Metric, first: str, second: str) -> str:
    """One mix's figure beside another's, in the order that the sentence has."""
    effect = row.effect if first == row.question.mix else turn(row.effect)
    if metric.unit == "×":
        return f"{metric.title} with {first} are {format_effect(effect, metric)} those with {second}"
    return f"{metric.title} differs by {format_effect(effect, metric)}"


def _size(row: Row, metric: Metric) -> str:
    assert isinstance(row, Difference)
    return format_effect(row.effect if row.effect.value >= 0 else turn(row.effect), metric)


def turn(effect: Effect) -> Effect:
    """The same difference the other way round."""
    return replace(effect, value=-effect.value, low=-effect.high, high=-effect.low)


def _say_generators(figures: Figures, contest: Contest) -> Sentence | None:
    """One translator is one draw: what was found holds for it."""
    rows = [row for row in figures.of(UsedData, contest=contest) if row.n_translators == 1]
    if not rows:
        return None
    names, verb = " and ".join(row.mix for row in rows), "stands" if len(rows) == 1 else "stand"
    text = (
        f"{contest.title}: {names} {verb} for this translator; one that is trained again may do otherwise. "
        "Several datasets of one name (NAME=PATH,PATH) hold that too."
    )
    return Sentence(text, tuple(rows))


def _say_gap_closed(figures: Figures, contest: Contest, gap: Gap) -> Sentence | None:
    compared = TASKS[contest.task].compared.name
    distance = figures.first(
        Difference, contest=contest, metric=compared, question=Question(gap.start, gap.end)
    )
    gain = figures.first(Difference, contest=contest, metric=compared, question=Question(gap.now, gap.start))
    closed = figures.first(GapClosed, contest=contest, mix=gap.now)
    if distance is None or gain is None or closed is None:
        return None
    lower_is_better = TASKS[contest.task].compared.lower_is_better
    worse = distance.effect.low > 0 if lower_is_better else distance.effect.high < 0
    share = closed.effect
    if not (worse and distance.is_clear and gain.is_clear and share.excludes_zero):
        return None
    verb = "closes" if share.value > 0 else "widens"
    sizes = [f"{abs(v):.0%}" for v in (share.value, *sorted((share.low, share.high), key=abs))]
    text = (
        f"{contest.title}: translation {verb} the gap between {gap.start} and {gap.end} images by {sizes[0]} "
        f"of it ({sizes[1]} to {sizes[2]})."
    )
    return Sentence(text, (distance, gain, closed))


def _say_worth(row: MixWorth) -> Sentence:
    worth = row.worth
    fewest, most = f"fewer than {worth.smallest}", f"more than {worth.largest}"
    low, high = (
        most if x == np.inf else fewest if x == -np.inf else f"{x:.0f}" for x in (worth.low, worth.high)
    )
    if np.isfinite(worth.value):
        text = f"worth {worth.value:.0f} real images ({low} to {high})"
    elif low == high:
        text = f"worth {low} real images, the end of the curve"
    else:
        text = f"worth between {low} and {high} real images: the curve ends there"
    only = ", these trainings only" if worth.n_seeds == 1 else ""
    text = (
        f"{row.contest.title}: the {row.mix} images are {text}, by {TASKS[row.contest.task].compared.title} "
        f"on {worth.n_images} test images, {worth.n_seeds} seed{'s' if worth.n_seeds > 1 else ''}{only}."
    )
    return Sentence(text, (row,))


def _say_use(figures: Figures, contest: Contest) -> Sentence | None:
    rows = figures.of(InUse, contest=contest)
    if not rows:
        return None
    parts = [
        f"{row.name} {', '.join(map(str, row.point.hits))} with {row.point.false_per_image:.2g} false boxes "
        "an image"
        for row in rows
    ]
    first = rows[0].point
    text = (
        f"{contest.title}, in use at confidence {MIN_CONFIDENCE:g}: of {first.n_true} parts in "
        f"{first.n_images} test images these are found, seed by seed: {'; '.join(parts)}."
    )
    return Sentence(text, tuple(rows))


def _trainings(effect: Effect, drawn: Drawn) -> str:
    over = drawn.what if drawn.what == "images" else f"{drawn.n} {drawn.what}"
    if effect.is_one_training:
        return f"1 seed, 95 % intervals over {over}, of this training only"
    return f"{effect.n_seeds} seeds, 95 % intervals over {over} and seeds"
