"""The ways in which label maps are balanced, by name."""

from synth.balance.ways.way import Way
from synth.registry import Registry

WAYS: Registry[Way] = Registry(
    "way",
    {
        "add-single": "synth.balance.ways.add:ADD_SINGLE",
        "add-multi": "synth.balance.ways.add:ADD_MULTI",
        "reconstruct": "synth.balance.ways.reconstruct:RECONSTRUCT",
    },
)

DEFAULT_WAY = "reconstruct"
