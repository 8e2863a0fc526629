"""Lets the tests of this folder import look_pair, and gives them two datasets that differ in look."""

import sys
from pathlib import Path

import pytest

from synth.dataset.reader import DatasetReader

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def looks(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetReader, DatasetReader]:
    """Rendered and captured, 12 samples each of 96×80; nobody changes them."""
    from look_pair import write_looks

    return write_looks(tmp_path_factory.mktemp("looks"))
