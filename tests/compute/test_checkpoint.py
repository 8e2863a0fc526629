"""What is saved comes back exactly; what could run code, or is not whole, is refused in one sentence."""

import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from synth.compute.checkpoint import load_state, load_weights, save_state, save_weights
from synth.errors import InputError, StorageError


class Calls:
    """Pickled, it would run a command on loading."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_state_comes_back_exactly(tmp_path: Path) -> None:
    """Networks, an optimiser with its moments, generators' states, numbers, strings, lists and None."""
    net = nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters(), betas=(0.5, 0.999))
    net(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    state = {
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "generator": torch.Generator().manual_seed(3).get_state(),
        "step": 7,
        "pool": [torch.full((3, 2, 2), 0.1, dtype=torch.bfloat16)],
        "note": None,
        "kind": "instance",
    }
    save_state(tmp_path / "state.pt", state)
    loaded = load_state(tmp_path / "state.pt")
    assert {key: loaded.pop(key) for key in ("step", "note", "kind")} == {
        key: state.pop(key) for key in ("step", "note", "kind")
    }
    torch.testing.assert_close(loaded, state, rtol=0, atol=0)
    other = torch.optim.Adam(nn.Linear(3, 2).parameters(), betas=(0.5, 0.999))
    other.load_state_dict(loaded["optimiser"])
    assert other.state_dict()["state"][0]["step"] == 1


def test_weights_come_back_exactly_with_their_words(tmp_path: Path) -> None:
    """Tensors of every layout and the metadata; a channels-last weight keeps its values."""
    tensors = {
        "a": torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0)).to(
            memory_format=torch.channels_last
        ),
        "b": nn.Parameter(torch.arange(3.0)),
    }
    about = {key: key.upper() for key in ("kind", "step", "seed", "name")}
    save_weights(tmp_path / "w.safetensors", tensors, about)
    loaded, words = load_weights(tmp_path / "w.safetensors")
    assert words == about
    assert set(loaded) == {"a", "b"}
    for name, tensor in tensors.items():
        assert torch.equal(loaded[name], tensor)
    save_weights(tmp_path / "again.safetensors", tensors, about)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "w.safetensors").read_bytes()


def _write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"net": Calls(path.parent / "ran")}))


def _write_torch_pickle(path: Path) -> None:
    torch.save({"net": Calls(path.parent / "ran")}, path)


def _write_tar(path: Path) -> None:
    (path.parent / "pickle").write_bytes(pickle.dumps(Calls(path.parent / "ran")))
    with tarfile.open(path, "w") as tar:
        tar.add(path.parent / "pickle", "pickle")


def _write_torn_state(path: Path) -> None:
    save_state(path, {"a": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:-700])


def _write_torn_weights(path: Path) -> None:
    save_weights(path, {"a": torch.zeros(1000)}, {})
    path.write_bytes(path.read_bytes()[:-700])


def _write_rest_of_nothing(path: Path) -> None:
    path.write_bytes(b"")


def _write_text(path: Path) -> None:
    path.write_text("not a checkpoint\n")


def _write_nothing(path: Path) -> None:
    assert not path.exists()


WRITERS = [
    _write_pickle,
    _write_torch_pickle,
    _write_tar,
    _write_rest_of_nothing,
    _write_text,
    _write_nothing,
]


@pytest.mark.parametrize("load", [load_state, load_weights])
@pytest.mark.parametrize("write", WRITERS)
def test_a_bad_file_is_one_sentence_and_runs_nothing(
    load: Callable[[Path], object], write: Callable[[Path], None], tmp_path: Path
) -> None:
    """Absent, empty, torn, foreign or with a pickle inside: an InputError that names the file."""
    path = tmp_path / "file"
    write(path)
    with pytest.raises(InputError) as raised:
        load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "ran").exists()


def test_a_tensor_alone_is_no_state(tmp_path: Path) -> None:
    """A file that opens but holds something else is refused too."""
    torch.save(torch.zeros(3), tmp_path / "t.pt")
    with pytest.raises(InputError, match="holds Tensor, not the state of a run"):
        load_state(tmp_path / "t.pt")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the new state is whole the old one stands, and nothing is left beside it."""
    path = tmp_path / "state.pt"
    save_state(path, {"step": 1})

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("synth.storage.atomic.os.fsync", full)
    with pytest.raises(StorageError, match="is full"):
        save_state(path, {"step": 2})
    assert load_state(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]
