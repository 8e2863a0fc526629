"""Lets the tests of this folder import dataset_scene, and gives them finished datasets."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 12 samples that nobody changes."""
    from dataset_scene import fill

    root = tmp_path_factory.mktemp("template") / "real"
    fill(root, 12)
    return root


@pytest.fixture
def filled(template: Path, tmp_path: Path) -> Path:
    """A dataset of 12 samples that verifies, to be changed at will."""
    return shutil.copytree(template, tmp_path / "real")
