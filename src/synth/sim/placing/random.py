"""Drawn by chance: parts as they were taken, turned by quarters; or, where ranges are given, evenly within
them, or where train boxes of their class are.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from synth.compute.progress import Progress
from synth.dataset.record import Split
from synth.errors import InputError
from synth.sim.bench_patches import MAX_TRIES, draw_corner
from synth.sim.composite import Compositor
from synth.sim.cutout import Cutout, turned
from synth.sim.cutting_table import CuttingTable
from synth.sim.ingredients import Pick
from synth.sim.placing.context import draw_in_context
from synth.sim.placing.placement import PARAMETERS, Placement
from synth.sim.placing.placer import Deal
from synth.sim.placing.recipe import Part, Recipe, chance_of
from synth.sim.warp import extent_of, quarter_turn


class Random:
    """Looks at no network."""

    about = "by chance; with `--where context`, where train boxes are"
    draws = True
    within_bounds = False
    goes_by_target = False

    def open(self, table: CuttingTable, out: Path, progress: Progress) -> Deal:
        """There is nothing to find out."""
        return Deal(deal)


def deal(compositor: Compositor, i: int) -> Recipe:
    """The recipe of composite ``i``; it depends on the table's seed and ``i`` alone."""
    table = compositor.table
    rng = np.random.default_rng([table.seed, table.recipe_of(i)])
    try:
        return draw_recipe(compositor, table.splits[i], table.blend_of(i), rng)
    except InputError as error:
        raise InputError(f"composite {i}: {error}") from None


def draw_recipe(compositor: Compositor, split: Split, blend: str, rng: np.random.Generator) -> Recipe:
    """One to max_parts parts, drawn until no fault is found.

    Raises InputError where no part can be cut out or none finds a place.
    """
    table = compositor.table
    plate = int(rng.choice(table.shares[split]))
    picks, cutouts, turns = choose_parts(compositor, split, rng)
    for _ in range(MAX_TRIES):
        if table.bounds is None:
            placements = [_as_taken(table, *pair, rng) for pair in zip(cutouts, turns, strict=True)]
        else:
            placements = [draw_within(table, *pair, rng) for pair in zip(picks, cutouts, strict=True)]
        parts = tuple(Part(*pick.key, placed) for pick, placed in zip(picks, placements, strict=True))
        recipe = Recipe(split, plate, parts, "", blend, table.max_patches)
        labels = compositor.label(recipe, compositor.lay_out(recipe))
        if labels.fault is None:
            return replace(recipe, chance=chance_of(rng))
    raise InputError(
        f"{len(cutouts)} parts find no place ({labels.fault}): allow fewer parts, smaller scales, or "
        "more to be hidden"
    )


def draw_within(table: CuttingTable, pick: Pick, cutout: Cutout, rng: np.random.Generator) -> Placement:
    """Evenly within the table's bounds, or in its context."""
    assert table.bounds is not None
    unit, size_wh = rng.uniform(-1, 1, len(PARAMETERS)), table.bench.size_wh
    if table.ingredients.where == "context":
        boxes = table.train_boxes[pick.class_name]
        return draw_in_context(boxes, unit, table.bounds, extent_of(cutout), size_wh, rng)
    return table.bounds.place(unit, extent_of(cutout), size_wh)


def _as_taken(table: CuttingTable, cutout: Cutout, turns: int, rng: np.random.Generator) -> Placement:
    """Anywhere, by whole pixels."""
    corner = draw_corner(turned(cutout, turns).mask, table.bench.size_wh, rng)
    return quarter_turn(cutout, turns, corner)


def choose_parts(
    compositor: Compositor, split: Split, rng: np.random.Generator
) -> tuple[list[Pick], list[Cutout], Sequence[int]]:
    """One to max_parts parts, each of another picture where there are enough, and quarter turns for each."""
    candidates = compositor.table.picks[split]
    n = int(rng.integers(1, compositor.table.ingredients.max_parts + 1))
    picks, cutouts, turns = [], [], []
    for k in [*rng.permutation(len(candidates)), *rng.integers(len(candidates), size=n)]:
        cutout = compositor.cut(candidates[k])
        if cutout is not None:
            picks.append(candidates[k])
            cutouts.append(cutout)
            turns.append(int(rng.integers(4)))
        if len(cutouts) == n:
            break
    if not cutouts:
        raise InputError(f"no part of the {split} pictures can be cut out: their masks are too thin")
    return picks, cutouts, turns


RANDOM = Random()
