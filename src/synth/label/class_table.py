"""A table of classes: what a network calls X is Y in the label maps that are made, or void."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from synth.dataset.info import Colour, SemanticInfo
from synth.dataset.overview import list_some
from synth.dataset.record import ClassName
from synth.errors import InputError

_VOID = "void"
_NAME = TypeAdapter[str](ClassName)
_HOW = "it must have a header such as network,label and below it a row a class; void is a label too"
_MOST_IN_8_BITS = 255


@dataclass(frozen=True)
class ClassTable:
    """labels: by the name of a class its new one, None for void; a class that is not named keeps its own."""

    labels: Mapping[str, str | None] = field(default_factory=dict)

    def label_of(self, name: str) -> str | None:
        """What a class is called then; None for void."""
        return self.labels.get(name, name)

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raises InputError for a row of a class that neither a network nor a labelled picture has."""
        names = dict.fromkeys(known)
        if unknown := [name for name in self.labels if name not in names]:
            raise InputError(f"--map names {list_some(unknown)}, and the classes are {', '.join(names)}")

    def unite(self, several: Sequence[SemanticInfo]) -> SemanticInfo:
        """The classes of all networks, the first one's first, each in the colour of the class that had its
        name, else of the first that became it.

        Raises InputError where nothing but void is left.
        """
        colours: dict[str, Colour] = {}
        own: dict[str, Colour] = {}
        for one in several:
            for name, colour in zip(one.names, one.colours, strict=True):
                if (label := self.label_of(name)) is not None:
                    colours.setdefault(label, colour)
                    if label == name:
                        own.setdefault(label, colour)
        if not colours:
            raise InputError("--map makes every class void: nothing would be labelled")
        void = _MOST_IN_8_BITS if len(colours) <= _MOST_IN_8_BITS else 65535
        return SemanticInfo(names=tuple(colours), colours=tuple((colours | own).values()), void=void)

    def find_places(self, names: Sequence[str], wanted: SemanticInfo, whose: str) -> NDArray[np.int64]:
        """Of each of some classes the index of its label among the wanted ones, [C]; their number for void.

        Raises InputError for a class that has no place there, and where one of the wanted has none of these.
        """
        labels = [self.label_of(name) for name in names]
        further = [label for label in labels if label is not None and label not in wanted.names]
        lacking = [name for name in wanted.names if name not in labels]
        if further or lacking:
            said = f" has {list_some(further)}, which is no label" if further else ""
            said += " and" if further and lacking else ""
            said += f" lacks {list_some(lacking)}" if lacking else ""
            raise InputError(
                f"labels are of {', '.join(wanted.names)}, and {whose}{said}: all need one list of classes, "
                "to which a --map TABLE brings them"
            )
        void = len(wanted.names)
        return np.array([void if x is None else wanted.names.index(x) for x in labels], np.int64)


def read_class_table(path: Path) -> ClassTable:
    """Of a CSV: a header, then a class of the network and its label a row, parted by comma, semicolon or tab.

    Raises InputError for a file that cannot be read, a row without two cells, a class with two rows, and a
    label that is no name.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        delimiter = max(",;\t", key=lines[0].count) if lines else ","
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    except OSError as error:
        raise InputError(f"the table {path} cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is no table that can be read: {error}") from error
    if len([row for row in rows if any(row)]) < 2:
        raise InputError(f"{path} names no class: {_HOW}")
    labels: dict[str, str | None] = {}
    for number, row in _list_filled(rows):
        where = f"{path} line {number}"
        if len(row) != 2 or not all(row):
            raise InputError(f"{where} is not a class and its label: {_HOW}")
        name, label = row
        if name in labels:
            raise InputError(f"{where}: {name} has a row already: say once what it becomes")
        try:
            labels[name] = None if label.lower() == _VOID else _NAME.validate_python(label)
        except ValidationError:
            raise InputError(
                f"{where}: a label begins with a letter or digit and has only letters, digits, spaces and "
                f"_ . -, got {label!r:.60}"
            ) from None
    return ClassTable(labels)


def _list_filled(rows: Sequence[Sequence[str]]) -> Iterable[tuple[int, Sequence[str]]]:
    """Rows below the header, with their line's number."""
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(row)]
    return filled[1:]
