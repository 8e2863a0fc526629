"""What to do next, from the figures alone."""

import math

from synth.compare.figures import Difference, Figures, Measured, MixWorth, TestImages
from synth.compare.mixes import REAL
from synth.compare.questions import Question
from synth.compare.verdict import MAX_P, rank
from synth.metrics.comparison import Effect
from synth.train.tasks import TASKS

_MOST = 20_000
_MARGIN = 1.3
"""By how much an interval should clear 0, for more than an even chance of finding what is there."""


def write_advice(figures: Figures) -> list[str]:
    """Sentences, the most useful first."""
    advice = []
    differences = figures.of(Difference)
    for contest in dict.fromkeys(row.contest for row in differences):
        for row in figures.of(Difference, contest=contest):
            if not (row.effect.excludes_zero and row.p_holm <= MAX_P):
                advice.append(f"{contest.title}: {_say_how_many(row.effect, row.question)}")
        best = rank(figures, contest)
        headline = TASKS[contest.task].headline.name
        if best and best[0].mix != REAL and figures.of(Measured, contest=contest, mix=REAL, metric=headline):
            advice.append(
                f"{contest.title}: {best[0].mix} did at least as well as {REAL} alone; see its data before "
                "choosing it."
            )
    if differences and min(row.effect.n_seeds for row in differences) == 1:
        advice.append("One seed is an indication: run again with --seeds 3 before deciding anything.")
    if not figures.of(MixWorth) and any(row.mix != REAL for row in figures.of(Measured)):
        advice.append("How many real images the synthetic ones are worth is answered by --curve.")
    test = figures.first(TestImages)
    if test is not None and test.is_simulated:
        advice.append(
            "The test images are simulated: capture a few dozen on the real cell and run this again on them."
        )
    return advice


def _say_how_many(effect: Effect, question: Question) -> str:
    """How many test images would tell two mixes apart, where images are what is missing."""
    pair = f"{question.mix} and {question.against}"
    half = (effect.high - effect.low) / 2
    n = math.inf if not effect.value else effect.n_images * (_MARGIN * half / abs(effect.value)) ** 2
    if n > _MOST:
        return f"{pair} are too alike here for more test images to tell them apart; choose by cost."
    if n <= effect.n_images:
        return f"{pair} are nearly told apart: train with more seeds."
    return (
        f"to tell {pair} apart, if the difference is as large as it looks, about {math.ceil(n)} test images "
        f"are needed ({effect.n_images} now): capture more, and train with more seeds."
    )
