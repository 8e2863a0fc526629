"""What to do next, from the figures alone."""

import math

from synth.compare.arms import REAL
from synth.compare.collect import HEADLINE, START, VS, Figures
from synth.compare.verdict import MAX_P, arms_of, read_effect, title_of

_MOST = 20_000


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
            half = (effect.high - effect.low) / 2
            if (
                effect.value
                and (n := math.ceil(effect.n_images * (1.3 * half / abs(effect.value)) ** 2)) <= _MOST
            ):
                advice.append(
                    f"{title_of(contest)}: to tell {pair} apart, if the difference is as large as it looks, "
                    f"about {n} test images are needed ({effect.n_images} now): capture more, or add seeds."
                )
            else:
                advice.append(
                    f"{title_of(contest)}: {pair} are too alike here for more test images to tell them "
                    "apart; choose by cost."
                )
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
