"""A folder with a cell that tests may break."""

import re
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from synth.cell.load import DEFAULT_CELL
from synth.cell.source import parse, write

ABSENT = object()
Break = Callable[..., Path]


@pytest.fixture(scope="session")
def default_data() -> dict[str, Any]:
    """The default cell as plain data."""
    data = parse(DEFAULT_CELL.read_text(encoding="utf-8")).data
    assert data is not None
    return data


@pytest.fixture
def break_cell(tmp_path: Path, default_data: dict[str, Any]) -> Break:
    """Writes the default cell and its meshes, changed as in ``break_cell({"robot.home_deg": …})``."""
    for mesh in ("bracket.stl", "mount.stl"):
        shutil.copy(DEFAULT_CELL.parent / mesh, tmp_path)

    def write_changed(changes: dict[str, Any]) -> Path:
        data = deepcopy(default_data)
        for where, value in changes.items():
            *sections, key = where.split(".")
            section = data
            for name in sections:
                section = section[name]
            if value is ABSENT:
                del section[key]
            else:
                section[key] = value
        path = tmp_path / "cell.yaml"
        path.write_text(write(data), encoding="utf-8")
        return path

    return write_changed


def line_of(path: Path, where: str) -> int:
    """The line, from 1, of a dotted key, found by indentation; within {} or [] that of their owner."""
    lines = path.read_text(encoding="utf-8").splitlines()
    i = 0
    for depth, key in enumerate(re.sub(r"\[\d+\]", "", where).split(".")):
        if depth and f"{key}:" in lines[i]:
            continue
        i = next(n for n in range(i, len(lines)) if re.match(rf"(  ){{{depth}}}(- )?{key}:", lines[n]))
    return i + 1
