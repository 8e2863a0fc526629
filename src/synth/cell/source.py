"""A cell file's text as plain data, every value with its line.

A small, safe reader of YAML: values are those of YAML 1.2 (only true and false are booleans, 1e3 is a
number), there are no tags and no aliases, keys stand once. Nothing in a text can run code or grow.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from synth.errors import Problem

Place = tuple[str | int, ...]
MAX_BYTES = 200_000
MAX_DEPTH = 12

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_INTEGER = re.compile(r"[-+]?\d{1,18}")
_SPECIAL = {".nan": float("nan"), ".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf")}


@dataclass
class Source:
    """What a text says. lines: from the place of a value, a tuple of keys and indices, to its line from 1."""

    data: dict[str, Any] | None = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def report(self, place: Place, message: str) -> None:
        """Note a problem at a place; its line is that of the closest thing in the file that holds it."""
        line = next(
            (self.lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self.lines), None
        )
        problem = Problem(dotted(place), message, line)
        if problem not in self.problems:
            self.problems.append(problem)


_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Plain(_Fastest):  # type: ignore[misc]
    """Leaves every plain value a text; ``_scalar`` reads it."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute, emptied.


class _Writer(yaml.SafeDumper):
    """Quotes every text that ``_scalar`` would read as something else."""


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _scalar(text) == text else '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(writer: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    in_one_line = not any(isinstance(item, dict) for item in items)
    return writer.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=in_one_line)


_Writer.add_representer(str, _text)
_Writer.add_representer(list, _list)


def write(data: dict[str, Any]) -> str:
    """Plain data as YAML that ``parse`` reads back as it was."""
    return yaml.dump(data, Dumper=_Writer, sort_keys=False, default_flow_style=False, width=1000)


def dotted(place: Place) -> str:
    """``("camera", "T_base_cam", 0)`` as ``camera.T_base_cam[0]``; the whole file as ``cell``."""
    keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)
    return keys.lstrip(".") or "cell"


def read_text(
    path: Path, advice: str = "`synth cell init` writes a commented template"
) -> tuple[str, list[Problem]]:
    """The text of a cell file, or of another small one, or why there is none. advice: what to do then."""

    def refuse(message: str, line: int | None = None) -> tuple[str, list[Problem]]:
        return "", [Problem("cell", message, line)]

    if path.is_dir():
        return refuse(f"is a folder; name the file in it; {advice}.")
    if not path.is_file():
        return refuse(f"does not exist or is no plain file; {advice}.")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return refuse(f"cannot be read ({error.strerror}); check its permissions.")
    if len(content) > MAX_BYTES:
        return refuse(f"is larger than {MAX_BYTES // 1000} kB; a file like this is a page of YAML.")
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return refuse("is not UTF-8 text; save it as UTF-8, or name another file.", line)


def parse(text: str) -> Source:
    """The data of a text, of an empty one no keys, None where nothing can be read; what is wrong with its
    YAML is in ``problems``.
    """
    source = Source()
    try:
        if _is_tame(text, source):
            node = yaml.compose(text, Loader=_Plain)
            data = {} if node is None else _value(node, (), source)
            if isinstance(data, dict):
                source.data = data
            else:
                message = f"holds {describe(data)}; give keys and values, such as `name: simulated bench`."
                source.problems.append(Problem("cell", message, 1))
    except yaml.YAMLError as error:
        source.problems.append(_syntax_problem(error))
    return source


def _is_tame(text: str, source: Source) -> bool:
    """Whether the text has no aliases and is not nested deeply, seen without building anything."""
    depth = 0
    for event in yaml.parse(text, Loader=_Plain):
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            message = f"uses the alias *{event.anchor}; aliases are not read, so write the value out."
        elif isinstance(event, yaml.CollectionStartEvent) and depth == MAX_DEPTH:
            message = f"is nested more than {MAX_DEPTH} levels deep; 5 are enough."
        else:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            continue
        source.problems.append(Problem("cell", message, line))
        return False
    return True


def _syntax_problem(error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark, context = error.problem_mark, f"{error.context}, " if error.context else ""
        what = f"{context}{error.problem} (column {mark.column + 1})"
        return Problem(
            "cell", f"is not valid YAML: {what}; check indentation, colons and brackets.", mark.line + 1
        )
    return Problem("cell", f"is not valid YAML: {' '.join(str(error).split())[:200]}.")


def _line(mark: Any) -> int:
    return int(mark.line) + 1 if mark else 1


def _value(node: yaml.Node, place: Place, source: Source) -> Any:
    source.lines.setdefault(place, _line(node.start_mark))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, source)
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*place, i), source) for i, child in enumerate(node.value)]
    if node.tag != "tag:yaml.org,2002:str":
        source.report(place, f"has the tag {node.tag}; tags are not read, so write the plain value.")
        return None
    return str(node.value) if getattr(node, "style", None) else _scalar(str(node.value))


def _mapping(node: yaml.MappingNode, place: Place, source: Source) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            source.problems.append(
                Problem(dotted(place), "has a key that is not a word; check the brackets.", line)
            )
            continue
        key = str(key_node.value)
        here = (*place, key)
        if key in data:
            first = source.lines[here]
            source.problems.append(
                Problem(dotted(here), f"stands twice, first in line {first}; remove one of them.", line)
            )
            continue
        source.lines[here] = line
        data[key] = _value(value_node, here, source)
    return data


def _scalar(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return _SPECIAL.get(text.lower(), text)


def describe(value: Any) -> str:
    """A value of a cell file in a few words, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a section with keys" if value else "an empty section"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = str(value)
    return f"'{text if len(text) <= 40 else text[:37] + '...'}'"
