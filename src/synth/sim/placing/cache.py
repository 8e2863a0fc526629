"""Every candidate that a cycle of placing tried, a line each: what it is, how hard, kept or not, and why.

::

    cache.jsonl               those that a network could be asked about fairly
    rejected/rejected.jsonl   those that it could not: hidden, tiny, or larger than anything real

A run that was stopped cuts both back to where its state stands and goes on from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from synth.dataset.record import Split
from synth.errors import InputError
from synth.sim.placing.placement import Placement
from synth.storage.atomic import LineLog

CACHE_FILE, REJECTED_FILE = "cache.jsonl", "rejected/rejected.jsonl"

Unfair = Literal["hidden", "small", "outside", "refused"]
Verdict = Literal["hard", "easy", "harder", "enough"] | Unfair
UNFAIR: Mapping[Unfair, str] = {
    "hidden": "too little of a cut-out can be seen",
    "small": "too few pixels of a cut-out can be seen",
    "outside": "a cut-out is larger or smaller than any real one of its class",
    "refused": "the compositor does not make it",
}


@dataclass(frozen=True)
class Candidate:
    """One picture that was tried.

    number: from 0 in the order of trying, rejected ones too. key: what it is made of, as its material says.
    unit: nine numbers a cut-out. placements: the same in pixels of the full size. visible: share of each
    cut-out that can be seen. hardness: by the target as it stood when the picture was tried. verdict: hard,
    which is kept; easy; harder, than was asked for; enough, hard too but beyond its quota; or what is unfair
    about it. detail: more of that. seconds: its share of its batch's. after: hardness by the target at the
    end of a cycle, of kept ones, by the cycle's number.
    """

    number: int
    cycle: int
    split: Split
    key: Any
    unit: tuple[tuple[float, ...], ...]
    placements: tuple[Placement, ...]
    visible: tuple[float, ...]
    hardness: float
    verdict: Verdict
    detail: str
    seconds: float
    after: dict[str, float] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        """Whether the target learns from it."""
        return self.verdict == "hard"


_CANDIDATE: TypeAdapter[Candidate] = TypeAdapter(Candidate)


class Cache:
    """The candidates of a run in its folder; raises InputError for a damaged line."""

    def __init__(self, folder: Path) -> None:
        self._logs = (LineLog(folder / CACHE_FILE), LineLog(folder / REJECTED_FILE))
        self._fair, self._unfair = (_read(log) for log in self._logs)

    def __len__(self) -> int:
        return len(self._fair) + len(self._unfair)

    @property
    def fair(self) -> Sequence[Candidate]:
        """All that could be kept."""
        return self._fair

    @property
    def unfair(self) -> Sequence[Candidate]:
        """Those in rejected/."""
        return self._unfair

    @property
    def kept(self) -> list[Candidate]:
        """In the order of trying."""
        return [candidate for candidate in self._fair if candidate.is_kept]

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Log some more, durably; raises StorageError."""
        parted: tuple[list[Candidate], list[Candidate]] = ([], [])
        for candidate in candidates:
            parted[candidate.verdict in UNFAIR].append(candidate)
        for log, known, new in zip(self._logs, (self._fair, self._unfair), parted, strict=True):
            if new:
                log.append("\n".join(map(_to_line, new)))
                known += new

    def lengths(self) -> list[int]:
        """How many lines each file has: where a run stands."""
        return [len(self._fair), len(self._unfair)]

    def cut_back(self, lengths: Sequence[int]) -> None:
        """Forget what was logged after a run's state was written."""
        for log, known, n in zip(self._logs, (self._fair, self._unfair), lengths, strict=True):
            if len(known) < n:
                raise InputError(
                    f"{log.path} has {len(known)} lines, and the run in this folder wrote {n}: "
                    "choose another folder"
                )
            if len(known) > n:
                del known[n:]
                log.rewrite([*map(_to_line, known)])

    def score(self, cycle: int, hardness: Mapping[int, float]) -> None:
        """Write down how hard kept ones are at the end of a cycle, by their numbers."""
        self._fair[:] = [
            replace(c, after=c.after | {str(cycle): hardness[c.number]}) if c.number in hardness else c
            for c in self._fair
        ]
        self._logs[0].rewrite([*map(_to_line, self._fair)])


def _to_line(candidate: Candidate) -> str:
    return _CANDIDATE.dump_json(candidate).decode()


def _read(log: LineLog) -> list[Candidate]:
    log.mend()
    candidates = []
    for number, line in enumerate(log.read(), start=1):
        try:
            candidates.append(_CANDIDATE.validate_json(line))
        except ValidationError as error:
            raise InputError(
                f"{log.path}:{number} is no candidate of a placing run: choose another folder"
            ) from error
    return candidates
