"""The tables and the curve of what affnist.py found, written into a document between two marks.

    python benchmarks/affnist_table.py --write docs/results.md --curve docs/affnist.png

Intervals are Student's t over seeds; a contrast takes the difference of curves that share their seed.
Pictures to reach an accuracy are interpolated between steps, and censored where a curve ends below it: then
"more than 6,000". Seconds are wall-clock, of a core that had other work too if the machine had.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from affnist import FROZEN, METHODS, N_STEPS, PER_STEP, RESULTS, SEEDS, WAYS, Line, Trial, trial_of
from numpy.typing import NDArray
from result_tables import Table, say_state, tell, to_markdown
from scipy.stats import t

MARKS = "<!-- benchmarks/affnist_table.py -->", "<!-- end of affine MNIST -->"
SOUGHT = 0.7
CONTRASTS = (("learned", "random-hard"), ("learned", "random"), ("random-hard", "random"))
_MADE_BY = ("learn", "harvest")
"""Phases in which pictures are found; the others are the same for all."""


def settings_of(line: Line) -> tuple[str, int, float | None]:
    """What tells one figure 7 from another."""
    trial = trial_of(line)
    return trial.net, trial.epochs, trial.replay


def lines_of(lines: Sequence[Line], method: str) -> list[Line]:
    """The curves of a method, by seed."""
    return sorted((x for x in lines if x["method"] == method), key=lambda x: int(x["seed"]))


def curve_of(line: Line) -> NDArray[np.float64]:
    """Accuracy on test digits after 0, 500, 1,000 ... pictures."""
    return np.array([line["base"]["test"], *line["accuracy"]["test"]])


def find_reach(line: Line, sought: float = SOUGHT) -> float | None:
    """Pictures at which a curve first reaches an accuracy; None where it ends below."""
    curve = curve_of(line)
    reached = np.flatnonzero(curve >= sought)
    if not len(reached):
        return None
    i = int(reached[0])
    if i == 0:
        return 0.0
    share = (sought - curve[i - 1]) / (curve[i] - curve[i - 1])
    return float(PER_STEP * (i - 1 + share))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half width of the 95 % interval; infinite for one value."""
    if len(values) < 2:
        return float(np.mean(values)), np.inf
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return float(np.mean(values)), float(t.ppf(0.975, len(values) - 1)) * error


def say(values: Sequence[float], form: str = ".1f") -> str:
    """Mean, interval and number of values."""
    mean, half = interval(values)
    return f"{mean:{form}}" + (f" ± {half:.1f}" if np.isfinite(half) else "")


def table_of_methods(lines: Sequence[Line]) -> Table:
    """A row a method."""
    steps = (1_000, 2_500, 4_000, 6_000)
    rows = [
        [
            "kept",
            "seeds",
            *(f"accuracy at {n:,}" for n in steps),
            f"pictures to {SOUGHT:.0%}, by seed",
            "candidates a picture kept",
            "seconds to find 6,000",
        ]
    ]
    for method in WAYS:
        if not (own := lines_of(lines, method)):
            continue
        reach = [find_reach(x) for x in own]
        rows.append(
            [
                method,
                str(len(own)),
                *(say([100 * curve_of(x)[n // PER_STEP] for x in own]) for n in steps),
                ", ".join(f"more than {N_STEPS * PER_STEP:,}" if x is None else f"{x:,.0f}" for x in reach),
                say([sum(x["tried"]) / sum(x["kept"]) for x in own]),
                say([sum(x["seconds"].get(phase, 0.0) for phase in _MADE_BY) for x in own], ".0f"),
            ]
        )
    return rows


def table_of_contrasts(lines: Sequence[Line]) -> Table:
    """A row a contrast, in points of accuracy, over the seeds that both have."""
    rows = [["contrast", "seeds", "at 6,000, points", "mean over the curve, points"]]
    for a, b in CONTRASTS:
        of = {x["seed"]: curve_of(x) for x in lines_of(lines, b)}
        pairs = [
            (curve_of(x)[1:], of[x["seed"]][1:]) for x in lines_of(lines, a) if x["seed"] in of
        ]  # Without the base, which they share.
        if pairs:
            last = [100 * float(one[-1] - other[-1]) for one, other in pairs]
            mean = [100 * float((one - other).mean()) for one, other in pairs]
            rows.append([f"{a} − {b}", str(len(pairs)), say(last, "+.1f"), say(mean, "+.1f")])
    return rows


def say_all(lines: Sequence[Line]) -> str:
    """The tables of each setting, with how much of it there is; the article's comes first."""
    main = settings_of(Line(vars(Trial("random", 0))))
    parts: list[str] = []
    for net, epochs, replay in dict.fromkeys((main, *map(settings_of, lines))):
        own = [x for x in lines if settings_of(x) == (net, epochs, replay)]
        plain = "all plain digits" if replay is None else f"{replay:g} plain digits to one made"
        parts += [f"**{net}, {epochs} epochs a step, {plain}: accuracy on affine test digits, %**", ""]
        if own:
            bases = {x["seed"]: 100 * x["base"]["test"] for x in own}
            for table in (table_of_methods(own), table_of_contrasts(own)):
                parts += [*to_markdown(table), ""]
            parts += [f"The bases, by seed: {', '.join(f'{bases[s]:.1f}' for s in sorted(bases))}.", ""]
        n = sum(x["method"] in METHODS for x in own)
        parts += [say_state(own, n, len(METHODS) * len(SEEDS), "curves"), ""]
    return "\n".join(parts)


def draw_curve(lines: Sequence[Line], path: Path) -> None:
    """Figure 7: a line a curve, a thick one the mean over seeds."""
    from matplotlib.figure import Figure

    lines = [x for x in lines if settings_of(x) == settings_of(Line(vars(Trial("random", 0))))]
    pictures = PER_STEP * np.arange(N_STEPS + 1)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for i, method in enumerate(METHODS):
        curves = [100 * curve_of(x) for x in lines_of(lines, method)]
        for curve in curves:
            axes.plot(pictures, curve, color=f"C{i}", alpha=0.3, linewidth=0.8)
        if curves:
            axes.plot(pictures, np.mean(curves, axis=0), color=f"C{i}", linewidth=2, label=method)
    axes.axhline(100 * SOUGHT, color="grey", linewidth=0.5)
    axes.set_xlabel("pictures kept")
    axes.set_ylabel("accuracy on affine MNIST's test digits, %")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    tell(__doc__, RESULTS, FROZEN, say_all, MARKS, curve=draw_curve)
