"""Cores that are ours, and as many threads as others leave room for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from synth.cli import main
from synth.compute import cores
from synth.compute.cores import count_cores, count_free_cores, thread_defaults
from synth.compute.engines.engine import Handler, Resources
from synth.compute.engines.local import ENGINE
from synth.compute.threads import THREADS_FILE, use_free_cores
from synth.errors import InputError

CPU = torch.device("cpu")


class TellsVariable:
    """A worker that answers with an environment variable of its process."""

    @contextmanager
    def __call__(self) -> Iterator[Handler[str, str | None]]:
        yield os.environ.get


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of cgroups, without any quota, of a process that may run on 8 cores."""
    own = tmp_path / "own"
    own.write_text("1:cpu:/\n0::/slice/job\n")
    (tmp_path / "fs/slice/job").mkdir(parents=True)
    monkeypatch.setattr(cores, "_OWN_CGROUP", own)
    monkeypatch.setattr(cores, "_CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)))
    return tmp_path / "fs"


@pytest.mark.parametrize(
    ("quotas", "n_cores"),
    [
        ({}, 8),
        ({"slice/job": "max 100000"}, 8),
        ({"slice/job": "300000 100000"}, 3),
        ({"slice/job": "max 100000", "slice": "250000 100000"}, 2),
        ({"slice/job": "50000 100000"}, 1),
        ({"": "6400000 100000"}, 8),
    ],
)
def test_a_quota_is_honoured(eight_cores: Path, quotas: dict[str, str], n_cores: int) -> None:
    """The smallest quota of the process's cgroup and those above it counts, in whole cores, one at least; it
    is what workers share out and, where it is less than the machine, what OpenMP is told.
    """
    for cgroup, quota in quotas.items():
        (eight_cores / cgroup / "cpu.max").write_text(quota + "\n")
    assert count_cores() == n_cores
    assert ENGINE.count_workers(Resources(cores=1), at_most=40) == n_cores
    assert thread_defaults({}).get("OMP_NUM_THREADS") == (None if n_cores == 8 else str(n_cores))


def test_what_the_user_set_stays(eight_cores: Path) -> None:
    """Every variable that is set keeps its value, and a number of threads speaks for every library."""
    (eight_cores / "cpu.max").write_text("200000 100000\n")
    assert thread_defaults({"OPENBLAS_NUM_THREADS": "2"}) == {"OMP_NUM_THREADS": "2"}
    assert thread_defaults({"OMP_NUM_THREADS": "4"}) == {}


@pytest.mark.parametrize(("busy_percent", "n_free"), [(0.0, 8), (12.5, 7), (45.0, 4), (100.0, 1)])
def test_cores_that_others_keep_busy_are_not_free(
    eight_cores: Path, monkeypatch: pytest.MonkeyPatch, busy_percent: float, n_free: int
) -> None:
    """One is left at least; a quota counts too, but what is busy beyond it does not."""
    monkeypatch.setattr("psutil.cpu_count", lambda: 8)
    monkeypatch.setattr("psutil.cpu_percent", lambda _interval_s: busy_percent)
    assert count_free_cores() == n_free
    (eight_cores / "cpu.max").write_text("300000 100000\n")
    assert count_free_cores() == min(n_free, 3)


@pytest.mark.parametrize(("asked", "found"), [(None, "1"), ("2", "2")])
def test_libraries_of_workers_are_told(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, found: str
) -> None:
    """A worker's process is told before it loads anything, whoever called, unless the user said otherwise."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if asked is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", asked)
    told: list[str | None] = []
    ENGINE.run_shards(
        ["OPENBLAS_NUM_THREADS"],
        TellsVariable(),
        1,
        lambda _, value: told.append(value),
        resources=Resources(),
    )
    assert told == [found]


def test_libraries_of_a_command_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it does anything else."""
    monkeypatch.setattr("sys.argv", ["synth", "--version"])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # So that it is as before afterwards.
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit):
        main()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"


@pytest.fixture
def four_threads() -> Iterator[None]:
    """Torch has four for the while."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_a_run_has_a_thread_for_each_free_core_and_keeps_them(
    four_threads: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never more than torch has; a run that is gone on with in other company has as many as it began with."""
    free = [16, 3, 1]
    monkeypatch.setattr("synth.compute.threads.count_free_cores", lambda: free.pop(0))
    use_free_cores(CPU, tmp_path / "alone")
    assert torch.get_num_threads() == 4
    use_free_cores(CPU, tmp_path / "beside")
    assert torch.get_num_threads() == 3
    use_free_cores(CPU)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(4)
    use_free_cores(CPU, tmp_path / "beside")
    assert torch.get_num_threads() == 3
    (tmp_path / "beside" / THREADS_FILE).write_text("many")
    with pytest.raises(InputError, match="holds no number of threads: delete it"):
        use_free_cores(CPU, tmp_path / "beside")


def test_whoever_asked_for_one_thread_has_one(tmp_path: Path) -> None:
    """Workers of a comparison, and OMP_NUM_THREADS=1: nothing is looked at and nothing kept; nor on a GPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    use_free_cores(CPU, tmp_path)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(4)
    use_free_cores(torch.device("cuda"), tmp_path)
    assert torch.get_num_threads() == 4
    assert list(tmp_path.iterdir()) == []
    torch.set_num_threads(before)
