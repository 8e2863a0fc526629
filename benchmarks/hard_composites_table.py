"""The tables of what hard_composites.py found, written into a document between two marks.

    python benchmarks/hard_composites_table.py --write docs/results.md

A figure is COCO's average precision at one IoU, mean over classes, with its 95 % interval. Of the simulated
cell it holds for other pictures of the same scenes and for other trainings that begin with the same base
(synth.metrics.comparison; pictures are drawn again 200 times, the same for all mixes). Of nuts it is
Student's t over the three surfaces (2 degrees of freedom), each the mean over seeds; a difference is taken
within a surface. Holm's correction is over all of `PRIMARY`, of the cell.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from hard_composites import (
    ABLATION,
    FROZEN,
    IOUS,
    PLANS,
    PRIMARY,
    PRIMARY_IOUS,
    RESULTS,
    SEEDS,
    Line,
    Mix,
    list_trials,
)
from hard_places import Cell, Place, list_places
from hard_scenes import SCENES
from result_tables import Table, say_state, tell, to_markdown
from signs_table import interval

from synth.metrics.comparison import (
    SHARE,
    Draws,
    Effect,
    Spread,
    holm,
    measure_difference,
    measure_mix,
    pool_spreads,
)

MARKS = "<!-- benchmarks/hard_composites_table.py -->", "<!-- end of hard composites -->"
Pair = tuple[Mix, Mix]


def lines_of(lines: Sequence[Line], place: Place, mix: Mix) -> list[Line]:
    """The trainings of a mix in a place, by seed."""
    own = [x for x in lines if x["place"] == place.name and x["mix"] == mix.name]
    return sorted((x for x in own if x["images"] == place.images), key=lambda x: int(x["seed"]))


def draws_of(own: Sequence[Line], i: int) -> Draws:
    """Average precision at `IOUS[i]` of a mix's trainings in the cell."""
    drawn = np.array([x["drawn"][i] for x in own]) / 1000
    return Draws(np.array([x["ap"][i] for x in own]), drawn, own[0]["n_test"], SHARE)


class OfCell:
    """Figures of the cell: the mixes that have a training, and how trainings spread, at each IoU."""

    def __init__(self, lines: Sequence[Line], cell: Place, mixes: Sequence[Mix]) -> None:
        own = {mix: lines_of(lines, cell, mix) for mix in mixes}
        self.mixes = [mix for mix in mixes if own[mix]]
        self._draws = [{mix: draws_of(own[mix], i) for mix in self.mixes} for i in range(len(IOUS))]
        self._pooled: list[Spread | None] = [pool_spreads([*draws.values()]) for draws in self._draws]

    def measure(self, mix: Mix, i: int) -> Effect:
        """A mix's own."""
        return measure_mix(self._draws[i][mix], self._pooled[i])

    def compare(self, pair: Pair, i: int) -> Effect:
        """The first less the second."""
        a, b = (self._draws[i][mix] for mix in pair)
        return measure_difference(a, b, self._pooled[i])


def say_effect(effect: Effect, *, signed: bool = False) -> str:
    """In points, with its interval."""
    form = "+.1f" if signed else ".1f"
    low, high = 100 * effect.low, 100 * effect.high
    return f"{100 * effect.value:{form}} ({low:{form}} to {high:{form}})"


def say_surfaces(values: Sequence[float], *, signed: bool = False) -> str:
    """Points: mean, interval where all three surfaces are there, and each surface's."""
    form = "+.1f" if signed else ".1f"
    each = ", ".join(f"{100 * value:{form}}" for value in values)
    if len(values) < len(_nuts()):
        return f"({each})" if values else "–"
    half, _, mean = interval(values)
    return f"{100 * mean:{form}} ± {100 * half:.1f} ({each})"


def _nuts() -> list[Place]:
    return [place for place in list_places(tiny=False)["main"] if not isinstance(place, Cell)]


def by_surface(lines: Sequence[Line], mix: Mix, i: int) -> dict[str, float]:
    """Means over seeds, of each surface that has any."""
    every = {place.name: [x["ap"][i] for x in lines_of(lines, place, mix)] for place in _nuts()}
    return {name: float(np.mean(values)) for name, values in every.items() if values}


def table_of_cell(cell: OfCell, lines: Sequence[Line], place: Place) -> Table:
    """A row a mix."""
    rows = [["trained on", "trainings", *(f"AP at {iou:g}" for iou in IOUS)]]
    for mix in cell.mixes:
        n = str(len(lines_of(lines, place, mix)))
        rows.append([mix.name, n, *(say_effect(cell.measure(mix, i)) for i in range(len(IOUS)))])
    return rows


def list_pairs(mixes: Sequence[Mix]) -> list[Pair]:
    """All, but of columns of an ablation those that stand side by side; the later one comes first."""
    pairs = itertools.pairwise(mixes) if set(mixes) <= set(ABLATION) else itertools.combinations(mixes, 2)
    return [(a, b) for b, a in pairs]


def table_of_pairs(cell: OfCell) -> Table:
    """A row a pair of mixes; p of `PRIMARY`, once every mix has more than one training."""
    asked = {
        (pair, i): cell.compare(pair, i)
        for pair in PRIMARY
        for i in map(IOUS.index, PRIMARY_IOUS)
        if set(pair) <= set(cell.mixes)
    }
    p_values = {key: effect.p for key, effect in asked.items() if effect.p is not None}
    adjusted: Mapping[tuple[Pair, int], float] = holm(p_values)
    rows = [["difference, points", *(f"AP at {iou:g}" for iou in IOUS)]]
    for a, b in list_pairs(cell.mixes):
        cells = []
        for i in range(len(IOUS)):
            p = adjusted.get(((a, b), i))
            said = say_effect(cell.compare((a, b), i), signed=True)
            cells.append(said if p is None else f"{said}, p {p:.2f}")
        rows.append([f"{a.name} − {b.name}", *cells])
    return rows


def table_of_scenes(lines: Sequence[Line], place: Place, mixes: Sequence[Mix]) -> Table:
    """AP at 0.5 scene by scene, points, means over seeds."""
    rows = [["trained on", *(scene.name.replace("_", ", ") for scene in SCENES)]]
    for mix in mixes:
        means = np.mean([x["scene_ap50"] for x in lines_of(lines, place, mix)], axis=0)
        rows.append([mix.name, *(f"{100 * mean:.0f}" for mean in means)])
    return rows


def table_of_nuts(lines: Sequence[Line], mixes: Sequence[Mix]) -> Table:
    """A row a mix, then a row a pair."""
    found = {(mix, i): by_surface(lines, mix, i) for mix in mixes for i in range(len(IOUS))}
    mixes = [mix for mix in mixes if found[mix, 0]]
    rows = [["trained on", *(f"AP at {iou:g}" for iou in IOUS)]]
    rows += [
        [mix.name, *(say_surfaces([*found[mix, i].values()]) for i in range(len(IOUS)))] for mix in mixes
    ]
    for a, b in list_pairs(mixes):
        cells = []
        for i in range(len(IOUS)):
            one, other = found[a, i], found[b, i]
            cells.append(say_surfaces([one[s] - other[s] for s in one if s in other], signed=True))
        rows.append([f"{a.name} − {b.name}", *cells])
    return rows


def table_of_cost(lines: Sequence[Line], mixes: Sequence[Mix]) -> Table:
    """What composites took, by mix and place: means over trainings."""
    rows = [["composites", "place", "CPU seconds", "kept", "tried for each kept, by cycle"]]
    kinds = dict.fromkeys(x["place"].partition(",")[0] for x in lines)
    for mix, place in itertools.product(mixes, kinds):
        own = [x for x in lines if x["mix"] == mix.name and x["place"].startswith(place)]
        made = [x["made"] for x in own if x["made"]]
        if not made:
            continue
        tried = kept = ""
        if "n_tried" in made[0]:
            n_tried, n_kept = (np.sum([one[key] for one in made], axis=0) for key in ("n_tried", "n_kept"))
            kept = f"{np.sum(n_kept) / len(made):.0f}"
            pairs = zip(n_tried, n_kept, strict=True)
            tried = ", ".join(f"{t / k:.1f}" if k else f"none of {t}" for t, k in pairs)
        rows.append([mix.name, place, f"{np.mean([one['cpu_s'] for one in made]):.0f}", kept, tried])
    return rows


def say_all(lines: Sequence[Line]) -> str:
    """The tables of every plan that has been begun; the main one is always told."""
    parts: list[str] = []
    for plan, mixes in PLANS.items():
        places = list_places(tiny=False)[plan]
        own = [x for place in places for mix in mixes for x in lines_of(lines, place, mix)]
        if not own and plan != "main":
            continue
        tables = []
        for place in places:
            cell = [mix for mix in mixes if lines_of(own, place, mix)] if isinstance(place, Cell) else []
            if cell:
                figures = OfCell(own, place, mixes)
                tables += [("Simulated cell, 120 hard captures", table_of_cell(figures, own, place))]
                tables += [("Differences", table_of_pairs(figures))]
                tables += [("AP at 0.5 by scene", table_of_scenes(own, place, cell))]
        if any(x["place"].startswith("nuts") for x in own):
            tables.append(
                ("Table nuts, one surface left out (towel, tray, blue cloths)", table_of_nuts(own, mixes))
            )
        if plan == "groceries":
            tables.append(("Groceries: no real picture tests", table_of_groceries(own, mixes, places[0])))
        tables += [("What composites took", table_of_cost(own, mixes))] * bool(own)
        for title, table in tables:
            parts += [f"**{title}**", "", *to_markdown(table), ""]
        wanted = len([*list_trials(places, mixes, SEEDS)])
        parts += [f"Plan {plan}. {say_state(own, len(own), wanted, 'trainings')}", ""]
    return "\n".join(parts)


def table_of_groceries(lines: Sequence[Line], mixes: Sequence[Mix], place: Place) -> Table:
    """A row a mix, by seed."""
    rows = [["trained on", *(f"AP at {iou:g}, by seed" for iou in IOUS)]]
    for mix in mixes:
        own = lines_of(lines, place, mix)
        cells = [", ".join(f"{100 * x['ap'][i]:.0f}" for x in own) for i in range(len(IOUS))]
        rows += [[mix.name, *cells]] * bool(own)
    return rows


if __name__ == "__main__":
    tell(__doc__, RESULTS, FROZEN, say_all, MARKS)
