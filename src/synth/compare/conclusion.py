"""What matters first: one conclusion for each network of each task, in plain words.

It says what is clear and, where nothing is, how many test images or seeds would do. Sizes are those of the
headline metric; whether a difference is clear is decided by the metric that tells mixes apart.
"""

from collections.abc import Sequence

from synth.compare.advice import MOST_IMAGES, MOST_SEEDS, find_missing, learned_nothing
from synth.compare.figures import Difference, Drawn, Figures, Measured, Unlearned
from synth.compare.mixes import REAL
from synth.compare.plan import Contest
from synth.compare.verdict import Sentence, is_better, list_differences
from synth.train.tasks import TASKS
from synth.train.tasks.report import Metric


def write_conclusions(figures: Figures) -> list[Sentence]:
    """One for each contest in which mixes were asked about."""
    return [
        Sentence(
            f"{contest.title}: {_conclude(figures, contest, asked)}",
            (*asked, *_headlines(figures, contest), *figures.of(Unlearned, contest=contest)),
        )
        for contest in figures.contests
        if (asked := list_differences(figures, contest))
    ]


def _conclude(figures: Figures, contest: Contest, asked: Sequence[Difference]) -> str:
    metric = TASKS[contest.task].headline
    values = {row.mix: row.effect.value for row in _headlines(figures, contest)}
    if learned_nothing(figures, contest):
        now = contest.settings.n_images
        return (
            "no network learned anything, which tells nothing of the images. "
            f"More --images are needed ({now} now)."
        )
    if all(row.effect.is_one_training for row in asked):
        return "each kind of images was trained on once, which tells nothing of the kind. --seeds 3 would do."
    against = [row for row in asked if row.question.against == REAL]
    better = [row.question.mix for row in against if row.is_clear and is_better(row)]
    worse = [row.question.mix for row in against if row.is_clear and not is_better(row)]
    open_ = [row for row in against if not row.is_clear]
    said = [f"{mix} images beat captured ones by {_apart(values, mix, REAL, metric)}" for mix in better]
    worse.sort(key=lambda mix: abs(values[mix] - values[REAL]), reverse=True)
    said += [f"{mix} images cost {_apart(values, mix, REAL, metric)} against captured ones" for mix in worse]
    for row in asked:
        a, b = row.question.mix, row.question.against
        if row.is_clear and REAL not in (a, b):
            winner, loser = (a, b) if is_better(row) else (b, a)
            verb = "win back" if loser in worse else "are better by"
            beyond = "" if loser in worse else f" than {loser}"
            said.append(f"{winner} images {verb} {_apart(values, winner, loser, metric)}{beyond}")
    if not said:
        return f"{_where(figures, contest)} nothing can be told apart yet{_what_would_do(open_ or asked)}."
    text = "; ".join(said)
    if open_:
        names = " and ".join(row.question.mix for row in open_)
        text += f". {names} cannot be told from captured ones yet{_what_would_do(open_)}"
    return f"{text}."


def _headlines(figures: Figures, contest: Contest) -> list[Measured]:
    return figures.of(Measured, contest=contest, metric=TASKS[contest.task].headline.name)


def _apart(values: dict[str, float], a: str, b: str, metric: Metric) -> str:
    size = abs(values[a] - values[b])
    return f"{size:.1f}{metric.unit}" if metric.unit else f"{size:.3f} {metric.title}"


def _where(figures: Figures, contest: Contest) -> str:
    first, drawn = _headlines(figures, contest)[0].effect, figures.the(Drawn, contest=contest)
    unit = TASKS[contest.task].words.unit
    what = f"{first.n_images} test {unit}" if drawn.what == "images" else f"{drawn.n} {drawn.what}"
    return f"on {what} and {first.n_seeds} seeds"


def _what_would_do(asked: Sequence[Difference]) -> str:
    """How much more would tell the most promising of some mixes apart."""
    missing = [found for row in asked if (found := find_missing(row)) is not None]
    if not missing:
        return (
            f"; differences as small as these would take more than {MOST_SEEDS} seeds or {MOST_IMAGES:,} "
            "test images: choose by cost"
        )
    n_images, n_seeds = min(missing)
    now = asked[0].effect
    images = f"{n_images} test images" if n_images > now.n_images else ""
    seeds = f"{n_seeds} seeds" if n_seeds > now.n_seeds else ""
    what = " and ".join(filter(None, (images, seeds))) or "some more seeds"
    return f"; {what} would do, if the difference is as large as it looks"
