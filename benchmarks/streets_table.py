"""The tables of what streets.py found, written into a document between two marks.

    python benchmarks/streets_table.py --write docs/results.md

Pixels of all test pictures are counted together; void counts nowhere. Intervals are Student's t over the
trainings of a network, which differ by their seed: they say what another seed would change, and nothing of
other films. ± stands only where all seeds are there.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from result_lines import Line
from result_tables import Table, say_state, tell, to_markdown
from scipy.stats import t
from streets import (
    CHOICE,
    FLOOR,
    FROZEN,
    NETS_OF,
    RECIPES,
    RESULTS,
    SEEDS,
    list_trials,
)
from streets_folds import BY_DRIVE, FOLDS, PUBLISHED, Fold
from streets_labels import N_BINS

MARKS = "<!-- benchmarks/streets_table.py -->", "<!-- end of streets -->"
LEAST_CONFIDENCES = (0.0, 0.5, 0.7, 0.9)
_SCORES = {"mIoU": "miou", "mean F1": "mf1", "pixel accuracy": "pixel_accuracy", "boundary F1": "boundary_f1"}


def lines_of(lines: Sequence[Line], fold: Fold, net: str) -> list[Line]:
    """Those of a network in a fold, by their seeds."""
    own = [x for x in lines if x["fold"] == fold.name and x["net"] == net]
    return sorted(own, key=lambda x: x["seed"] or 0)


def say_mean(values: Sequence[float], form: str = ".3f") -> str:
    """The mean, what another seed would change, and every value."""
    if len(values) == 1:
        return format(values[0], form)
    each = ", ".join(format(value, form) for value in values)
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    sure = f" ± {half:{form}}" if len(values) == len(SEEDS) else ""
    return f"{np.mean(values):{form}}{sure} ({each})"


def table_of_fold(lines: Sequence[Line], fold: Fold) -> Table:
    """A row a network, a column a score."""
    rows = [["network", "crops", "CPU minutes", *_SCORES]]
    for net in (*NETS_OF[fold], FLOOR):
        if own := lines_of(lines, fold, net):
            minutes = [x["cpu_s"] / 60 for x in own if x.get("cpu_s")]
            crops = f"{own[0]['images']:,}" if "images" in own[0] else "–"
            took = f"{np.mean(minutes):.0f}" if minutes else "–"
            scores = (say_mean([x[name] for x in own]) for name in _SCORES.values())
            rows.append([net, crops, took, *scores])
    return rows


def table_of_drives(lines: Sequence[Line]) -> Table:
    """A row a drive that tests and a network: Table 1 of the article."""
    rows = [["drive, pictures", "network of the two others", "mIoU", "mean F1"]]
    for fold in BY_DRIVE:
        for net in (*NETS_OF[fold], FLOOR):
            if own := lines_of(lines, fold, net):
                scores = (say_mean([x[name] for x in own]) for name in ("miou", "mf1"))
                rows.append([f"{fold.tests}, {own[0]['n_test']}", net, *scores])
    return rows


def table_of_classes(lines: Sequence[Line]) -> Table:
    """A row a class: its share of the test pixels of each fold, and the mean IoU of each network."""
    columns = [(fold, net) for fold in FOLDS for net in NETS_OF[fold] if lines_of(lines, fold, net)]
    folds = list(dict.fromkeys(fold for fold, _ in columns))
    head = [[f"{fold.name}: % of pixels", *(net for f, net in columns if f is fold)] for fold in folds]
    rows = [["class", *(cell for part in head for cell in part)]]
    for name in next(iter(lines_of(lines, *columns[0])))["classes"]:
        cells = [name]
        for fold in folds:
            nets = [net for f, net in columns if f is fold]
            share = lines_of(lines, fold, nets[0])[0]["classes"][name]["share"]
            cells.append(f"{100 * share:.1f}")
            for net in nets:
                ious = [x["classes"][name]["iou"] for x in lines_of(lines, fold, net)]
                known = [iou for iou in ious if iou is not None]
                cells.append(f"{np.mean(known):.2f}" if known else "–")
        rows.append(cells)
    return rows


def table_of_confidence(lines: Sequence[Line]) -> Table:
    """A row a drive and a network: of what is kept at each confidence, how much that is and how much is
    right; seeds together.
    """
    rows = [["drive", "network", "mean confidence", *(f"{c:g} and more" for c in LEAST_CONFIDENCES)]]
    for fold in BY_DRIVE:
        for net in NETS_OF[fold]:
            if own := [x["confidence"] for x in lines_of(lines, fold, net)]:
                n, right = (np.sum([x[key] for x in own], axis=0) for key in ("n", "right"))
                cells = []
                for least in LEAST_CONFIDENCES:
                    kept = slice(round(least * N_BINS), None)
                    cells.append(say_kept(n[kept].sum(), right[kept].sum(), n.sum()))
                rows.append(
                    [str(fold.tests), net, f"{np.mean([x['mean'] for x in own]):.2f}", *cells],
                )
    return rows


def say_kept(n: int, n_right: int, n_all: int) -> str:
    """How much is kept of all, and how much of that is right."""
    right = f", {100 * n_right / n:.1f} % right" if n else ""
    return f"{100 * n / n_all:.0f} % kept{right}"


Pick = Callable[[Line, dict[str, Line]], str]
PICKS: dict[str, Pick] = {
    "agreement": lambda choice, own: max(own, key=lambda net: choice["agreement"][net]),
    "confidence": lambda _choice, own: max(own, key=lambda net: own[net]["confidence"]["mean"]),
}
"""Ways to choose a network for a drive of which nothing is known."""


def list_choices(lines: Sequence[Line]) -> Iterator[tuple[Fold, Line, dict[str, Line]]]:
    """Each drive and seed whose networks were all trained: how far they agree, and their lines."""
    for fold in BY_DRIVE:
        for choice in lines_of(lines, fold, CHOICE):
            own = {x["net"]: x for x in lines if (x["fold"], x["seed"]) == (fold.name, choice["seed"])}
            yield fold, choice, {net: own[net] for net in NETS_OF[fold]}


def table_of_choices(lines: Sequence[Line]) -> Table:
    """A row a drive and a seed: agreement and mIoU of each network, and what each way chooses."""
    nets = NETS_OF[BY_DRIVE[0]]
    rows = [["drive", "seed", *(f"{net}: agreement, mIoU" for net in nets), "best", *PICKS]]
    for fold, choice, own in list_choices(lines):
        cells = [f"{choice['agreement'][net]:.3f}, {own[net]['miou']:.3f}" for net in nets]
        best = max(own, key=lambda net: own[net]["miou"])
        picked = [pick(choice, own) for pick in PICKS.values()]
        rows.append([str(fold.tests), str(choice["seed"]), *cells, best, *picked])
    return rows


def say_choices(lines: Sequence[Line]) -> str:
    """How often each way is right, and what it costs where it is not."""
    every = list(list_choices(lines))
    said = []
    for way, pick in PICKS.items():
        lost = [
            max(x["miou"] for x in own.values()) - own[pick(choice, own)]["miou"] for _, choice, own in every
        ]
        n_right = sum(loss == 0 for loss in lost)
        said.append(
            f"Choice by {way} takes the best network in {n_right} of {len(lost)} cases (a drive and a seed) "
            f"and loses {np.mean(lost):.3f} of mIoU on average."
        )
    return " ".join(said)


def say_all(lines: Sequence[Line]) -> str:
    """All tables, and how much of them there is."""
    lines = [x for x in lines if x["net"] not in RECIPES or x["images"] == RECIPES[x["net"]].n_images]
    trained: list[Any] = [x for x in lines if x["net"] in RECIPES]
    parts = []
    if any(x["fold"] == PUBLISHED.name for x in lines):
        parts += ["**The published split, 101 pictures of 6.7 seconds**", ""]
        parts += [*to_markdown(table_of_fold(lines, PUBLISHED)), ""]
    if any(x["fold"] != PUBLISHED.name for x in lines):
        parts += ["**By drive, each for its film: labels of networks that never saw it**", ""]
        parts += [*to_markdown(table_of_drives(lines)), ""]
    if any("confidence" in x for x in lines):
        parts += ["**How much is right by confidence, all seeds together**", ""]
        parts += [*to_markdown(table_of_confidence(lines)), ""]
    if any(x["net"] == CHOICE for x in lines):
        parts += ["**Which network for a drive without truth**", ""]
        parts += [*to_markdown(table_of_choices(lines)), "", say_choices(lines), ""]
    if trained:
        parts += ["**IoU of each class, mean over seeds**", "", *to_markdown(table_of_classes(trained)), ""]
    wanted = sum(len([*list_trials(seed)]) for seed in SEEDS)
    return "\n".join([*parts, say_state(trained, len(trained), wanted, "trainings"), ""])


if __name__ == "__main__":
    tell(__doc__, RESULTS, FROZEN, say_all, MARKS)
