"""Composites of cut-out parts: what ``synth compose`` asks of the one loop."""

from pathlib import Path

from synth.compute.engines import DEFAULT_ENGINE
from synth.errors import InputError
from synth.sim.composite import Ingredients
from synth.sim.settings import RenderSettings

SOURCE = "composites"


def make_settings(
    ingredients: Ingredients, out: Path, count: int, *, seed: int = 0, engine: str = DEFAULT_ENGINE
) -> RenderSettings:
    """A run that makes a dataset of composites, or goes on with it.

    Each composite takes parts and plate of one split. Raises InputError for numbers out of range.
    """
    if count < 1:
        raise InputError(f"the number of composites must be 1 or more, got {count}")
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, got {seed}")
    return RenderSettings(
        out=out, shares={SOURCE: count}, seed=seed, engine=engine, own={SOURCE: ingredients}
    )
