"""What a comparison's mixes are called, and which images each name means.

Datasets have names of the user's choice; ``real`` is the one whose test images decide.

========================  ===========================================================
``real``                  all train and val images of that dataset
``real@40``               40 of them, val images counted in
``real+translated``       both, mixed
``synthetic-then-real``   first the one, then the other: fine-tuning
========================  ===========================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synth.errors import InputError
from synth.train.run import Portion

REAL = "real"
"""The dataset whose test images all mixes are measured on."""

USUAL: dict[str, Path] = {name: Path("data") / name for name in (REAL, "synthetic", "translated")}
"""Where datasets lie that nobody named: what capture, render and translate write."""

CURVE_FROM = 10
THEN, PLUS, LIMIT, ASIDE = "-then-", "+", "@", ":"

Roots = Mapping[str, tuple[Path, ...]]
"""Datasets by name; several under one name differ by the seed of what made them."""


@dataclass(frozen=True)
class Mix:
    """Training data under a name.

    stages: one after the other, each of datasets that are mixed, with limits.
    """

    name: str
    stages: tuple[tuple[tuple[str, int | None], ...], ...]

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that take part, each once."""
        return tuple(dict.fromkeys(name for stage in self.stages for name, _ in stage))

    @property
    def curve_size(self) -> int | None:
        """How many real images, for a mix of a limited number of those alone."""
        return self.stages[0][0][1] if self.datasets == (REAL,) and len(self.stages) == 1 else None

    def portions(self, roots: Roots, i_seed: int) -> tuple[tuple[Portion, ...], ...]:
        """Where its images lie for the i-th seed; of several datasets under a name each seed has its own."""
        return tuple(
            tuple(Portion(root_of(roots, name, i_seed), limit) for name, limit in stage)
            for stage in self.stages
        )


def root_of(roots: Roots, name: str, i_seed: int) -> Path:
    """The dataset of a name for the i-th seed."""
    return roots[name][i_seed % len(roots[name])]


def parse_data(texts: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """Datasets by name from ``NAME=PATH`` or ``NAME=PATH,PATH``; raises InputError for anything else."""
    found: dict[str, tuple[Path, ...]] = {}
    for text in texts:
        name, _, paths = text.partition("=")
        roots = tuple(Path(path.strip()) for path in paths.split(",") if path.strip())
        if not name or not roots:
            raise InputError(
                f"--data takes NAME=PATH, several datasets of one name as NAME=PATH,PATH, got {text!r}"
            )
        if name in found:
            raise InputError(f"--data names {name} twice: write its datasets as {name}=PATH,PATH")
        found[name] = roots
    return found


def check_data(data: Mapping[str, Sequence[Path]]) -> dict[str, tuple[Path, ...]]:
    """Datasets by name.

    Raises InputError for a name that mixes could not be made of, or a folder named twice.
    """
    for name, roots in data.items():
        if not name or any(sign in name for sign in (THEN, PLUS, LIMIT, ASIDE, ",", ".", "/", " ")):
            raise InputError(
                f"a dataset's name has no comma, space, dot, slash, {PLUS}, {LIMIT}, {ASIDE} or {THEN}, got "
                f"{name!r}"
            )
        if len(set(roots)) < len(roots):
            raise InputError(f"{name} names one folder twice: every seed needs a dataset of its own")
    return {name: tuple(roots) for name, roots in data.items()}


def parse_mix(name: str, datasets: Mapping[str, object]) -> Mix:
    """The mix of a name; raises InputError that lists what names can be."""
    stages = tuple(
        tuple(_parse_dataset(word, name, datasets) for word in stage.split(PLUS))
        for stage in name.split(THEN)
    )
    return Mix(name, stages)


def curve_mixes(n_real: int) -> list[str]:
    """Names of ``real`` with 10, 20, 40 … images, below all ``n_real`` of them."""
    names, n = [], CURVE_FROM
    while n < n_real:
        names.append(f"{REAL}{LIMIT}{n}")
        n *= 2
    return names


def _parse_dataset(word: str, mix: str, datasets: Mapping[str, object]) -> tuple[str, int | None]:
    name, at, limit = word.strip().partition(LIMIT)
    if name not in datasets or (at and not (limit.isdigit() and int(limit) >= CURVE_FROM // 2)):
        known = ", ".join(datasets)
        raise InputError(
            f"there is no mix {mix!r}: name {known}, several at once (real+translated), fine-tuning "
            f"(synthetic-then-real) or a number of images of {CURVE_FROM // 2} or more (real@40); --data "
            "NAME=PATH names further datasets"
        )
    return name, int(limit) if at else None
