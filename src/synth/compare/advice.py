"""What to do next, from the figures alone."""

from math import ceil

from scipy.stats import t

from synth.compare.figures import Difference, Figures, Measured, MixWorth, TestImages, Unlearned
from synth.compare.mixes import REAL
from synth.compare.plan import Contest
from synth.compare.verdict import is_better, list_differences
from synth.metrics.comparison import Effect

MOST_IMAGES, MOST_SEEDS = 20_000, 20
_MARGIN = 1.3
"""By how much an interval should clear 0, for more than an even chance of finding what is there."""


def write_advice(figures: Figures) -> list[str]:
    """Sentences, the most useful first: what would let something be said, at the least cost.

    Trainings cost machine time, test images a person's: so trainings come first, then test images, the fewest
    first, then other films. Then come what asks something else, and last what is no step.
    """
    asked = [
        row
        for contest in figures.contests
        if not learned_nothing(figures, contest)
        for row in list_differences(figures, contest)
    ]
    unclear = [row for row in asked if not row.is_clear and not row.effect.is_one_training]
    by_film = [row for row in unclear if row.films_agree is False]
    missing = [(find_missing(row), row) for row in unclear if row not in by_film]
    within_reach = [(found, row) for found, row in missing if found is not None]
    within_reach.sort(key=lambda pair: _cost(*pair))
    advice = [
        f"{contest.title}: networks learned nothing: run again with more --images, "
        f"{contest.settings.n_images} now."
        for contest in dict.fromkeys(row.contest for row in figures.of(Unlearned))
    ]
    if any(row.effect.is_one_training for row in asked):
        advice.append("One training of each mix tells nothing of another one: run again with --seeds 3.")
    advice += [f"{row.contest.title}: {_say_missing(*found, row)}" for found, row in within_reach]
    advice += [
        f"{row.contest.title}: {_pair(row)} differ from film to film: capture films of other days or places."
        for row in by_film
    ]
    test = figures.first(TestImages)
    if test is not None and test.is_simulated:
        advice.append(
            "The test images are simulated: capture a few dozen on the real cell and run this again on them."
        )
    if not figures.of(MixWorth) and any(row.mix != REAL for row in figures.of(Measured)):
        advice.append("How many real images the synthetic ones are worth is answered by --curve.")
    advice += [
        f"{row.contest.title}: {row.question.mix} did better than {REAL} alone; see its data before you "
        "choose it."
        for row in asked
        if row.question.against == REAL and row.is_clear and is_better(row)
    ]
    advice += [
        f"{row.contest.title}: {_pair(row)} are too alike here for more test images or seeds to tell them "
        "apart; choose by cost."
        for found, row in missing
        if found is None
    ]
    return advice


def learned_nothing(figures: Figures, contest: Contest) -> bool:
    """Whether no mix has a network of this kind that learned anything."""
    trained = {row.mix for row in figures.of(Measured, contest=contest)}
    unlearned = figures.of(Unlearned, contest=contest, seeds=contest.seeds)
    return bool(trained) and trained == {row.mix for row in unlearned}


def _cost(missing: tuple[int, int], row: Difference) -> tuple[int, int]:
    """Test images and seeds beside those that there are."""
    n, n_seeds = missing
    return n - row.effect.n_images, n_seeds - row.effect.n_seeds


def _pair(row: Difference) -> str:
    return f"{row.question.mix} and {row.question.against}"


def _say_missing(n: int, n_seeds: int, row: Difference) -> str:
    """What would tell two mixes apart, if they differ as much as it looks."""
    effect = row.effect
    if (n, n_seeds) == (effect.n_images, effect.n_seeds):
        return f"{_pair(row)} are nearly told apart: train with more seeds."
    trained = "" if n_seeds == effect.n_seeds else f" and {n_seeds} seeds"
    return (
        f"to tell {_pair(row)} apart, if the difference is as large as it looks, about {n} test "
        f"images{trained} are needed ({effect.n_images} test images and {effect.n_seeds} seeds now)."
    )


def find_missing(row: Difference) -> tuple[int, int] | None:
    """Test images and seeds that would tell two mixes apart, no fewer than there are; None for too many."""
    effect = row.effect
    room = (abs(effect.value) / _MARGIN) ** 2
    n_seeds = find_seeds(effect, room)
    if n_seeds is None:
        return None
    n = ceil(effect.n_images * max(1.0, effect.half_images**2 / (room - _by_seeds(effect, n_seeds))))
    return (n, n_seeds) if n <= MOST_IMAGES else None


def find_seeds(effect: Effect, room: float) -> int | None:
    """The fewest seeds, no fewer than there are, that leave half of the room to images; None above 20."""
    if effect.half_seeds**2 < room / 2:
        return effect.n_seeds
    return next((k for k in range(effect.n_seeds, MOST_SEEDS + 1) if _by_seeds(effect, k) <= room / 2), None)


def _by_seeds(effect: Effect, n_seeds: int) -> float:
    """The square of the half width that so many seeds would leave, each mix of a pair having them."""
    now, then = (t.isf(0.025, 2 * (k - 1)) ** 2 / k for k in (effect.n_seeds, n_seeds))
    return float(effect.half_seeds**2 * then / now)
