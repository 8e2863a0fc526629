"""What a comparison asks: which mixes are held against which, and what gaps there are to close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synth.compare.mixes import REAL
from synth.dataset.info import DatasetInfo
from synth.errors import InputError

ASIDE = ":"


@dataclass(frozen=True)
class Question:
    """Whether one mix trains better than another."""

    mix: str
    against: str


@dataclass(frozen=True)
class Gap:
    """How much of the way from a mix ``start`` to a mix ``end`` a mix ``now`` has come."""

    start: str
    now: str
    end: str


def parse_question(text: str, mixes: Sequence[str]) -> Question:
    """From ``MIX:MIX``; raises InputError for anything else, or a mix that is not trained."""
    first, _, second = text.partition(ASIDE)
    if first not in mixes or second not in mixes or first == second:
        raise InputError(f"--ask takes two different mixes as MIX:MIX among {', '.join(mixes)}, got {text!r}")
    return Question(first, second)


def find_origins(infos: Mapping[str, DatasetInfo], folders: Mapping[str, str]) -> dict[str, str]:
    """What each translated dataset was made from, by name, as far as that dataset takes part.

    infos: descriptions by name. folders: names of their folders, by which descriptions speak of parents.
    Where no parent takes part, it is the first rendered or composited dataset that does.
    """
    made = [name for name, info in infos.items() if info.kind in ("rendered", "composited")]
    origins = {}
    for name, info in infos.items():
        if info.kind == "translated":
            parents = [other for other in made if folders[other] in info.made_by.parents]
            if parents or made:
                origins[name] = (parents or made)[0]
    return origins


def list_questions(
    datasets: Sequence[str], mixes: Sequence[str], origins: Mapping[str, str]
) -> tuple[Question, ...]:
    """Every dataset against ``real``, a translated one against what it was made from before that; then every
    other mix against ``real``, but for numbers of real images, which make a curve.
    """
    asked = []
    for name in datasets:
        if name in mixes and name != REAL:
            if origins.get(name) in mixes:
                asked.append(Question(name, origins[name]))
            asked.append(Question(name, REAL))
    rest = [name for name in mixes if name not in datasets and not name.startswith(f"{REAL}@")]
    return (*asked, *(Question(name, REAL) for name in rest))


def list_gaps(mixes: Sequence[str], origins: Mapping[str, str]) -> tuple[Gap, ...]:
    """The gap that each translation is there to close."""
    return tuple(
        Gap(start, now, REAL)
        for now, start in origins.items()
        if all(name in mixes for name in (start, now, REAL))
    )
