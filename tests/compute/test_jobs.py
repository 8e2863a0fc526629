"""Shards over processes: order, second tries, and no process that outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from counting_worker import Squarer

from synth.compute.jobs import run_shards
from synth.errors import InputError, WorkerLost


def _run(folder: Path, n: int, n_workers: int, **how: object) -> list[tuple[int, int]]:
    done: list[tuple[int, int]] = []
    run_shards(range(n), Squarer(folder, **how), n_workers, lambda _, result: done.append(result))
    return done


def _pids(folder: Path, what: str) -> set[int]:
    return {int(p.name.split("_")[-1]) for p in folder.glob(f"{what}_*")}


@pytest.mark.parametrize("n_workers", [1, 3])
def test_results_come_in_the_order_of_the_shards(tmp_path, n_workers):
    """However many workers, and whoever is fastest, the caller sees shard after shard."""
    assert _run(tmp_path, 7, n_workers, slow_first=True) == [(i, i * i) for i in range(7)]
    assert len(_pids(tmp_path, "opened")) == n_workers


def test_workers_are_closed_properly_and_none_is_left(tmp_path):
    """Every worker that was opened is closed, and its process is gone when the call returns."""
    _run(tmp_path, 4, 2)
    assert _pids(tmp_path, "closed") == _pids(tmp_path, "opened")
    assert not any(psutil.pid_exists(pid) for pid in _pids(tmp_path, "opened"))


@pytest.mark.parametrize("how", ["kill", "raise"])
def test_a_shard_that_fails_once_is_done_by_a_fresh_worker(tmp_path, how):
    """A worker that dies or raises costs nothing but time."""
    assert _run(tmp_path, 4, 2, fails=((2, how, 1),)) == [(i, i * i) for i in range(4)]
    first, second = (_pids(tmp_path, f"shard_2_{i}") for i in (0, 1))
    assert first != second


@pytest.mark.parametrize(("how", "words"), [("kill", "SIGKILL"), ("raise", "ZeroDivisionError: a bug")])
def test_a_shard_that_fails_twice_ends_the_run(tmp_path, how, words):
    """The second failure is raised as WorkerLost, what came before it was handed over, nobody is left."""
    done: list[object] = []
    with pytest.raises(WorkerLost, match=words):
        run_shards(range(4), Squarer(tmp_path, ((2, how, 9),)), 1, lambda shard, _: done.append(shard))
    assert done == [0, 1]
    assert len(list(tmp_path.glob("shard_2_*"))) == 2
    assert not any(psutil.pid_exists(pid) for pid in _pids(tmp_path, "opened"))


def test_what_another_try_cannot_mend_is_not_tried_again(tmp_path):
    """An InputError reaches the caller as it is, at once."""
    with pytest.raises(InputError, match="the cell is wrong"):
        _run(tmp_path, 2, 1, fails=((0, "input", 9),))
    assert len(list(tmp_path.glob("shard_0_*"))) == 1


def test_an_error_in_the_callers_hands_ends_the_workers(tmp_path):
    """When taking a result fails, the children end before the error goes on."""

    def refuse(_shard: int, _result: object) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        run_shards(range(8), Squarer(tmp_path), 2, refuse)
    assert not any(psutil.pid_exists(pid) for pid in _pids(tmp_path, "opened"))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_children_end_with_their_parent(tmp_path, sign):
    """Ctrl-C or SIGKILL on the parent in the middle of a shard: no child outlives it by more than moments."""
    code = (
        "from pathlib import Path; from counting_worker import Squarer\n"
        "from synth.compute.jobs import run_shards\n"
        f"run_shards(range(4), Squarer(Path({str(tmp_path)!r}), ((1, 'hang', 9),)), 2, lambda *_: None)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *(p for p in sys.path if p)])
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not list(tmp_path.glob("shard_1_*")):
        time.sleep(0.02)
    parent.send_signal(sign)
    parent.communicate(timeout=15)
    while time.monotonic() < deadline and any(map(psutil.pid_exists, _pids(tmp_path, "opened"))):
        time.sleep(0.02)
    assert _pids(tmp_path, "opened")
    assert not any(psutil.pid_exists(pid) for pid in _pids(tmp_path, "opened"))
