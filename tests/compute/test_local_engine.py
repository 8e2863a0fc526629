"""What the engine of this machine promises beyond every engine's contract: processes, and who fits where."""

import os
import signal
import subprocess
import sys
from multiprocessing import Pipe

import pytest

from counting_worker import Squarer
from synth.compute.engines.engine import Resources
from synth.compute.engines.local import ENGINE
from synth.compute.engines.local_process import serve
from synth.errors import WorkerLost


def _pids(folder, what):
    return {int(p.name.split("_")[-1]) for p in folder.glob(f"{what}_*")}


def test_each_worker_is_a_process_of_its_own(tmp_path):
    """As many processes as were asked for, none of them this one."""
    ENGINE.run_shards(range(7), Squarer(tmp_path, slow_first=True), 3, lambda *_: None, resources=Resources())
    assert len(_pids(tmp_path, "opened") - {os.getpid()}) == 3


@pytest.mark.parametrize("how", ["kill", "raise"])
def test_a_shard_that_fails_once_is_done_by_a_fresh_process(tmp_path, how):
    """A process that dies or raises costs nothing but time."""
    done = []
    ENGINE.run_shards(
        range(4),
        Squarer(tmp_path, ((2, how, 1),)),
        2,
        lambda _, result: done.append(result),
        resources=Resources(),
    )
    assert done == [(i, i * i) for i in range(4)]
    first, second = (_pids(tmp_path, f"shard_2_{i}") for i in (0, 1))
    assert first != second


def test_a_process_that_dies_twice_is_named_by_its_signal(tmp_path):
    """The second death is raised as WorkerLost."""
    with pytest.raises(WorkerLost, match="SIGKILL"):
        ENGINE.run_shards(
            range(4), Squarer(tmp_path, ((2, "kill", 9),)), 1, lambda *_: None, resources=Resources()
        )


@pytest.mark.parametrize(
    ("n_cores", "ram_gb", "needs", "at_most", "n_workers"),
    [
        (2, 8, Resources(cores=4, memory_gb=3.0), 16, 1),
        (16, 64, Resources(cores=4, memory_gb=3.0), 16, 4),
        (64, 20, Resources(cores=4, memory_gb=3.0), 16, 6),
        (192, 1000, Resources(cores=4, memory_gb=3.0), 16, 16),
        (32, 8, Resources(cores=1), 40, 32),
        (32, 8, Resources(cores=1), 5, 5),
        (2, 8, Resources(gpu=1 / 3), 40, 6),
        (2, 8, Resources(gpu=1 / 3), 4, 4),
        (2, 8, Resources(gpu=1.0), 4, 2),
        (2, 8, Resources(gpu=0.4), 40, 4),
        (2, 8, Resources(gpu=2), 4, 1),
        (2, 8, Resources(cores=1), 0, 1),
    ],
)
def test_cores_memory_and_gpus_are_shared_out(monkeypatch, n_cores, ram_gb, needs, at_most, n_workers):
    """The scarcest of what a worker needs says how many fit; here with two GPUs."""
    monkeypatch.setattr("synth.compute.engines.local.count_cores", lambda: n_cores)
    monkeypatch.setattr(os, "sysconf", lambda key: ram_gb * 10**6 if key == "SC_PHYS_PAGES" else 1000)
    monkeypatch.setattr("synth.compute.engines.local._count_gpus", lambda: 2)
    assert ENGINE.count_workers(needs, at_most) == n_workers


def test_threads_are_the_cores_shared_out(monkeypatch):
    """One worker has all; several have a share each, one thread at least."""
    monkeypatch.setattr("synth.compute.engines.local.count_cores", lambda: 16)
    assert [ENGINE.count_threads(n) for n in (1, 2, 3, 40)] == [16, 8, 5, 1]


def test_what_a_worker_starts_obeys_ctrl_c_even_where_the_caller_does_not(tmp_path):
    """A run begun with SIGINT ignored, as in the background of a script, starts no deaf grandchildren."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from synth.compute.engines.engine import Resources\n"
        "from synth.compute.engines.local import ENGINE; from counting_worker import StartsChild\n"
        "ENGINE.run_shards([0], StartsChild(), 1, lambda _, code: print(code), resources=Resources())\n"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    env = os.environ | {"PYTHONPATH": path}
    printed = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
    assert int(printed) == -signal.SIGINT


@pytest.mark.parametrize("heard", [b"", b"\x00\x00\x00\x09torn"], ids=["nothing", "half a message"])
def test_a_child_whose_parent_stopped_says_nothing(tmp_path, capfd, heard):
    """Closed between messages, in the middle of one, and while it answers: it ends without a word."""
    here, there = Pipe()
    for message in (sys.path, Squarer(tmp_path)):
        here.send(message)
    os.write(here.fileno(), heard)
    here.close()
    serve(there)
    here, there = Pipe()
    for message in (sys.path, Squarer(tmp_path), 21):
        here.send(message)
    here.close()
    serve(there)
    assert capfd.readouterr() == ("", "")
