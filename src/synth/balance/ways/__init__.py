"""The ways in which label maps are balanced, by name."""

from typing import TYPE_CHECKING

from synth.registry import Registry

if TYPE_CHECKING:
    from synth.balance.ways.way import Way

WAYS: "Registry[Way]" = Registry(
    "way",
    {
        "add-single": "synth.balance.ways.add:ADD_SINGLE",
        "add-multi": "synth.balance.ways.add:ADD_MULTI",
        "reconstruct": "synth.balance.ways.reconstruct:RECONSTRUCT",
    },
)

DEFAULT_WAY = "reconstruct"
