"""How many samples of each source a run makes."""

from collections.abc import Mapping, Sequence

from synth.errors import InputError
from synth.sim.settings import RenderSettings
from synth.sim.sources import SOURCES
from synth.sim.sources.source import ALL_THERE_ARE


def parse_shares(words: Sequence[str]) -> dict[str, int]:
    """``fresh=2`` and the like. Raises InputError for other words and for a source named twice."""
    shares: dict[str, int] = {}
    for word in words:
        name, _, n = word.partition("=")
        try:
            number = int(n)
        except ValueError:
            raise InputError(
                f"--share says a source and a number, {next(iter(SOURCES))}=6 for one, got {word!r}"
            ) from None
        SOURCES[name]  # That there is one.
        if name in shares:
            raise InputError(f"--share {name} is given twice")
        if number < 0:
            raise InputError(f"--share {name} must be 0 or more, got {number}")
        shares[name] = number
    return shares


def choose_shares(count: int | None, asked: Mapping[str, int], settings: RenderSettings) -> dict[str, int]:
    """Shares that add up to ``count``: those asked for, then what sources take of the rest by themselves.

    Without a count, what is not asked for is none. Raises InputError for numbers that do not fit together.
    """
    if count is not None and count < 1:
        raise InputError(f"--count must be 1 or more, got {count}")
    given = sum(asked.values())
    rest = 0 if count is None else count - given
    portions = {name: s.portion(settings) for name, s in SOURCES.items() if name not in asked} if rest else {}
    portions = {name: portion for name, portion in portions.items() if portion > 0}
    if rest < 0 or (rest and not portions):
        raise InputError(f"the numbers of --share add up to {given}, --count says {count}")
    shares = dict(asked)
    for name in [name for name, portion in portions.items() if portion == ALL_THERE_ARE]:
        del portions[name]
        shares[name] = min(rest, SOURCES[name].most(settings)[0])
        rest -= shares[name]
    if rest and not portions:
        wanted = " with --share " + " and ".join(f"{name}={n}" for name, n in asked.items()) if asked else ""
        there = ", ".join(
            "{} {}".format(*SOURCES[name].most(settings)) for name in shares if name not in asked
        )
        raise InputError(f"--count {count} cannot be reached{wanted}: there are {there}")
    for name in reversed(portions):
        shares[name] = int(rest * portions[name] / sum(portions.values()))
    if portions:  # What does not divide goes to the first.
        shares[next(iter(portions))] += rest - sum(shares[name] for name in portions)
    for name, n in shares.items():
        if n and n > (most := SOURCES[name].most(settings))[0]:
            raise InputError(f"--share {name}={n} is more than the {most[0]} {most[1]}")
    if not any(shares.values()):
        raise InputError("nothing is to be rendered: raise --count or a --share")
    return {name: shares[name] for name in SOURCES if name in shares}


def say_shares(shares: Mapping[str, int]) -> str:
    """In words: ``340 twins, 1 fresh pose``."""
    return ", ".join(f"{n} {SOURCES[name].words[n != 1]}" for name, n in shares.items() if n)
