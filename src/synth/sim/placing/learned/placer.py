"""Where a synthesizer, trained against a target, says; what the target finds hard is kept (TERSE)."""

import torch

from synth.networks.architecture import DiscriminatorShape, SynthesizerShape
from synth.sim.composite import MIN_SIDE_PX
from synth.sim.cutting_table import CuttingTable
from synth.sim.placing.hard import HardPlacer
from synth.sim.placing.learned.objective import Aim
from synth.sim.placing.learned.synthesis import Synthesis, SynthesisSettings
from synth.sim.placing.options import HardOptions
from synth.sim.placing.presets import Preset


class Learned(HardPlacer):
    """A synthesizer learns beside the target."""

    learns = True
    about = "by a network that is trained to make it hard for a target"

    def make_proposer(
        self, options: HardOptions, preset: Preset, table: CuttingTable, device: torch.device
    ) -> Synthesis:
        """A fresh synthesizer, with a discriminator where that was asked for."""
        aim = Aim(
            hard_at=preset.enough_at,
            w_spread=Aim.w_spread if options.diversity is None else options.diversity,
            w_real=float(options.discriminator),
            min_visible=table.min_visible,
            min_side_px=MIN_SIDE_PX,
        )
        settings = SynthesisSettings(
            SynthesizerShape(preset.size, preset.dropout),
            aim,
            learning_rate=preset.learning_rate,
            weight_decay=preset.weight_decay,
            discriminator=DiscriminatorShape() if options.discriminator else None,
            discriminator_rate=preset.discriminator_rate,
        )
        return Synthesis(settings, seed=table.seed, device=device)


LEARNED = Learned()
