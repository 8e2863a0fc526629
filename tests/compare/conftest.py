"""Lets the tests of this folder import crop_sets, and gives them three small datasets with crops."""

import sys
from pathlib import Path

import pytest

from synth.dataset.reader import DatasetReader

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def crop_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetReader]:
    """Captured, rendered and translated, 40 samples each; nobody changes them."""
    from crop_sets import write_crop_set

    folder = tmp_path_factory.mktemp("sets")
    kinds = {"real": "real", "synthetic": "rendered", "translated": "translated"}
    return {
        name: write_crop_set(folder / name, kind, seed=seed)  # type: ignore[arg-type]
        for seed, (name, kind) in enumerate(kinds.items())
    }
