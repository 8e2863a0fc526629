"""Settings as somebody changes them on the command line, one by one."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from math import isfinite
from typing import Any, TypeVar

from synth.errors import InputError

S = TypeVar("S")

_OTHERWISE = ("box_kind", "classes", "colours", "freeze", "net", "pretrained")
"""Fields that data or options of their own say."""


def change(settings: S, changes: Sequence[str], *, example: str) -> S:
    """Settings with other values for some of them, each ``NAME=VALUE``, as ``heads=adversarial,class``.

    Of settings within settings the name has a dot: ``schedule.side_px=64``. A value is read as what stood
    there is: a number, true or false, a word, or words between commas. example: of such a change, for the
    message. Raises InputError, in one sentence, for a name that is not there, a value of another kind, and
    what the settings themselves refuse.
    """
    for word in changes:
        name, found, value = word.partition("=")
        if not found:
            raise InputError(f"--set takes NAME=VALUE, such as {example}, got {word!r}")
        settings = _changed(settings, name, name, value)
    return settings


def _names_within(settings: Any) -> list[str]:
    return [f.name for f in fields(settings)] if is_dataclass(settings) else []


def _changed(settings: Any, name: str, whole_name: str, value: str) -> Any:
    first, _, rest = name.partition(".")
    known = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in _OTHERWISE}
    if first not in known or is_dataclass(known[first]) != bool(rest):
        names = [f"{key}.…" if is_dataclass(old) else key for key, old in known.items()]
        inside = [f"{key}.{name}" for key, old in known.items() if name in _names_within(old)]
        advice = f"it is {inside[0]}" if inside else f"choose among {', '.join(names)}"
        raise InputError(f"--set knows no {whole_name!r} here: {advice}")
    if rest:
        return replace(settings, **{first: _changed(known[first], rest, whole_name, value)})
    return replace(settings, **{first: _read_as(known[first], whole_name, value)})


def _read_as(old: Any, name: str, value: str) -> Any:
    """A word as a value of the kind that stood there."""
    if isinstance(old, tuple):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(old, bool):
        if value not in ("true", "false"):
            raise InputError(f"{name} must be true or false, got {value!r}")
        return value == "true"
    kind = {int: int, float: float, type(None): int}.get(type(old), str)
    try:
        read = kind(value)
        if isinstance(read, float) and not isfinite(read):
            raise ValueError
        return read
    except ValueError:
        what = "a number" if kind is float else "a whole number"
        raise InputError(f"{name} must be {what}, got {value!r}") from None
