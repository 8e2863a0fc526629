"""A loop that may be spread over workers: where it runs shows in nothing but the time that it takes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from synth.compute.progress import LineProgress
from synth.compute.spread import HERE, Carried, Spread
from synth.errors import InputError
from synth.terminal import make_console

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Telling:
    """A worker that says who it is, with how many threads, on which device, and what it was given."""

    device: str
    carried: Carried

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], tuple[Any, ...]]]:
        with self.carried.laid_down() as path:
            content = path.read_bytes()
        yield lambda n: (os.getpid(), torch.get_num_threads(), self.device, content, n)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("engine", ["local", "ray"])
@pytest.mark.usefixtures("two_threads")
def test_workers_compute_as_this_process_does(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With as many threads, on which last bits depend, and with the very file that lies here; in order."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    file = tmp_path / "weights"
    file.write_bytes(b"as they are")
    done: list[tuple[Any, ...]] = []
    Spread(engine, n_workers=1).run(
        range(3),
        lambda _: pytest.fail("it ran here"),
        lambda device: Telling(device, Carried.of(file)),
        lambda _, told: done.append(told),
        CPU,
        LineProgress(make_console(), "shards"),
    )
    assert [told[1:] for told in done] == [(2, "cpu", b"as they are", n) for n in range(3)]
    assert os.getpid() not in {told[0] for told in done}


def test_here_nothing_is_hired() -> None:
    """Nor is any file read for workers that there are none of."""
    done: list[int] = []
    HERE.run(
        range(3),
        lambda n: n * n,
        lambda _: pytest.fail("a worker was hired"),
        lambda _, square: done.append(square),
        CPU,
        LineProgress(make_console(), "shards"),
    )
    assert done == [0, 1, 4]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"engine": "slurm"}, "there is no engine 'slurm': choose among local, ray"),
        (
            {"address": "127.0.0.1:6379"},
            "--address 127.0.0.1:6379 says where a cluster is: give --engine ray",
        ),
        ({"engine": "ray", "address": "8.8.8.8:6379"}, "is public"),
        ({"n_workers": 2}, "--workers are of an engine: name one with --engine"),
        ({"engine": "local", "n_workers": 0}, "--workers must be 1 or more, got 0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(asked: dict[str, Any], said: str) -> None:
    """In one sentence that says what to do."""
    with pytest.raises(InputError, match=said):
        Spread(**asked)
