"""What the engine of clusters promises beyond every engine's contract: nodes that are lost, refused, told."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import psutil
import pytest

from counting_worker import Squarer
from local_cluster import add_node, started
from synth.compute.engines import open_engine
from synth.compute.engines.engine import Resources
from synth.compute.engines.ray_cluster import _ask, _in_words
from synth.compute.engines.ray_nodes import Node, find_address, joined, list_nodes, load_ray
from synth.errors import InputError, WorkerLost

ONE_CORE = Resources(cores=1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    """Three nodes, of which this process is a driver; a test that takes one away brings another."""
    with started() as nodes, joined(nodes.address, 3):
        yield nodes


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _listening(pids: set[int]) -> set[str]:
    connections = [c for pid in pids if psutil.pid_exists(pid) for c in psutil.Process(pid).net_connections()]
    return {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}


def test_a_cluster_of_this_machine_alone_listens_on_loopback_and_is_gone_afterwards(tmp_path, monkeypatch):
    """No port of it can be reached from elsewhere while it works, and no process of it is left."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before, heard, done = _children(), set(), []

    def look(_shard: int, result: object) -> None:
        done.append(result)
        heard.update(_listening(_children() - before))

    open_engine("ray").run_shards(range(4), Squarer(tmp_path), 2, look, resources=ONE_CORE)
    assert done == [(i, i * i) for i in range(4)]
    assert heard
    assert heard <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert _children() <= before


def test_an_address_where_nobody_answers_is_said():
    """At once, not after Ray's patience."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=f"no cluster answers at 127.0.0.1:{port} .*ray start --head"):
        open_engine("ray", f"127.0.0.1:{port}").run_shards(
            range(2), Squarer(Path()), 1, lambda *_: None, resources=ONE_CORE
        )


def test_a_node_that_is_killed_costs_no_shard_and_no_try(cluster, tmp_path, capfd):
    """Its shards go elsewhere, all results come once and in order, and nothing of Ray's log is printed."""
    engine, done, again = open_engine("ray", cluster.address), [], []

    def kill() -> None:
        while not list(tmp_path.glob("shard_3_*")):
            time.sleep(0.02)
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    engine.run_shards(
        range(24),
        Squarer(tmp_path, slow_first=True),
        3,
        lambda _, result: (done.append(result), time.sleep(0.1)),
        resources=ONE_CORE,
        on_retry=lambda _, error: again.append(str(error)),
    )
    killer.join()
    add_node(cluster)
    assert done == [(i, i * i) for i in range(24)]
    assert all("node of a worker" in said for said in again)
    opened = {int(path.name.split("_")[-1]) for path in tmp_path.glob("opened_*")}
    assert not any(psutil.pid_exists(pid) for pid in opened)
    assert "aylet" not in "".join(capfd.readouterr())


def test_a_worker_that_dies_is_named_by_its_signal(cluster, tmp_path):
    """The worker process dies as on one machine, not the seat that holds it."""
    with pytest.raises(WorkerLost, match="SIGKILL"):
        open_engine("ray", cluster.address).run_shards(
            range(2), Squarer(tmp_path, ((1, "kill", 9),)), 1, lambda *_: None, resources=ONE_CORE
        )


def test_more_workers_than_there_is_room_for_wait_for_it(cluster, tmp_path):
    """Five are asked for where three fit: the three do the work."""
    done = []
    open_engine("ray", cluster.address).run_shards(
        range(9), Squarer(tmp_path), 5, lambda _, result: done.append(result), resources=ONE_CORE
    )
    assert done == [(i, i * i) for i in range(9)]


def test_a_worker_larger_than_any_node_takes_all_of_one(cluster, tmp_path):
    """As on one machine, where one worker always fits."""
    engine, done = open_engine("ray", cluster.address), []
    greedy = Resources(cores=64, memory_gb=1e6)
    assert engine.count_workers(greedy, 8) == 1
    engine.run_shards(range(2), Squarer(tmp_path), 1, lambda *found: done.append(found), resources=greedy)
    assert len(done) == 2


def test_workers_and_threads_are_counted_over_all_nodes(cluster):
    """Three nodes of one core each."""
    engine = open_engine("ray", cluster.address)
    assert engine.count_workers(ONE_CORE, 16) == 3
    assert engine.count_workers(ONE_CORE, 2) == 2
    assert [engine.count_threads(n) for n in (1, 3, 10)] == [1, 1, 1]


def test_a_gpu_that_no_node_has_is_refused(cluster, tmp_path):
    """Rather than waited for."""
    with pytest.raises(InputError, match="no node of the cluster has a GPU: take --device cpu"):
        open_engine("ray", cluster.address).run_shards(
            range(2), Squarer(tmp_path), 1, lambda *_: None, resources=Resources(gpu=1 / 3)
        )


def test_more_gpus_than_any_node_has_are_refused():
    """Two of one machine, where each of two has one."""
    nodes = [Node(str(i), "10.0.0.1", "a", cores=8, memory_gb=10.0, gpus=1) for i in range(2)]
    with pytest.raises(
        InputError, match=r"2 GPUs of one node are asked for, .* any has is 1: take --devices 1"
    ):
        _ask(Resources(cores=2, gpu=2), nodes, is_own=False)


def test_a_node_of_another_version_is_refused_and_named(cluster, tmp_path):
    """A machine with another synth would make other pictures."""
    info = tmp_path / "site" / "synth_robotics-0.0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: synth-robotics\nVersion: 0.0.1\n")
    path = os.pathsep.join([str(info.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    node = add_node(cluster, PYTHONPATH=path)
    try:
        with pytest.raises(
            InputError, match=r"node \S+ \(127.0.0.1\) has synth-robotics 0.0.1, and here it is"
        ):
            open_engine("ray", cluster.address).run_shards(
                range(4), Squarer(tmp_path), 4, lambda *_: None, resources=ONE_CORE
            )
        told = list(open_engine("ray").probe(cluster.address))
    finally:
        cluster.remove_node(node)
    assert told[0][0] == "Cluster"
    assert "4 nodes, 4 cores, 0 GPUs" in told[0][1]
    assert [row[2] for row in told] == ["ok", "bad"]
    assert "install the same on all nodes" in told[1][3]
    assert not list(tmp_path.glob("opened_*"))


def test_a_node_that_cannot_run_synth_is_refused(cluster, tmp_path):
    """A library is missing there; it is said before any work, and by doctor."""
    (tmp_path / "synth").mkdir()
    (tmp_path / "synth/__init__.py").write_text("raise ImportError('libgomp.so.1 is missing')\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    node = add_node(cluster, PYTHONPATH=path)
    try:
        with pytest.raises(InputError, match=r"a node cannot run synth: .*libgomp.so.1 is missing: install"):
            open_engine("ray", cluster.address).run_shards(
                range(4), Squarer(tmp_path), 4, lambda *_: None, resources=ONE_CORE
            )
        told = list(open_engine("ray").probe(cluster.address))
    finally:
        cluster.remove_node(node)
    assert [row[2] for row in told] == ["ok", "bad"]
    assert "cannot run synth" in told[1][3]
    assert not list(tmp_path.glob("opened_*"))
    assert not list(tmp_path.glob(".synth_cluster_*"))


def test_a_folder_that_nodes_do_not_share_is_refused(cluster, tmp_path, monkeypatch):
    """Here the marker is written where no node looks for it."""
    unseen = "synth.compute.engines.ray_nodes.tempfile.NamedTemporaryFile"
    monkeypatch.setattr(unseen, lambda **_: _Unseen())
    with pytest.raises(InputError, match=r"node \S+ .* does not see the folder .* all nodes mount"):
        open_engine("ray", cluster.address).run_shards(
            range(2), Squarer(tmp_path), 1, lambda *_: None, resources=ONE_CORE
        )


class _Unseen(BytesIO):
    """A marker that is on this machine alone."""

    name = "/nowhere/.synth_cluster_marker"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("8.8.8.8:6379", "8.8.8.8:6379 is public"),
        ("0.0.0.0:6379", "0.0.0.0:6379 is public"),
        ("[2606:4700::1]:6379", "is public"),
        ("192.168.0.10", "HOST:PORT, such as"),
        ("ray://192.168.0.10:10001", "HOST:PORT, such as"),
        ("192.168.0.10:99999", "HOST:PORT, such as"),
        ("nobody.invalid:6379", "no machine that can be found"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_before_anything_is_connected(address, said):
    """Public ones since whoever reaches a port of Ray's owns the machine."""
    with pytest.raises(InputError, match=said):
        open_engine("ray", address)


def test_an_address_is_of_no_use_on_one_machine():
    """It is said which engine takes one."""
    with pytest.raises(InputError, match="--engine local stays on this machine: leave it out, or give"):
        open_engine("local", "192.168.0.10:6379")


def test_a_node_on_a_public_address_is_refused(cluster, monkeypatch):
    """Though the head is on a private one."""
    ray = load_ray()
    with joined(cluster.address, 1):
        nodes = [node | {"NodeManagerAddress": "8.8.4.4"} for node in ray.nodes()]
        monkeypatch.setattr(ray, "nodes", lambda: nodes)
        with pytest.raises(InputError, match=r"the node \S+ is public \(8.8.4.4\)"):
            list_nodes()


def test_what_ended_a_worker_is_told_apart():
    """Ray's words for a node without memory, a lost node and a killed worker, taken from its own errors."""
    ray = load_ray()
    errors = ray.exceptions
    short = errors.OutOfMemoryError("1 worker(s) were killed due to the node running low on memory.")
    assert "its node ran out of memory" in str(_in_words(short, ray))
    assert "perhaps killed" in str(_in_words(errors.ActorDiedError(), ray))
    assert "is gone" in str(_in_words(errors.NodeDiedError("The actor died because its node has died."), ray))


@pytest.mark.slow
def test_a_cluster_of_ones_own_between_two_calls_elsewhere_disturbs_neither(tmp_path):
    """Though it demands a token, and the cluster that stands has none."""
    code = (
        "from pathlib import Path; from counting_worker import Squarer; from local_cluster import started\n"
        "from synth.compute.engines import open_engine\n"
        "from synth.compute.engines.engine import Resources\n"
        "with started(1) as nodes:\n"
        "    for address in (nodes.address, None, nodes.address):\n"
        f"        open_engine('ray', address).run_shards([0, 1], Squarer(Path({str(tmp_path)!r})), 1,\n"
        "            lambda _, result: print(*result), resources=Resources(cores=1))\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    env |= {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    told = subprocess.check_output([sys.executable, "-c", code], env=env, text=True, timeout=120)
    assert told.splitlines() == ["0 0", "1 1"] * 3


def test_room_is_what_the_scarcest_leaves():
    """Cores, memory and shares of a GPU."""
    node = Node("1", "10.0.0.1", "a", cores=8, memory_gb=10.0, gpus=1)
    needs = (ONE_CORE, Resources(cores=4, memory_gb=3.0), Resources(gpu=1 / 3), Resources(memory_gb=4.0))
    assert [node.count_room(n) for n in needs] == [8, 2, 3, 2]
    assert node.count_room(Resources(gpu=2)) == 0
    assert node.count_room(Resources()) is None


def test_a_driver_that_is_killed_leaves_nothing_on_its_cluster(cluster, tmp_path):
    """SIGKILL in the middle of a shard: workers end, and the cluster stands for the next."""
    code = (
        "from pathlib import Path; from counting_worker import Squarer\n"
        "from synth.compute.engines import open_engine\n"
        "from synth.compute.engines.engine import Resources\n"
        f"worker = Squarer(Path({str(tmp_path)!r}), ((1, 'hang', 9),))\n"
        f"engine = open_engine('ray', {cluster.address!r})\n"
        "engine.run_shards(range(4), worker, 2, lambda *_: None, resources=Resources(cores=1))\n"
    )
    path = os.pathsep.join(p for p in sys.path if p)
    driver = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path})
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not list(tmp_path.glob("shard_1_*")):
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    opened = {int(path.name.split("_")[-1]) for path in tmp_path.glob("opened_*")}
    while time.monotonic() < deadline and any(map(psutil.pid_exists, opened)):
        time.sleep(0.02)
    assert opened
    assert not any(map(psutil.pid_exists, opened))
    done = []
    open_engine("ray", cluster.address).run_shards(
        range(3), Squarer(tmp_path), 3, lambda _, result: done.append(result), resources=ONE_CORE
    )
    assert len(done) == 3


def test_ray_is_loaded_by_nothing_but_a_connection():
    """Neither by the engine's file nor by an engine that was asked for."""
    code = (
        "import sys; from synth.compute.engines import open_engine\n"
        "open_engine('ray', '127.0.0.1:6379'); print('ray' in sys.modules)\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_the_usual_address_is_what_ray_reads(monkeypatch):
    """An address that is given goes first."""
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert find_address(None) == "10.0.0.1:6379"
    assert find_address("10.0.0.2:6379") == "10.0.0.2:6379"
    monkeypatch.delenv("RAY_ADDRESS")
    assert find_address(None) is None
