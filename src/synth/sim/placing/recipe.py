"""What one composite is made from: enough to make it again, at full size, and small enough to be logged."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from synth.dataset.record import Split
from synth.errors import DatasetError
from synth.sim.placing.placement import Placement


@dataclass(frozen=True)
class Part:
    """One cut-out as it is laid. instance: index in the sample, from 0."""

    dataset: str
    sample: str
    instance: int
    placement: Placement

    @property
    def key(self) -> tuple[str, str, int]:
        """Which pick it is."""
        return self.dataset, self.sample, self.instance


@dataclass(frozen=True)
class Recipe:
    """One composite. All of it is of one split.

    plate: number of the bench's. parts: back to front. chance: state of the generator that shadows and
    patches are drawn with, as `chance_of` writes it. blend: by its name. max_patches: of bench, cut like the
    parts.
    """

    split: Split
    plate: int
    parts: tuple[Part, ...]
    chance: str
    blend: str
    max_patches: int

    def to_json(self) -> str:
        """One line."""
        return _RECIPE.dump_json(self).decode()

    @staticmethod
    def from_json(line: str) -> "Recipe":
        """What `to_json` wrote. Raises DatasetError for anything else."""
        try:
            return _RECIPE.validate_json(line)
        except ValidationError as error:
            raise DatasetError(
                f"{line:.60} is no recipe of a composite: {error.errors()[0]['msg']}"
            ) from None


def chance_of(rng: np.random.Generator) -> str:
    """The state of a PCG64 generator, in hexadecimal."""
    state = rng.bit_generator.state
    pcg = state["state"]
    return f"{pcg['state']:032x}{pcg['inc']:032x}{state['has_uint32']:x}{state['uinteger']:08x}"


def generator_of(chance: str) -> np.random.Generator:
    """The generator that `chance_of` saw, from there on."""
    pcg: Any = {"state": int(chance[:32], 16), "inc": int(chance[32:64], 16)}
    generator = np.random.PCG64()
    generator.state = {
        "bit_generator": "PCG64",
        "state": pcg,
        "has_uint32": int(chance[64], 16),
        "uinteger": int(chance[65:], 16),
    }
    return np.random.Generator(generator)


_RECIPE = TypeAdapter(Recipe)
