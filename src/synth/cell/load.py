"""Read a cell file."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from synth.cell.model import Cell
from synth.errors import CellError, Problem

DEFAULT_CELL = Path(__file__).parent / "default" / "cell.yaml"


def load_cell(path: Path | None = None) -> Cell:
    """The cell of a file; None is the simulated cell that comes with synth. Raises CellError."""
    path = DEFAULT_CELL if path is None else path
    try:
        cell = Cell.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = [Problem(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        raise CellError(path, problems) from error
    cell._path = path.resolve()
    return cell


def default_cell() -> Cell:
    """The simulated cell that comes with synth."""
    return load_cell(None)
