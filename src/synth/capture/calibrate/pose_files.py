"""Files of poses as rows of numbers with names: tables, YAML and JSON at any depth, bare matrices."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from synth.cell.source import read_text
from synth.errors import InputError

Column = str | Annotated[int, Field(ge=0)]

MAX_DEPTH, MAX_VALUES = 12, 20_000
_MIN_NUMBERS = 6
"""A first row of a table with so many numbers is a pose and no header."""

_MARKS = (";", "\t", ",")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")


@dataclass(frozen=True)
class PoseRow:
    """A pose as it stands. name: of its view. where: file and line. values: by name and by place from 0; what
    is nested is named with dots, ``position.x``, and by its number in a list, ``T.0.3``.
    """

    name: str
    where: str
    values: Mapping[Column, str]

    def numbers(self, columns: Sequence[Column]) -> list[float]:
        """The values of columns. A name alone stands for a nested one where only one part of the file can be
        meant: the one that holds all these columns, or these and nothing else. Raises InputError.
        """
        inside = self._part_of([c for c in columns if isinstance(c, str)])
        return [self._number(c if isinstance(c, int) else f"{inside}{c}", c) for c in columns]

    def _part_of(self, columns: Sequence[str]) -> str:
        """What the names stand in, with its dot; empty where they stand outermost."""
        if all(column in self.values for column in columns):
            return ""
        names = [key for key in self.values if isinstance(key, str)]
        parts = {name[: -len(columns[0])] for name in names if name.endswith(f".{columns[0]}")}
        parts = {part for part in parts if all(f"{part}{column}" in self.values for column in columns)}
        if len(parts) > 1:
            wanted = {*columns}
            parts_alone = {p for p in parts if {n[len(p) :] for n in names if n.startswith(p)} == wanted}
            parts = parts_alone if len(parts_alone) == 1 else parts
        if len(parts) > 1:
            several = " and ".join(f"{part}{columns[0]}" for part in sorted(parts))
            raise InputError(f"{self.where} has {several}: name the column in full under columns")
        return next(iter(parts), "")

    def _number(self, key: Column, column: Column) -> float:
        if key not in self.values:
            known = ", ".join(str(each) for each in self.values if isinstance(each, str))
            raise InputError(
                f"{self.where} has no column {column}; it has {known or f'{len(self.values)} numbers'}"
                + ("" if known or isinstance(column, int) else " without names: give columns by place from 0")
            )
        number = _float(self.values[key])
        if not isfinite(number):
            raise InputError(f"{self.where} has {self.values[key]!r} as {column}: give a number")
        return number


def read_table(file: Path, name: Column | None, of_pose: Sequence[Column]) -> Iterator[PoseRow]:
    """The rows of a CSV file: commas, semicolons, tabs or blanks between cells, with a header or without.

    name: the column of views' names; None: the first that is none of the pose's (of_pose). Raises InputError.
    """
    if not file.is_file():
        raise InputError(f"{file} is no file: correct poses in the description")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} cannot be read as CSV ({error}): correct poses in the description"
        ) from None
    table = [(i, line) for i, line in enumerate(lines, start=1) if line.strip()]
    remarks = [line.strip().lstrip("#") for _, line in table if line.lstrip().startswith("#")]
    table = [(i, line) for i, line in table if not line.lstrip().startswith("#")]
    if not table:
        return
    mark = next((mark for mark in _MARKS if mark in table[0][1]), None)
    first = _cells(table[0][1], mark)
    if sum(isfinite(_float(cell)) for cell in first) < _MIN_NUMBERS:
        header, table = first, table[1:]
    else:
        header = _cells(remarks[-1], mark) if remarks else []
        header = header if len(header) == len(first) else []
    for i, line in table:
        cells = _cells(line, mark)
        values: dict[Column, str] = {**dict(zip(header, cells, strict=False)), **dict(enumerate(cells))}
        where = f"{file}:{i}"
        yield PoseRow(_name(name, of_pose, header, values, where), where, values)


def _name(
    name: Column | None, of_pose: Sequence[Column], header: list[str], values: dict[Column, str], where: str
) -> str:
    if name is None:
        columns = [n for n in values if isinstance(n, int)]
        free = [n for n in columns if n not in of_pose and (n >= len(header) or header[n] not in of_pose)]
        if not free:
            raise InputError(f"{where} has no column for its picture's name: add one to each pose")
        name = free[0]
    if name not in values:
        raise InputError(f"{where} has no column {name} for its picture's name; it has {', '.join(header)}")
    return values[name]


def _cells(line: str, mark: str | None) -> list[str]:
    """Without blanks around them; a comma within a number, where none stands between cells, as a point."""
    try:
        cells = line.split() if mark is None else next(csv.reader([line], delimiter=mark), [])
    except csv.Error:
        return []
    return [
        cell.replace(",", ".") if mark != "," and _DECIMAL_COMMA.fullmatch(cell) else cell
        for cell in map(str.strip, cells)
    ]


def read_one(file: Path, name: str) -> PoseRow:
    """The pose of a file of its own: YAML, JSON, or numbers and nothing else. Raises InputError."""
    text = _text(file)
    numbers = _bare_numbers(text)
    if numbers:
        return PoseRow(name, str(file), dict(enumerate(numbers)))
    return PoseRow(name, str(file), _values(_node(text, file), file))


def read_many(file: Path) -> Iterator[PoseRow]:
    """The poses of one YAML or JSON file, by their views' names. Raises InputError."""
    node = _node(_text(file), file)
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{file} holds no poses by their pictures' names: give name: pose, or a CSV file")
    for key, pose in node.value:
        yield PoseRow(str(key.value), f"{file}:{key.start_mark.line + 1}", _values(pose, file))


def _text(file: Path) -> str:
    text, unread = read_text(file, "correct poses in its description")
    if unread:
        raise InputError(f"{file} {unread[0].message.rstrip('.')}")
    return text


def _bare_numbers(text: str) -> list[str]:
    """Of a text of numbers, brackets and what stands between them; none for any other text."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    words = re.sub(r"[\[\];]", " ", "\n".join(lines)).split()
    if all(word.count(",") < 2 for word in words) and any(_DECIMAL_COMMA.fullmatch(word) for word in words):
        numbers = [word.replace(",", ".") for word in words]
    else:
        numbers = " ".join(words).replace(",", " ").split()
    return numbers if all(isfinite(_float(number)) for number in numbers) else []


def _node(text: str, file: Path) -> yaml.Node:
    """The file's one document; nothing in it is built, whatever its tags say."""
    text = re.sub(r"\A%YAML:.*\n", "", text).replace("\t", " ")
    try:
        documents = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if _holds(node)]
    except RecursionError:
        raise InputError(f"{file} is nested too deeply for a pose") from None
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(f"{file} is neither numbers nor YAML nor JSON: {why}") from None
    if len(documents) != 1:
        raise InputError(f"{file} holds {len(documents)} documents: give one")
    if isinstance(documents[0], yaml.ScalarNode):
        raise InputError(f"{file} is neither numbers nor YAML nor JSON")
    return documents[0]


def _holds(node: yaml.Node | None) -> bool:
    return node is not None and node.value not in ("", "null", [])


def _values(node: yaml.Node, file: Path) -> dict[Column, str]:
    """By dotted names, and by place those of the first list, with all that is nested in it."""
    named: dict[Column, str] = {}
    listed: list[str] = []
    _collect(node, "", named, None, file)
    first = next((n for n in _walk(node) if isinstance(n, yaml.SequenceNode)), None)
    if first is not None:
        _collect(first, "", {}, listed, file)
    return {**named, **dict(enumerate(listed))}


def _walk(node: yaml.Node) -> Iterator[yaml.Node]:
    yield node
    if isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _walk(value)


def _collect(
    node: yaml.Node, place: str, named: dict[Column, str], listed: list[str] | None, file: Path
) -> None:
    if place.count(".") > MAX_DEPTH or len(named) > MAX_VALUES:
        raise InputError(f"{file} holds more than a pose: it is too deep or too long")
    if isinstance(node, yaml.ScalarNode):
        if place in named:
            raise InputError(f"{file}:{node.start_mark.line + 1} gives {place} a second time")
        named[place] = node.value
        if listed is not None:
            listed.append(node.value)
        return
    pairs = (
        [(str(key.value), value) for key, value in node.value]
        if isinstance(node, yaml.MappingNode)
        else [(str(i), value) for i, value in enumerate(node.value)]
    )
    for key, value in pairs:
        _collect(value, f"{place}.{key}" if place else key, named, listed, file)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan
