"""Gives the tests of this folder lanes, which nobody changes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lanes import write_lanes


@pytest.fixture(scope="package")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/lanes, with label maps alone; data/known, with instances too."""
    folder = tmp_path_factory.mktemp("lanes")
    write_lanes(folder / "data/lanes")
    write_lanes(folder / "data/known", with_instances=True)
    return folder


@pytest.fixture(autouse=True)
def small_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of drawing less each time."""
    monkeypatch.setattr("synth.balance.sheet._TILE_W", 48)
    monkeypatch.setattr("synth.balance.figure.encode_figure", lambda *a, **b: b"")
