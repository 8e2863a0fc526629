"""Cores that are ours, and threads that give way to other programs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from synth.cli import main
from synth.compute import cores
from synth.compute.cores import count_cores, thread_defaults
from synth.compute.engines.engine import Handler, Resources
from synth.compute.engines.local import ENGINE


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
    assert thread_defaults({"OMP_WAIT_POLICY": "ACTIVE"}).keys() == {
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
    }
    assert thread_defaults({"OMP_NUM_THREADS": "4"}) == {"OMP_WAIT_POLICY": "PASSIVE"}


@pytest.mark.parametrize(("asked", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_of_workers_give_way(monkeypatch: pytest.MonkeyPatch, asked: str | None, found: str) -> None:
    """A worker's process is told before it loads anything, whoever called, unless the user said otherwise."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", asked)
    told: list[str | None] = []
    ENGINE.run_shards(
        ["OMP_WAIT_POLICY"], TellsVariable(), 1, lambda _, value: told.append(value), resources=Resources()
    )
    assert told == [found]


def test_threads_of_a_command_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command tells libraries before it does anything else."""
    monkeypatch.setattr("sys.argv", ["synth", "--version"])
    for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # So that it is as before afterwards.
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit):
        main()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
