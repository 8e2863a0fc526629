"""The tables of what balance.py found, written into a document between two marks.

    python benchmarks/balance_table.py --write docs/results.md

± is half a 95 % interval by Student's t over the trainings of a judge, which differ by their seed and, where
pictures are painted, stand on two painters: it says what other seeds would change, and nothing of other
films. Differences are paired by seed.
"""

from collections.abc import Callable, Sequence

import numpy as np
from balance_mixes import COPY_PASTE, MIXES, REAL
from paint_table import N_RAREST, find_rarest, mean_of_rarest
from result_lines import Line
from result_tables import Table, say_state, tell, to_markdown
from scipy.stats import spearmanr, t

from balance import FROZEN, HALF, JUDGES, RESULTS, SEEDS, list_trials

MARKS = "<!-- benchmarks/balance_table.py -->", "<!-- end of balance -->"
AHEAD = 0.02
"""Of real alone, in mIoU, is what was aimed at."""

Score = Callable[[Line], float]


def by_seed(lines: Sequence[Line], judge: str, mix: str) -> dict[int, Line]:
    """The trainings of a judge on a mix."""
    return {x["seed"]: x for x in lines if x["judge"] == judge and x["mix"] == mix}


def spread(values: Sequence[float]) -> float:
    """Half a 95 % interval of their mean; infinite for one alone."""
    if len(values) < 2:
        return float("inf")
    return float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def differences(lines: Sequence[Line], judge: str, mix: str, other: str, score: Score) -> list[float]:
    """Of a mix and another, seed by seed."""
    own, its = by_seed(lines, judge, mix), by_seed(lines, judge, other)
    return [score(own[seed]) - score(its[seed]) for seed in SEEDS if seed in own and seed in its]


def say(values: Sequence[float], form: str = ".3f") -> str:
    """Their mean and what other seeds would change, where all seeds are there."""
    if not values:
        return "–"
    sure = (
        f" ± {spread(values):{form.lstrip('+')}}"
        if len(values) == len(SEEDS)
        else f" ({len(values)} of {len(SEEDS)} seeds)"
    )
    return f"{np.mean(values):{form}}{sure}"


def miou(line: Line) -> float:
    """Of all classes, all test pictures together."""
    return float(line["miou"])


def table_of(lines: Sequence[Line], judge: str) -> Table:
    """A row a mix: Table 1 of the poster, with what it must beat."""
    rows = [
        [
            "trained on",
            "made pictures",
            "mIoU",
            f"less {REAL}",
            f"IoU of the {N_RAREST} rarest",
            f"less {REAL}",
            f"less {COPY_PASTE}",
        ]
    ]
    for mix in MIXES:
        if own := by_seed(lines, judge, mix):
            n = next(iter(own.values()))["n_made"]
            rows.append(
                [
                    mix,
                    str(n) if n else "–",
                    say([miou(x) for x in own.values()]),
                    "–" if mix == REAL else say(differences(lines, judge, mix, REAL, miou), "+.3f"),
                    say([mean_of_rarest(x) for x in own.values()]),
                    *(
                        "–"
                        if mix == other
                        else say(differences(lines, judge, mix, other, mean_of_rarest), "+.3f")
                        for other in (REAL, COPY_PASTE)
                    ),
                ]
            )
    return rows


def table_of_gains(lines: Sequence[Line], judge: str) -> Table:
    """A row a class, the rarest first: its IoU with real pictures alone, what each mix adds to it, and how
    gain and share go together (Figures 1 and 4 of the poster).
    """
    real = by_seed(lines, judge, REAL)
    mixes = [mix for mix in MIXES if mix != REAL and by_seed(lines, judge, mix)]
    if not real or not mixes:
        return []
    classes = next(iter(real.values()))["classes"]
    names = sorted((n for n in classes if classes[n]["share"] > 0), key=lambda n: classes[n]["share"])

    def iou_of(name: str) -> Score:
        return lambda line: float(line["classes"][name]["iou"])

    rows, gains = [["class", "% of pixels", REAL, *mixes]], {mix: list[float]() for mix in mixes}
    for name in names:
        cells = [
            name,
            f"{100 * classes[name]['share']:.1f}",
            f"{np.mean([iou_of(name)(x) for x in real.values()]):.2f}",
        ]
        for mix in mixes:
            gain = float(np.mean(differences(lines, judge, mix, REAL, iou_of(name)) or [np.nan]))
            gains[mix].append(gain)
            cells.append(f"{gain:+.2f}")
        rows.append(cells)
    shares = [classes[name]["share"] for name in names]
    ranks = [f"{spearmanr(shares, gains[mix]).statistic:+.2f}" for mix in mixes]
    rows.append(["rank correlation of gain and share", "", "", *ranks])
    return rows


def say_verdict(lines: Sequence[Line], judge: str) -> str:
    """Whether the best painted mix is where it was to be."""
    painted = [
        m
        for m, mix in MIXES.items()
        if mix.is_painted and len(differences(lines, judge, m, REAL, miou)) == len(SEEDS)
    ]
    if not painted:
        return f"{judge}: no painted mix has all its seeds yet."
    best = max(painted, key=lambda m: np.mean(differences(lines, judge, m, REAL, miou)))
    ahead = differences(lines, judge, best, REAL, miou)
    reached = "reached" if np.mean(ahead) >= AHEAD and np.mean(ahead) > spread(ahead) else "not reached"
    rare = differences(lines, judge, best, COPY_PASTE, mean_of_rarest)
    beyond = f"; on the {N_RAREST} rarest {say(rare, '+.3f')} beside {COPY_PASTE}" if rare else ""
    said = f"{judge}: of {len(painted)} painted mixes {best} is the best by these figures"
    return f"{said}, {say(ahead, '+.3f')} of mIoU beside {REAL}{beyond}. Aim, {AHEAD} ahead: {reached}."


def say_all(lines: Sequence[Line]) -> str:
    """All tables, and how much of them there is."""
    parts: list[str] = []
    for judge in JUDGES:
        if any(x["judge"] == judge for x in lines):
            parts += [
                f"**Judged by {judge}**",
                "",
                *to_markdown(table_of(lines, judge)),
                "",
                say_verdict(lines, judge),
                "",
            ]
            if gains := table_of_gains(lines, judge):
                parts += [f"**Gain of each class beside {REAL}, {judge}**", "", *to_markdown(gains), ""]
    if lines:
        parts += [
            f"The rarest: {', '.join(find_rarest(lines[0]))}, of {lines[0]['n_test']} test pictures.",
            "",
        ]
    if half := [x for x in lines if x["mix"].endswith(HALF)]:
        parts += [
            f"Of `--quick`, painted by a painter of half the photographs: mIoU {half[0]['miou']:.3f}.",
            "",
        ]
    wanted = [trial.key for trial in list_trials()]
    own = [x for x in lines if {k: x[k] for k in ("judge", "mix", "seed")} in wanted]
    return "\n".join([*parts, say_state(own, len(own), len(wanted), "trainings"), ""])


if __name__ == "__main__":
    tell(__doc__, RESULTS, FROZEN, say_all, MARKS)
