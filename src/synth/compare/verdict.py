"""From figures to sentences, none of which says more than its interval allows.

The figures are the ground: every sentence names the rows that it is made from, and is made from nothing else.
"""

from dataclasses import asdict, dataclass

from synth.compare.figures import Difference, Figures, GapClosed, InUse, Measured, MixWorth, Row, TestImages
from synth.compare.plan import Contest
from synth.compare.questions import Gap, Question
from synth.metrics.comparison import Effect
from synth.metrics.operating_point import MIN_CONFIDENCE
from synth.train.tasks import TASKS
from synth.train.tasks.task import Metric

MAX_P = 0.05


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
        sentences += [_say_difference(row) for row in figures.of(Difference, contest=contest)]
        sentences += [_say_gap_closed(figures, contest, gap) for gap in gaps]
        sentences.append(_say_use(figures, contest))
        sentences += [_say_worth(row) for row in figures.of(MixWorth, contest=contest)]
    return [sentence for sentence in sentences if sentence is not None]


def format_effect(effect: Effect, metric: Metric, *, is_difference: bool = True) -> str:
    """The value and its interval, in the metric's unit; only a difference can be below 0."""
    digits = 1 if metric.unit else 3
    ends = (effect.low, effect.high) if is_difference else (max(0.0, effect.low), effect.high)
    value, low, high = (f"{round(x, digits) + 0.0:.{digits}f}" for x in (effect.value, *ends))
    return f"{value}{metric.unit} ({low} to {high})"


def rank(figures: Figures, contest: Contest) -> list[Measured]:
    """The headline metric of every mix, the best first."""
    metric = TASKS[contest.task].headline
    rows = figures.of(Measured, contest=contest, metric=metric.name)
    return sorted(rows, key=lambda row: row.effect.value, reverse=not metric.lower_is_better)


def _say_ranking(figures: Figures, contest: Contest) -> Sentence | None:
    rows, test = rank(figures, contest), figures.first(TestImages)
    if not rows or test is None:
        return None
    task = TASKS[contest.task]
    where = "of the SIMULATED cell" if test.is_simulated else "of real parts"
    parts = [f"{row.mix} {format_effect(row.effect, task.headline, is_difference=False)}" for row in rows]
    first = rows[0].effect
    text = (
        f"{contest.title}, {task.headline.title} on {first.n_images} held-out captured {task.words.unit} "
        f"{where}, {_seeds(first)}: {'; '.join(parts)}."
    )
    return Sentence(text, (test, *rows))


def _say_difference(row: Difference) -> Sentence:
    effect, metric = row.effect, TASKS[row.contest.task].headline
    a, b = row.question.mix, row.question.against
    size = format_effect(Effect(**asdict(effect) | _mirrored(effect)), metric)
    if not effect.excludes_zero or row.p_holm > MAX_P:
        text = (
            f"{row.contest.title}: whether {a} or {b} images train better cannot be told from this; the "
            f"difference is {format_effect(effect, metric)}, p = {row.p_holm:.2g} after Holm's correction."
        )
    else:
        better, worse = (a, b) if (effect.value < 0) == metric.lower_is_better else (b, a)
        verb = "look better than" if effect.is_indication else "train better than"
        text = (
            f"{row.contest.title}: {better} images {verb} {worse} ones, by {size} in the {metric.title} (p = "
            f"{row.p_holm:.2g} after Holm's correction)."
        )
    return Sentence(_hedged(text) if effect.is_indication else text, (row,))


def _say_gap_closed(figures: Figures, contest: Contest, gap: Gap) -> Sentence | None:
    distance = figures.first(Difference, contest=contest, question=Question(gap.start, gap.end))
    gain = figures.first(Difference, contest=contest, question=Question(gap.now, gap.start))
    closed = figures.first(GapClosed, contest=contest, mix=gap.now)
    if distance is None or gain is None or closed is None:
        return None
    lower_is_better = TASKS[contest.task].headline.lower_is_better
    worse = distance.effect.low > 0 if lower_is_better else distance.effect.high < 0
    share = closed.effect
    is_clear = worse and gain.effect.excludes_zero and share.excludes_zero
    if not is_clear or max(distance.p_holm, gain.p_holm) > MAX_P:
        return None
    verb = "closes" if share.value > 0 else "widens"
    sizes = [f"{abs(v):.0%}" for v in (share.value, *sorted((share.low, share.high), key=abs))]
    text = (
        f"{contest.title}: translation {verb} the gap between {gap.start} and {gap.end} images by {sizes[0]} "
        f"of it ({sizes[1]} to {sizes[2]})."
    )
    return Sentence(_hedged(text) if share.is_indication else text, (distance, gain, closed))


def _say_worth(row: MixWorth) -> Sentence:
    worth = row.worth
    if worth.value is None:
        end = f"more than {worth.largest}" if worth.is_more else f"fewer than {worth.smallest}"
        text = f"as good as {end} real images, the end of the curve"
    else:
        low = f"fewer than {worth.smallest}" if worth.low is None else f"{worth.low:.0f}"
        high = f"more than {worth.largest}" if worth.high is None else f"{worth.high:.0f}"
        text = f"worth {worth.value:.0f} real images ({low} to {high})"
    text = (
        f"{row.contest.title}: the {row.mix} images are {text}, by {TASKS[row.contest.task].headline.title} "
        f"on {worth.n_images} test images, {worth.n_seeds} seed{'s' if worth.n_seeds > 1 else ''}."
    )
    return Sentence(_hedged(text) if worth.n_seeds == 1 else text, (row,))


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


def _hedged(text: str) -> str:
    return f"An indication from one seed. {text}"


def _mirrored(effect: Effect) -> dict[str, float]:
    return {} if effect.value >= 0 else {"value": -effect.value, "low": -effect.high, "high": -effect.low}


def _seeds(effect: Effect) -> str:
    if effect.n_seeds == 1:
        return "1 seed, 95 % intervals over images"
    return f"{effect.n_seeds} seeds, 95 % intervals over images and seeds"
