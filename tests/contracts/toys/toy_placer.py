"""A toy placer: one part a picture, in the middle, as it was taken but a little smaller."""

from pathlib import Path

import numpy as np

from synth.compute.progress import Progress
from synth.sim.composite import Compositor
from synth.sim.cutting_table import CuttingTable
from synth.sim.placing import PLACERS
from synth.sim.placing.placement import Placement
from synth.sim.placing.placer import Deal
from synth.sim.placing.recipe import Part, Recipe, chance_of

SCALE = 0.8


class Middle:
    """Takes one part after the other."""

    about = "in the middle"
    draws = False
    within_bounds = True
    goes_by_target = False

    def open(self, table: CuttingTable, out: Path, progress: Progress) -> Deal:
        return Deal(deal)


def deal(compositor: Compositor, i: int) -> Recipe:
    table = compositor.table
    split = table.splits[i]
    pick = table.picks[split][i % len(table.picks[split])]
    width, height = table.bench.size_wh
    placement = Placement((width / 2, height / 2), log_scale_xy=(float(np.log(SCALE)),) * 2)
    chance = chance_of(np.random.default_rng([table.seed, i]))
    parts = (Part(*pick.key, placement),)
    return Recipe(split, table.shares[split][0], parts, chance, table.blend_of(i), table.max_patches)


PLACERS["middle"] = Middle()
