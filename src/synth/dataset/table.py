"""A table of somebody's own, one row a picture: which group it is of, or which split."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from synth.dataset.record import SPLITS, Split, Text
from synth.errors import InputError

_DELIMITERS = ",;\t"
_TEXT = TypeAdapter[str](Text)

Pictures = Mapping[str, Iterable[str]]
"""Every picture there is, with what else a row may call it."""


@dataclass(frozen=True)
class _Row:
    line: int
    picture: str
    value: str


@dataclass(frozen=True)
class _Table:
    path: Path
    header: str
    rows: tuple[_Row, ...]


def read_groups(path: Path, pictures: Pictures) -> dict[str, str]:
    """The group of each picture, as a table says.

    Its first line is a header; the first column names a picture, the second its group, whatever they are
    called; columns are parted by comma, semicolon or tab. Raises InputError for a file that cannot be read or
    is empty, for a row that names no picture, for two rows of one, and for a picture without a row.
    """
    return _match(_read(path, "group"), pictures)


def read_splits(path: Path, pictures: Pictures) -> dict[str, Split]:
    """The split of each picture, likewise; raises InputError for what is no split too."""
    table = _read(path, "split")
    for row in table.rows:
        if row.value not in SPLITS:
            raise InputError(
                f"{path} line {row.line}: {row.value!r:.40} is no split: say {', '.join(SPLITS)}"
            )
    found = _match(table, pictures)
    return {key: next(s for s in SPLITS if s == value) for key, value in found.items()}


def call_by_path(path: str) -> tuple[str, str]:
    """What a row may call the picture of a path besides: its file's name, with its ending or without."""
    return PurePosixPath(path).name, PurePosixPath(path).stem


def _read(path: Path, what: str) -> _Table:
    how = f"it must have a header such as image,{what} and below it a row a picture"
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        delimiter = max(_DELIMITERS, key=lines[0].count) if lines else ","
        cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is no table that can be read: {error}") from error
    filled = [(number, row) for number, row in enumerate(cells, start=1) if any(row)]
    if len(filled) < 2:
        raise InputError(f"{path} is {'empty' if not filled else 'but one line'}: {how}")
    rows: list[_Row] = []
    for number, row in filled:
        if len(row) < 2 or not row[0] or not row[1]:
            raise InputError(f"{path} line {number} lacks a picture or a {what}: {how}")
        try:
            rows.append(_Row(number, row[0], _TEXT.validate_python(row[1])))
        except ValidationError:
            raise InputError(
                f"{path} line {number}: a {what} is called by 1 to 200 printable letters, got {row[1]!r:.60}"
            ) from None
    return _Table(path, rows[0].picture, tuple(rows[1:]))


def _match(table: _Table, pictures: Pictures) -> dict[str, str]:
    called: dict[str, set[str]] = {}
    for key, calls in pictures.items():
        for call in (key, *calls):
            called.setdefault(call, set()).add(key)
    if table.header in called:
        raise InputError(f"{table.path} begins with a row of {table.header}: put a header above it")
    found: dict[str, _Row] = {}
    for row in table.rows:
        where = f"{table.path} line {row.line}"
        keys = {row.picture} if row.picture in pictures else called.get(row.picture, set())
        if len(keys) > 1:
            some = " and ".join(sorted(keys)[:2])
            raise InputError(f"{where}: {row.picture} may be {some}: write which")
        if not keys:
            like = f", such as {next(iter(pictures))}" if pictures else ""
            raise InputError(
                f"{where} names {row.picture}, and there is no such picture: there are {len(pictures)}{like}"
                "; write it as there, or take the row out"
            )
        (key,) = keys
        if key in found:
            raise InputError(f"{table.path} names {key} twice, on lines {found[key].line} and {row.line}")
        found[key] = row
    if missing := [key for key in pictures if key not in found]:
        more = f" and for {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"{table.path} has no row for {missing[0]}{more}: every picture needs one")
    return {key: row.value for key, row in found.items()}
