"""The tables of what signs.py found, written into a document between two marks, and a dot plot by class.

    python benchmarks/signs_table.py --write docs/results.md --dots runs/signs/classes.png

A figure is Pascal VOC's average precision at IoU 0.5, at all points, mean over the classes of a group. Of
each fold it is the mean over the trainings; intervals are Student's t over the three folds (2 degrees of
freedom). What folds, generators' seeds and trainings' seeds change is all in what folds differ by, so the
interval holds for another recording, another generator and another training. A contrast takes the difference
of trainings that share fold, generator's seed and training's seed. Holm's correction is over all of `PRIMARY`
together.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from result_tables import Table, say_state, tell, to_markdown
from scipy.stats import t
from signs import (
    FROZEN,
    MAIN,
    N_IMAGES,
    PLANS,
    PRIMARY,
    RESULTS,
    SEEDS,
    Line,
    key_of,
    list_trials,
)
from signs_folds import BY_RECORDING, GROUPS, NONE, SAME_FILM, Fold

from synth.metrics.comparison import holm

MARKS = "<!-- benchmarks/signs_table.py -->", "<!-- end of signs -->"


def measure(line: Line, classes: Sequence[str], figure: str = "voc_ap50") -> float:
    """The mean over classes of what one training found."""
    return float(np.mean([line["classes"][name][figure] for name in classes]))


def lines_of(lines: Sequence[Line], fold: Fold, mix: str) -> list[Line]:
    """The trainings of a mix in a fold, by their seeds."""
    own = [x for x in lines if x["fold"] == fold.name and x["mix"] == mix]
    return sorted(own, key=lambda x: (x["generator"] or 0, x["seed"]))


def by_fold(lines: Sequence[Line], mix: str, classes: Sequence[str]) -> dict[str, float]:
    """Means over a mix's trainings, of each fold that has any."""
    every = {fold.name: lines_of(lines, fold, mix) for fold in BY_RECORDING}
    return {name: float(np.mean([measure(x, classes) for x in own])) for name, own in every.items() if own}


def differences(lines: Sequence[Line], a: str, b: str, classes: Sequence[str]) -> dict[str, float]:
    """By fold, the mean difference of trainings of two mixes that share all seeds that both have."""
    found = {}
    for fold in BY_RECORDING:
        other = {key_of(x)[2:]: measure(x, classes) for x in lines_of(lines, fold, b)}
        pairs = [
            (measure(x, classes), other[key])
            for x in lines_of(lines, fold, a)
            for key in (key_of(x)[2:], (None, x["seed"]))
            if key in other
        ]
        if pairs:
            found[fold.name] = float(np.mean([one - another for one, another in pairs]))
    return found


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Half width of the 95 % interval, p that the truth is 0, and the mean, of some folds."""
    mean, n = float(np.mean(values)), len(values)
    error = float(np.std(values, ddof=1) / np.sqrt(n))
    p = float(2 * t.sf(abs(mean) / error, n - 1)) if error else float(mean == 0)
    return float(t.ppf(0.975, n - 1)) * error, p, mean


def say_mean(values: Mapping[str, float], *, signed: bool = False) -> str:
    """Mean, interval where there are three folds, and every fold's value."""
    if not values:
        return "–"
    form = "+.2f" if signed else ".2f"
    each = ", ".join(format(value, form) for value in values.values())
    if len(values) < len(BY_RECORDING):
        return f"({each})"
    half, _, mean = interval(list(values.values()))
    return f"{mean:{form}} ± {half:.2f} ({each})"


def table_of_mixes(lines: Sequence[Line]) -> Table:
    """A row a mix, a column a group of classes."""
    rows = [["trained on", "trainings", *(f"{name}" for name in GROUPS)]]
    for mix in dict.fromkeys(x["mix"] for x in lines if x["mix"] in (*MAIN, *PLANS["alone"])):
        n = sum(len(lines_of(lines, fold, mix)) for fold in BY_RECORDING)
        figures = (say_mean(by_fold(lines, mix, classes)) for classes in GROUPS.values())
        rows.append([mix, str(n), *figures])
    return rows


def table_of_contrasts(lines: Sequence[Line]) -> Table:
    """A row a contrast; p only where all trainings of all folds are there."""
    rows = [["contrast", *(f"{name}" for name in GROUPS)]]
    n = sum(x["fold"] != SAME_FILM.name and x["mix"] in MAIN for x in lines)
    complete = n == count_trials(BY_RECORDING)
    found = {
        (a, b, name): differences(lines, a, b, classes)
        for a, b in PRIMARY
        for name, classes in GROUPS.items()
    }
    adjusted = holm({key: interval([*each.values()])[1] for key, each in found.items()}) if complete else {}
    for a, b in PRIMARY:
        cells = [
            say_mean(found[a, b, name], signed=True) + (f", p {adjusted[a, b, name]:.2f}" if complete else "")
            for name in GROUPS
        ]
        rows.append([f"{a} − {b}", *cells])
    context = [say_mean(differences(lines, "real + X", "real", c), signed=True) for c in GROUPS.values()]
    return [*rows, ["real + X − real (context)", *context]]


def table_of_classes(lines: Sequence[Line], folds: Sequence[Fold]) -> Table:
    """A row a class, a column a mix: means over all trainings; * marks what has no real train box."""
    own = [x for x in lines if x["fold"] in {fold.name for fold in folds}]
    mixes = [mix for mix in (*MAIN, *PLANS["alone"]) if any(x["mix"] == mix for x in own)]
    rows = [["class", *mixes]]
    for name in folds[0].classes:
        figures = (np.mean([measure(x, [name]) for x in own if x["mix"] == mix]) for mix in mixes)
        rows.append([name + (" *" if name in NONE else ""), *(f"{figure:.2f}" for figure in figures)])
    means = [[measure(x, folds[0].classes) for x in own if x["mix"] == mix] for mix in mixes]
    spread = [f"{np.mean(m):.2f} ({min(m):.2f}–{max(m):.2f})" for m in means]
    return [*rows, ["all, lowest and highest training", *spread]]


def table_of_plan(lines: Sequence[Line], plan: str) -> Table:
    """A row a translator of an ablation: mean over all classes, by fold."""
    rows = [["trained on", "trainings", "all classes"]]
    for mix in PLANS[plan]:
        n = sum(x["mix"] == mix for x in lines)
        rows.append([mix, str(n), say_mean(by_fold(lines, mix, BY_RECORDING[0].classes))])
    return rows


def say_all(lines: Sequence[Line]) -> str:
    """All tables, each with how much of it there is."""
    lines = [x for x in lines if x["images"] == N_IMAGES]
    parts = []
    folds = {x["fold"] for x in lines}
    main = [x for x in lines if x["mix"] in (*MAIN, *PLANS["alone"]) and x["fold"] != SAME_FILM.name]
    parts += ["**Average precision at IoU 0.5, tested on another recording**", ""]
    if main:
        seen = [fold for fold in BY_RECORDING if fold.name in folds]
        for table in (table_of_mixes(main), table_of_contrasts(main), table_of_classes(main, seen)):
            parts += [*to_markdown(table), ""]
        chosen = {(x["fold"], x["made"]["method"]) for x in main if "method" in x["made"]}
        parts += ["Colours: " + ", ".join(f"{m} in fold {f}" for f, m in sorted(chosen)) + ".", ""] * bool(
            chosen
        )
    parts += [say_trained(main, count_trials(BY_RECORDING)), ""]
    film = [x for x in lines if x["fold"] == SAME_FILM.name and x["mix"] in MAIN]
    parts += [
        "**Same film: the other seven classes, tested on the end of the film whose beginning trains**",
        "",
    ]
    if film:
        parts += [*to_markdown(table_of_classes(film, [SAME_FILM])), ""]
    parts += [say_trained(film, count_trials([SAME_FILM]))]
    for plan in ("ablation", "weights"):
        if own := [x for x in lines if x["mix"] in PLANS[plan]]:
            wanted = count_trials(BY_RECORDING, plan)
            parts += [
                "",
                f"**Plan {plan}**",
                "",
                *to_markdown(table_of_plan(own, plan)),
                "",
                say_trained(own, wanted),
            ]
    return "\n".join([*parts, ""])


def say_trained(lines: Sequence[Line], wanted: int) -> str:
    """How much of a table there is; what trained on made images alone is on top."""
    return say_state(lines, sum(x["mix"] not in PLANS["alone"] for x in lines), wanted, "trainings")


def count_trials(folds: Sequence[Fold], plan: str = "main") -> int:
    """How many trainings a plan has in some folds."""
    return sum(len([*list_trials(fold, seed, PLANS[plan])]) for fold in folds for seed in SEEDS)


def draw_dots(lines: Sequence[Line], path: Path) -> None:
    """A row a class, a dot a training, a colour a mix; a stroke marks the mean."""
    from matplotlib.figure import Figure

    lines = [x for x in lines if x["fold"] != SAME_FILM.name and x["images"] == N_IMAGES]
    names = [(group, name) for group, classes in GROUPS.items() for name in classes]
    mixes = [mix for mix in (*MAIN, *PLANS["alone"]) if any(x["mix"] == mix for x in lines)]
    figure = Figure(figsize=(8, 1 + 0.6 * len(names)), layout="constrained")
    axes = figure.subplots()
    for i, mix in enumerate(mixes):
        for row, (_, name) in enumerate(names):
            y = row + 0.7 * (i / max(len(mixes) - 1, 1) - 0.5)
            values = [measure(x, [name]) for x in lines if x["mix"] == mix]
            label = mix if row == 0 else None
            axes.plot(values, [y] * len(values), ".", color=f"C{i}", alpha=0.5, label=label)
            axes.plot([np.mean(values)], [y], "|", color=f"C{i}", markersize=12, markeredgewidth=2)
    axes.set_yticks(range(len(names)), [f"{name} ({group})" for group, name in names])
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("average precision at IoU 0.5, another recording")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    tell(__doc__, RESULTS, FROZEN, say_all, MARKS, dots=draw_dots)
