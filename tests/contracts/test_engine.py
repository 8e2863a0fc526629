"""What every Engine promises: order, second tries, and no worker that outlives the call."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from counting_worker import Squarer
from local_cluster import started
from synth.compute.engines import DEFAULT_ENGINE, ENGINES
from synth.compute.engines.engine import Engine, Resources
from synth.compute.engines.ray_nodes import joined
from synth.errors import InputError, TrainingDiverged, WorkerLost

NOTHING = Resources()
TOY = {"in_process": "in_process_engine:ENGINE"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of three nodes; this process stays a driver of theirs, and children become ones anew."""
    with started() as nodes, joined(nodes.address, 3):
        yield nodes.address


@pytest.fixture(params=[*ENGINES, *TOY])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    ENGINES.update(TOY)
    if request.param == "ray":
        monkeypatch.setenv("RAY_ADDRESS", request.getfixturevalue("cluster"))
    yield request.param
    for toy in TOY:
        del ENGINES[toy]


@pytest.fixture
def engine(name: str) -> Engine:
    return ENGINES[name]


def _run(engine: Engine, folder: Path, n: int, n_workers: int, **how: object) -> list[tuple[int, int]]:
    done: list[tuple[int, int]] = []
    engine.run_shards(
        range(n), Squarer(folder, **how), n_workers, lambda _, result: done.append(result), resources=NOTHING
    )
    return done


def _pids(folder: Path, what: str) -> set[int]:
    return {int(p.name.split("_")[-1]) for p in folder.glob(f"{what}_*")}


def _is_nobody_left(folder: Path) -> bool:
    opened = _pids(folder, "opened")
    return bool(opened) and not any(psutil.pid_exists(pid) for pid in opened - {os.getpid()})


def test_the_default_is_a_name() -> None:
    """What runs shards unless another engine is asked for is one of them."""
    assert DEFAULT_ENGINE in ENGINES


@pytest.mark.parametrize("n_workers", [1, 3])
def test_results_come_in_the_order_of_the_shards(engine, tmp_path, n_workers):
    """However many workers, and whoever is fastest, the caller sees shard after shard."""
    assert _run(engine, tmp_path, 7, n_workers, slow_first=True) == [(i, i * i) for i in range(7)]
    assert 1 <= len(_pids(tmp_path, "opened")) <= n_workers


def test_workers_are_closed_properly_and_none_is_left(engine, tmp_path):
    """Every worker that was opened is closed, and its process is gone when the call returns."""
    _run(engine, tmp_path, 4, 2)
    assert _pids(tmp_path, "closed") == _pids(tmp_path, "opened")
    assert _is_nobody_left(tmp_path)


def test_no_shards_are_no_work(engine, tmp_path):
    """Nothing is opened for nothing."""
    assert _run(engine, tmp_path, 0, 2) == []
    assert not _pids(tmp_path, "opened")


def test_a_shard_that_fails_once_is_tried_again(engine, tmp_path):
    """A worker that raises costs nothing but time, and the caller hears of it."""
    done: list[int] = []
    again: list[tuple[int, str]] = []
    engine.run_shards(
        range(4),
        Squarer(tmp_path, ((2, "raise", 1),)),
        2,
        lambda shard, _: done.append(shard),
        resources=NOTHING,
        on_retry=lambda shard, error: again.append((shard, str(error))),
    )
    assert done == [0, 1, 2, 3]
    assert [shard for shard, _ in again] == [2]
    assert "ZeroDivisionError: a bug" in again[0][1]


def test_a_shard_that_fails_twice_ends_the_run(engine, tmp_path):
    """The second failure is raised as WorkerLost, what came before it was handed over, nobody is left."""
    done: list[object] = []
    with pytest.raises(WorkerLost, match="ZeroDivisionError: a bug"):
        engine.run_shards(
            range(4),
            Squarer(tmp_path, ((2, "raise", 9),)),
            1,
            lambda shard, _: done.append(shard),
            resources=NOTHING,
        )
    assert done == [0, 1]
    assert len(list(tmp_path.glob("shard_2_*"))) == 2
    assert _is_nobody_left(tmp_path)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [("input", InputError, "the cell is wrong"), ("diverge", TrainingDiverged, "at step 7 .*loss/square")],
)
def test_what_another_try_cannot_mend_is_not_tried_again(engine, tmp_path, how, error, said):
    """A wrong input and a training that would diverge again reach the caller as they are, at once."""
    with pytest.raises(error, match=said):
        _run(engine, tmp_path, 2, 1, fails=((0, how, 9),))
    assert len(list(tmp_path.glob("shard_0_*"))) == 1


def test_an_error_in_the_callers_hands_ends_the_workers(engine, tmp_path):
    """When taking a result fails, the workers end before the error goes on."""

    def refuse(_shard: int, _result: object) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        engine.run_shards(range(8), Squarer(tmp_path), 2, refuse, resources=NOTHING)
    assert _is_nobody_left(tmp_path)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_caller(name, tmp_path, sign):
    """Ctrl-C or SIGKILL in the middle of a shard: no worker outlives the caller by more than moments."""
    code = (
        "from pathlib import Path; from counting_worker import Squarer\n"
        "from synth.compute.engines import ENGINES\n"
        "from synth.compute.engines.engine import Resources\n"
        f"ENGINES.update({TOY!r})\n"
        f"worker = Squarer(Path({str(tmp_path)!r}), ((1, 'hang', 9),))\n"
        f"ENGINES[{name!r}].run_shards(range(4), worker, 2, lambda *_: None, resources=Resources())\n"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not list(tmp_path.glob("shard_1_*")):
        time.sleep(0.02)
    parent.send_signal(sign)
    parent.communicate(timeout=15)
    while time.monotonic() < deadline and not _is_nobody_left(tmp_path):
        time.sleep(0.02)
    assert _is_nobody_left(tmp_path)


def test_workers_are_counted_within_what_is_asked(engine):
    """One at least, never more than are of use; a number that is asked for counts as it is."""
    greedy = Resources(cores=10**6, memory_gb=1e9)
    assert engine.count_workers(greedy, 8) == 1
    assert 1 <= engine.count_workers(Resources(cores=1), 2) <= 2
    assert engine.count_workers(greedy, 8, asked=5) == 5
    assert all(n is None or n >= 1 for n in map(engine.count_threads, (1, 2, 10**6)))
