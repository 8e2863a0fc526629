"""Drawn by chance, and kept where a target finds it hard."""

import torch

from synth.sim.cutting_table import CuttingTable
from synth.sim.placing.hard import HardPlacer
from synth.sim.placing.options import HardOptions
from synth.sim.placing.players import Chance
from synth.sim.placing.presets import Preset


class RandomHard(HardPlacer):
    """Nothing learns but the target."""

    about = "by chance, of which what a target finds hard is kept"

    def make_proposer(
        self, options: HardOptions, preset: Preset, table: CuttingTable, device: torch.device
    ) -> Chance:
        """Evenly within the bounds."""
        return Chance()


RANDOM_HARD = RandomHard()
