"""A small YAML file, read as strictly as a cell file, as one section."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from synth.cell.schema import explain
from synth.cell.source import dotted, parse, read_text
from synth.errors import InputError, Problem

S = TypeVar("S", bound=BaseModel)


def load_section(path: Path, model: type[S], what: str, advice: str) -> S:
    """The section that a file holds; an empty file holds one of defaults.

    what: the file's name in messages. advice: what to do where there is none. Raises InputError with all that
    is wrong, each with its line and key.
    """
    text, unread = read_text(path, advice)
    if unread:
        raise InputError(f"{what} {path} cannot be read (it {unread[0].message.rstrip('.')})")
    source = parse(text)
    if source.data is not None and not source.problems:
        try:
            return model.model_validate_json(json.dumps(source.data), strict=True)
        except ValidationError as error:
            for place, sentence in explain(error, source.data, model).items():
                source.report(place, sentence)
    raise InputError(f"{what} {path} is wrong: {' '.join(map(_in_words, source.problems))}")


def _in_words(problem: Problem) -> str:
    line = "" if problem.line is None else f"line {problem.line}: "
    where = "" if problem.where == dotted(()) else f"{problem.where} "
    return f"{line}{where}{problem.message}"
