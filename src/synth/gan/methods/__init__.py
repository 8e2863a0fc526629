"""Methods: ways of learning a translation between two looks. One file a method, named here and nowhere else.

method.py says what a method is and what a new one needs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from synth.registry import Registry

if TYPE_CHECKING:
    from synth.gan.methods.method import Method

METHODS: "Registry[Callable[[], Method]]" = Registry(
    "method", {"cyclegan": "synth.gan.methods.cyclegan:CycleGANMethod"}
)

DEFAULT = "cyclegan"
"""What is learnt with where nobody says and it is there."""

UNNAMED = "cyclegan"
"""What wrote the checkpoints that do not name their method: there was no other then."""


def choose_default() -> str:
    """`DEFAULT`, or the first method where it was taken out."""
    return DEFAULT if DEFAULT in METHODS else next(iter(METHODS))
