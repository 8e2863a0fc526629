"""Who says where and how cut-outs are laid: one file a placer, each named here and nowhere else.

placer.py says what a placer is and what a new one needs.
"""

from typing import TYPE_CHECKING

from synth.registry import Registry

if TYPE_CHECKING:
    from synth.sim.placing.placer import Placer

PLACERS: "Registry[Placer]" = Registry(
    "placer",
    {
        "random": "synth.sim.placing.random:RANDOM",
        "random-hard": "synth.sim.placing.random_hard:RANDOM_HARD",
        "learned": "synth.sim.placing.learned.placer:LEARNED",
    },
)

DEFAULT_PLACER = "random"
"""Who places where nobody says."""
