"""What options of an import of BOP scenes say, as values."""

from collections.abc import Sequence
from math import isfinite

from synth.errors import InputError


def parse_names(words: Sequence[str]) -> dict[int, str]:
    """``1=cat`` a word as the classes of objects; raises InputError."""
    names = {}
    for word in words:
        number, equals, name = word.partition("=")
        if not (equals and number.isdecimal() and name):
            raise InputError(f"--name must be a number and a class such as 1=cat, got {word!r}")
        names[int(number)] = name
    return names


def parse_triple(option: str, text: str) -> tuple[float, float, float]:
    """``0,0,1`` as three finite numbers; raises InputError."""
    try:
        x, y, z = (float(word) for word in text.split(","))
    except ValueError:
        raise InputError(f"{option} must be three numbers such as 0,0,1, got {text!r}") from None
    if not all(map(isfinite, (x, y, z))):
        raise InputError(f"{option} must be three finite numbers, got {text!r}")
    return x, y, z
