"""What to do next, from the figures alone."""

import math

from synth.compare.arms import REAL
from synth.compare.collect import HEADLINE, START, VS, Figures
from synth.compare.verdict import MAX_P, arms_of, read_effect, title_of
from synth.metrics.comparison import Effect

_MOST = 20_000
_MARGIN = 1.3
"""By how much an interval should clear 0, for more than an even chance of finding what is there."""


def write_advice(figures: Figures) -> list[str]:
    """Sentences, the most useful first."""
    advice = []
    contests = dict.fromkeys(
        ".".join(key.split(".")[:2]) for key in figures if key.count(".") > 1 and VS in key
    )
    for contest in contests:
        task = contest.split(".")[0]
        headline = HEADLINE[task]  # type: ignore[index]
        questions = [
            k for k in figures if k.startswith(f"{contest}.") and VS in k and k.endswith(headline.name)
        ]
        for key in questions:
            effect, p = read_effect(figures, key)
            pair = key.split(".", 2)[2].removesuffix(f".{headline.name}").replace(VS, " and ")
            if effect.excludes_zero and p <= MAX_P:
                continue
            advice.append(f"{title_of(contest)}: {_say_how_many(effect, pair)}")
        best = arms_of(figures, contest, headline)
        if best and best[0] not in (REAL,) and f"{contest}.{REAL}.{headline.name}" in figures:
            advice.append(
                f"{title_of(contest)}: {best[0]} did at least as well as {REAL} alone; see its data before "
                "choosing it."
            )
    n_seeds = [v["n_seeds"] for k, v in figures.items() if VS in k]
    if n_seeds and min(n_seeds) == 1:
        advice.append("One seed is an indication: run again with --seeds 3 before deciding anything.")
    if not any(key.endswith(".worth") for key in figures) and any(f".{START}." in k for k in figures):
        advice.append("How many real images the synthetic ones are worth is answered by --curve.")
    if figures.get("test.is_simulated"):
        advice.append(
            "The test images are simulated: capture a few dozen on the real cell and run this again on them."
        )
    return advice


def _say_how_many(effect: Effect, pair: str) -> str:
    """How many test images would tell two arms apart, where images are what is missing."""
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
