"""What a comparison asks: which mixes are held against which, and what gaps there are to close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synth.compare.mixes import ASIDE, REAL
from synth.dataset.info import DatasetInfo
from synth.errors import InputError


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
    """What each dataset in the captured look was translated from, by name, as far as that one takes part.

    infos: descriptions by name. folders: names of their folders, by which descriptions speak of one another.
    What a description does not name is the first rendered or composited dataset that takes part. Captured
    images in the rendered look are there to look at: they close no gap.
    """
    looks = {name: _look_of(info) for name, info in infos.items()}
    made = [name for name, kind in looks.items() if kind in ("rendered", "composited")]
    origins = {}
    for name, info in infos.items():
        config = info.made_by.config
        if looks[name] == "translated" and config.get("direction") != "real2sim":
            translated = config.get("source")
            folder = translated.get("dataset") if isinstance(translated, dict) else None
            named = [other for other in infos if folders[other] == folder and other != name]
            if named or made:
                origins[name] = (named or made)[0]
    return origins


def _look_of(info: DatasetInfo) -> str:
    """A dataset's kind; of composites, that of all that was cut out."""
    parts = info.made_by.config.get("datasets")
    if info.kind != "composited" or not isinstance(parts, dict):
        return info.kind
    kinds = {str(part.get("kind")) for part in parts.values() if isinstance(part, dict)}
    return kinds.pop() if len(kinds) == 1 else info.kind


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
