"""The table of what paint.py found, written into a document between two marks.

    python benchmarks/paint_table.py --write docs/results.md

Each row is the mean over the painter's seeds, their values behind it.
"""

from collections.abc import Callable, Sequence

import numpy as np
from paint import FLOOR, FROZEN, FULL, RESULTS, SEEDS, SMALL, list_trials
from result_lines import Line
from result_tables import Table, say_state, tell, to_markdown

MARKS = "<!-- benchmarks/paint_table.py -->", "<!-- end of paint -->"
AHEAD = 0.15
"""Of the floor, in mIoU, is what was aimed at."""

N_RAREST = 4
Column = Callable[[Line], float | None]


PLANS = "main", "film"


def list_painters() -> list[str]:
    """In the order of the table."""
    every = [trial.painter for plan in PLANS for seed in SEEDS for trial in list_trials(seed, plan)]
    return list(dict.fromkeys(every))


def find_rarest(line: Line) -> list[str]:
    """The classes with fewest pixels that the pictures show at all."""
    shown = {name: one["share"] for name, one in line["classes"].items() if one["share"] > 0}
    return sorted(shown, key=lambda name: shown[name])[:N_RAREST]


def mean_of_rarest(line: Line) -> float:
    """IoU of the rarest classes."""
    return float(np.mean([line["classes"][name]["iou"] for name in find_rarest(line)]))


COLUMNS: dict[str, tuple[Column, str]] = {
    "mIoU": (lambda x: x["miou"], ".3f"),
    "pixel accuracy": (lambda x: x["pixel_accuracy"], ".3f"),
    "IoU of the 4 rarest": (mean_of_rarest, ".3f"),
    "told from photographs, AUC": (lambda x: x["auc"][0] if "auc" in x else None, ".2f"),
    "kernel distance": (lambda x: x["kernel"][0] if "kernel" in x else None, ".2f"),
    "diversity": (lambda x: x.get("diversity"), ".3f"),
    "CPU minutes": (lambda x: x["cpu_s"] / 60 if x.get("cpu_s") else None, ".0f"),
    "ms a map": (lambda x: 1000 * x["paint_s"] if "paint_s" in x else None, ".0f"),
}


def say_values(values: Sequence[float | None], form: str) -> str:
    """The mean, and every value where there are several."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    each = f" ({', '.join(format(value, form) for value in known)})" if len(known) > 1 else ""
    return f"{np.mean(known):{form}}{each}"


def make_table(lines: Sequence[Line]) -> Table:
    """A row for what bounds the painters, then one a painter."""
    rows = [["judged", *COLUMNS]]
    for name in (FULL, SMALL, *list_painters(), FLOOR):
        if own := [x for x in lines if x["painter"] == name]:
            rows.append([name, *(say_values([get(x) for x in own], form) for get, form in COLUMNS.values())])
    return rows


def make_class_table(lines: Sequence[Line]) -> Table:
    """A row a class: its share of pixels, and its IoU, mean over seeds."""
    names = [n for n in (FULL, SMALL, *list_painters(), FLOOR) if any(x["painter"] == n for x in lines)]
    rows = [["class", "% of pixels", *names]]
    for name, one in lines[0]["classes"].items():
        if one["share"] > 0:
            ious = [[x["classes"][name]["iou"] for x in lines if x["painter"] == n] for n in names]
            rows.append([name, f"{100 * one['share']:.1f}", *(f"{np.mean(of):.2f}" for of in ious)])
    return rows


def say_verdict(lines: Sequence[Line]) -> str:
    """Which painters are how far ahead of the floor, in each of their seeds."""
    floor = next((x["miou"] for x in lines if x["painter"] == FLOOR), None)
    if floor is None:
        return "The floor is not measured yet."
    said = []
    for painter in list_painters():
        leads = [x["miou"] - floor for x in lines if x["painter"] == painter]
        if leads:
            is_ahead = "ahead by that" if min(leads) >= AHEAD else "not ahead by that"
            said.append(f"{painter} {is_ahead} ({', '.join(f'{lead:+.3f}' for lead in leads)})")
    return f"Aim: {AHEAD} of mIoU ahead of the floor in each seed. {'; '.join(said)}."


def say_all(lines: Sequence[Line]) -> str:
    """All tables, and how much of them there is."""
    parts: list[str] = []
    if lines:
        n_test = lines[0]["n_test"]
        parts += [f"**Read by FC-HarDNet-70, {n_test} pictures of a drive that taught nobody**", ""]
        parts += [*to_markdown(make_table(lines)), "", say_verdict(lines), ""]
        parts += ["**IoU of each class**", "", *to_markdown(make_class_table(lines)), ""]
    for plan in PLANS:
        painters = [(trial.painter, trial.seed) for seed in SEEDS for trial in list_trials(seed, plan)]
        own = [x for x in lines if (x["painter"], x["seed"]) in painters]
        parts += [f"Plan {plan}. {say_state(own, len(own), len(painters), 'painters')}", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    tell(__doc__, RESULTS, FROZEN, say_all, MARKS)
