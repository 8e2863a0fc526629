"""Changing values in a cell file: its comments and everything else stay as they are."""

import json
from pathlib import Path
from typing import Any

import yaml

from synth.cell.load import parse_cell
from synth.cell.model import Cell
from synth.cell.source import Place, dotted, read_text, write
from synth.errors import CellError, InputError
from synth.storage.atomic import write_bytes


def edit_cell(path: Path, values: dict[Place, Any]) -> Cell:
    """Set values by place, such as ``("camera", "K")``, in a cell file, and return the cell that it now is.

    A value of plain JSON takes the place of the old one in the text; a key that is not there yet is added at
    the end of its section, a section at the end of the file. The file is replaced whole, and only when what
    it would be passes every check. Raises CellError, StorageError.
    """
    text, problems = read_text(path)
    if problems:
        raise CellError(path, problems)
    for place, value in values.items():
        text = _set(text, place, value)
    cell = parse_cell(text, path)
    found = cell.model_dump(mode="json", by_alias=True)
    for place, value in values.items():
        if _at(found, place) != json.loads(json.dumps(value)):
            raise InputError(f"{path} could not be changed at {dotted(place)}: write {value} there by hand")
    write_bytes(path, text.encode())
    return cell


def _set(text: str, place: Place, value: Any) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    node: Any = root
    column = 0
    for depth, key in enumerate(place):
        found = next(((k, v) for k, v in node.value if k.value == key), None)
        if found is None:
            return _add(text, node, place[depth:], value, is_root=node is root)
        column, node = found[0].start_mark.column, found[1]
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        end = start + len(text[start:end].rstrip())
    elif isinstance(value, dict):  # Its keys go below the line, whose comment stays.
        line_end = text.find("\n", end)
        block = f"\n{' ' * (column + 2)}{_flow(value, column + 2)}"
        return text[:start].rstrip() + text[end:line_end] + block + text[line_end:]
    return text[:start] + _flow(value, node.start_mark.column) + text[end:]


def _add(text: str, section: Any, keys: Place, value: Any, *, is_root: bool) -> str:
    for key in reversed(keys[1:]):
        value = {key: value}
    if is_root:
        return f"{text.rstrip()}\n\n{write({str(keys[0]): value})}"
    if section.flow_style:
        at = section.end_mark.index - 1
        comma = ", " if section.value else ""
        return f"{text[:at].rstrip()}{comma}{keys[0]}: {_flow(value)}{text[at:]}"
    last_key, last = section.value[-1]
    at = text.find("\n", last.end_mark.index - 1 if last.end_mark.column == 0 else last.end_mark.index)
    at = len(text) if at < 0 else at
    indent = " " * last_key.start_mark.column
    if isinstance(value, dict):
        inside = f"\n{indent}  {_flow(value, len(indent) + 2)}"
    else:
        inside = f" {_flow(value, len(f'{indent}{keys[0]}: '))}"
    return f"{text[:at]}\n{indent}{keys[0]}:{inside}{text[at:]}"


def _flow(value: Any, column: int = 0) -> str:
    """A value that begins at a column: a section's keys and a matrix's rows below each other."""
    if isinstance(value, dict):
        return write(value).rstrip().replace("\n", f"\n{' ' * column}")
    if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        return "[" + f",\n{' ' * (column + 1)}".join(json.dumps(row) for row in value) + "]"
    return json.dumps(value)


def _at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data
