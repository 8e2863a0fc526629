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


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs and maps of two classes, and a painter of drawn weights in painter/."""
    import torch
    from look_pair import write_look
    from painter_desk import small

    from synth.gan.methods import METHODS

    folder = tmp_path_factory.mktemp("desk")
    photos = write_look(folder / "data/real", "real", 5, seed=0, with_maps=True, classes=("cover", "lid"))
    write_look(folder / "data/maps", "rendered", 3, seed=1, with_maps=True, classes=("cover", "lid"))
    method, settings = METHODS["spade"](), small(photos)
    networks = method.make_networks(settings, torch.Generator().manual_seed(0))
    networks.G.last.weight.data *= 40  # Fresh weights paint next to nothing.
    path = folder / "painter" / "checkpoints" / "step_000001.safetensors"
    method.save_generators(path, networks.generators, settings, {})
    return folder
