"""Lets the tests of this folder import dataset_scene, and gives them a finished dataset."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A dataset of 12 samples that verifies."""
    from dataset_scene import fill

    fill(tmp_path / "real", 12)
    return tmp_path / "real"
