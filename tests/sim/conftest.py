"""Lets the tests of this folder import captured_set, and gives them one."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small captured dataset that nobody changes."""
    from captured_set import write_captured

    return write_captured(tmp_path_factory.mktemp("captured") / "real")
