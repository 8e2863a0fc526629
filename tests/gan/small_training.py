"""A training of 24 steps on two small datasets; run as a program, to be killed or interrupted."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from synth.compute.progress import LineProgress
from synth.dataset.reader import DatasetReader
from synth.gan.fit import FitSettings
from synth.gan.methods.cyclegan import CycleGANSettings
from synth.gan.run import train
from synth.gan.schedule import Schedule
from synth.networks.discriminators import DiscriminatorShape
from synth.networks.generators import GeneratorShape

QUIET = LineProgress(Console(quiet=True), "steps")
SETTINGS = CycleGANSettings(
    GeneratorShape("demodulated", n_filters=4, n_blocks=1),
    DiscriminatorShape(n_filters=4),
    learning_rate=1e-3,
    pool_size=4,
    schedule=Schedule(side_px=32, n_images=24, n_checkpoints=3, tick_images=3, ema_half_life_images=8),
)


def make_settings(sim: DatasetReader, real: DatasetReader, out: Path, **changes: Any) -> FitSettings:
    given = {"settings": SETTINGS, "method": "cyclegan", "seed": 3, "device": "cpu", "precision": "32-true"}
    return FitSettings(sim, real, out, **given | changes)


def main() -> None:
    sim, real, out = (Path(word) for word in sys.argv[1:4])
    settings = make_settings(DatasetReader(sim), DatasetReader(real), out)
    try:
        train(
            settings,
            LineProgress(Console(), "steps"),
            on_checkpoint=lambda step, _: print("judged", step, flush=True),
        )
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
