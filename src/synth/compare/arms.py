"""What a comparison's arms are called, and which images each name means.

========================  ===========================================================
``real``                  all train and val images of the captured dataset
``real@40``               40 of them, val images counted in
``real+translated``       both, mixed
``synthetic-then-real``   first the one, then the other: fine-tuning
========================  ===========================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synth.errors import InputError
from synth.train.run import Source

REAL = "real"
"""The arm whose test images all arms are measured on."""

CURVE_FROM = 10
THEN, MIX, LIMIT = "-then-", "+", "@"


@dataclass(frozen=True)
class Arm:
    """Training data under a name. stages: one after the other, each of kinds that are mixed, with limits."""

    name: str
    stages: tuple[tuple[tuple[str, int | None], ...], ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of images that take part, each once."""
        return tuple(dict.fromkeys(kind for stage in self.stages for kind, _ in stage))

    @property
    def curve_size(self) -> int | None:
        """How many real images, for an arm of a limited number of those alone."""
        return self.stages[0][0][1] if self.kinds == (REAL,) and len(self.stages) == 1 else None

    def sources(self, roots: Mapping[str, Path]) -> tuple[tuple[Source, ...], ...]:
        """Where its images lie."""
        return tuple(tuple(Source(roots[kind], limit) for kind, limit in stage) for stage in self.stages)


def parse_arm(name: str, kinds: Mapping[str, Path]) -> Arm:
    """The arm of a name; raises InputError that lists what names can be."""
    stages = tuple(
        tuple(_parse_kind(word, name, kinds) for word in stage.split(MIX)) for stage in name.split(THEN)
    )
    return Arm(name, stages)


def curve_arms(n_real: int) -> list[str]:
    """Names of ``real`` with 10, 20, 40 … images, below all ``n_real`` of them."""
    names, n = [], CURVE_FROM
    while n < n_real:
        names.append(f"{REAL}{LIMIT}{n}")
        n *= 2
    return names


def _parse_kind(word: str, name: str, kinds: Mapping[str, Path]) -> tuple[str, int | None]:
    kind, at, limit = word.strip().partition(LIMIT)
    if kind not in kinds or (at and not (limit.isdigit() and int(limit) >= CURVE_FROM // 2)):
        known = ", ".join(kinds)
        raise InputError(
            f"there is no arm {name!r}: name {known}, a mix (real+translated), fine-tuning "
            f"(synthetic-then-real) or a number of images of {CURVE_FROM // 2} or more (real@40)"
        )
    return kind, int(limit) if at else None
