"""Palettes by name, or from a file: JSON, or a text with a class a line."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from synth.dataset.imports.labelled import check_classes
from synth.dataset.info import Colour
from synth.dataset.palettes.palette import VOID_16_BITS, Palette, Row
from synth.errors import InputError

CODINGS = {"cityscapes": ("cityscapes-labelids", "cityscapes-trainids")}
"""Names that stand for one of several tables, which the maps themselves decide on."""

_LINE = re.compile(
    r"(?P<before>(?:\d+[\s,;]+)*)(?P<name>[^\d\s,;:][^,;:\t]*?)"
    r"(?P<after>[\s,;:]+\d+[\s,;]+\d+[\s,;]+\d+)?[\s,;:]*"
)
_HOW = (
    'a palette is JSON, {"classes": [names], "palette": [[r, g, b]], "ignore": id}, or a text with a class a '
    "line: road, 0 road, 128 64 128 road or 0 128 64 128 road"
)


def list_palettes() -> list[str]:
    """The names of palettes that there are."""
    files = resources.files("synth.dataset.palettes").iterdir()
    return sorted({*CODINGS, *(f.name.removesuffix(".txt") for f in files if f.name.endswith(".txt"))})


def load_palette(name_or_file: str, void: str | None = None) -> Palette:
    """A palette by its name or from a file.

    void: the id or the name of what is void besides what the palette says. Raises InputError for a name of
    several tables, a file that cannot be read or says no palette, and a void that it does not have.
    """
    if name_or_file in CODINGS:
        raise InputError(
            f"{name_or_file} has several codings: say which of {', '.join(CODINGS[name_or_file])}"
        )
    if name_or_file in list_palettes():
        table = resources.files("synth.dataset.palettes") / f"{name_or_file}.txt"
        return _with_void(parse_text(table.read_text("utf-8"), name_or_file), void)
    path = Path(name_or_file)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            f"{name_or_file} is neither a file nor a palette by name: give a JSON or text, or one of "
            f"{', '.join(list_palettes())}"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"the palette {path} cannot be read: {error}") from error
    parse = parse_json if path.suffix.lower() == ".json" else parse_text
    return _with_void(parse(text, path.name), void)


def parse_text(text: str, called: str) -> Palette:
    """A palette of a text: a class a line, with id and colour where it has them; raises InputError.

    What stands after # is left out, and so is a first line of words, such as name,r,g,b. Lines without ids
    are numbered from 0 on; a class called void, in any case, is void.
    """
    lines = [(n, line.partition("#")[0].strip()) for n, line in enumerate(text.splitlines(), start=1)]
    found: list[tuple[str, list[int]]] = []
    for n, line in lines:
        match = _LINE.fullmatch(line)
        if not line or (match is None and not found and re.search(r"\d", line) is None):
            continue
        told = "" if match is None else match["before"] + (match["after"] or "")
        numbers = [int(word) for word in re.findall(r"\d+", told)]
        if match is None or len(numbers) not in (0, 1, 3, 4):
            raise InputError(f"{called} line {n}, {line!r:.60}, tells no class: {_HOW}")
        found.append((match["name"].strip(), numbers))
    if not found:
        raise InputError(f"{called} names no class: {_HOW}")
    has_ids = {len(numbers) in (1, 4) for _, numbers in found}
    if len(has_ids) > 1:
        raise InputError(f"{called} has ids in some lines and none in others: give all of them one, or none")
    entries = [
        (name, numbers[0] if len(numbers) in (1, 4) else i, numbers[-3:] if len(numbers) > 1 else None)
        for i, (name, numbers) in enumerate(found)
    ]
    return _make(entries, called)


def parse_json(text: str, called: str) -> Palette:
    """A palette of a JSON; raises InputError.

    ``classes`` holds names, with ``palette`` beside it, or objects with ``name``, ``id`` and ``colour``.
    ``ignore`` is the id of void: that of a class, which is void then, or one of its own.
    """
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{called} is no JSON: {error}") from error
    said = {"classes": said} if isinstance(said, list) else said
    classes = said.get("classes") if isinstance(said, dict) else None
    if not isinstance(classes, list) or not classes:
        raise InputError(f"{called} has no list of classes: {_HOW}")
    colours, ignore = said.get("palette"), said.get("ignore")
    if colours is not None and (not isinstance(colours, list) or len(colours) != len(classes)):
        n = len(colours) if isinstance(colours, list) else "no list of"
        raise InputError(f"{called} has {len(classes)} classes and {n} colours: give each class one")
    if ignore is not None and (isinstance(ignore, bool) or not isinstance(ignore, int)):
        raise InputError(f"{called} says ignore {ignore!r:.40}: it is the id of void, a whole number")
    entries = [
        _entry(each, i, None if colours is None else colours[i], called) for i, each in enumerate(classes)
    ]
    palette = _make(entries, called)
    return palette if ignore is None else _with_void(palette, str(ignore))


def _entry(each: Any, place: int, colour: Any, called: str) -> tuple[Any, Any, Any]:
    if isinstance(each, Mapping):
        return each.get("name"), each.get("id", place), each.get("colour", each.get("color", colour))
    return each, place, colour


def _make(entries: Sequence[tuple[Any, Any, Any]], called: str) -> Palette:
    rows: list[Row] = []
    for name, number, colour in entries:
        if not isinstance(name, str) or not name:
            raise InputError(f"{called} has a class without a name, {name!r:.40}: {_HOW}")
        if not _is_whole(number, VOID_16_BITS):
            raise InputError(f"{called}: the id of {name} must be 0 to {VOID_16_BITS}, got {number!r:.40}")
        rows.append(Row(None if name.lower() == "void" else name, number, _colour(colour, name, called)))
    called_so: dict[int, str | None] = {}
    for row in rows:
        if called_so.setdefault(row.id, row.name) != row.name:
            raise InputError(
                f"{called} gives {called_so[row.id] or 'void'} and {row.name or 'void'} one id, {row.id}: "
                "give each its own"
            )
    palette = Palette(called, tuple(rows))
    check_classes(palette.names, f"give it another one in {called}")
    return palette


def _colour(colour: Any, name: str, called: str) -> Colour | None:
    if colour is None:
        return None
    if isinstance(colour, list) and len(colour) == 3 and all(_is_whole(c, 255) for c in colour):
        r, g, b = colour
        return r, g, b
    raise InputError(f"{called}: the colour of {name} must be three numbers of 0 to 255, got {colour!r:.40}")


def _is_whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _with_void(palette: Palette, void: str | None) -> Palette:
    """The same with one class, or one id that no class has, as void."""
    if void is None:
        return palette
    number = int(void) if void.isdecimal() else None
    hits = [row for row in palette.rows if row.name == void or row.id == number]
    if not hits and number is None:
        raise InputError(f"there is no class {void!r:.60} to be void: there are {', '.join(palette.names)}")
    if not hits and number is not None and not _is_whole(number, VOID_16_BITS):
        raise InputError(f"the id of void must be 0 to {VOID_16_BITS}, got {void:.20}")
    names = {row.name for row in hits}
    others = tuple(row for row in palette.rows if row.name is not None and row.name not in names)
    # The row that was named comes first, since void is written by it.
    voids = (*hits, *(row for row in palette.rows if row not in hits and row not in others))
    changed = Palette(
        palette.called,
        tuple(replace(row, name=None) for row in voids or (Row(None, number or 0),)) + others,
    )
    if not changed.names:
        raise InputError(f"{palette.called} has no class beside void: add one")
    return changed
