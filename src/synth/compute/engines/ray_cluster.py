"""Shards of work over the machines of a Ray cluster.

::

    run_shards ─► an actor a worker, where Ray finds room ─► a child process there, as the local engine's
               ◄─ answers, pickled, by the object store

An actor is a seat: it holds the worker process, hands shards to it, and ends it. Actors belong to the
driver's job and are never detached, so that they end with it. Ray retries nothing; what is tried again is
decided here.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Self

from synth.compute.engines.engine import Engine, OpenWorker, ProbeRow, R, Resources, S
from synth.compute.engines.interrupt import undisturbed
from synth.compute.engines.local import LocalEngine
from synth.compute.engines.ray_nodes import (
    Mark,
    Node,
    Sight,
    check_address,
    find_address,
    find_problems,
    joined,
    list_nodes,
    list_nodes_once,
    load_ray,
    look,
    say_cluster,
    say_unable,
)
from synth.compute.engines.shard_loop import WAIT_S, MachineLost, run_loop
from synth.compute.engines.worker_process import Answer, WorkerProcess, pack, unpack
from synth.errors import InputError, SynthError, WorkerLost
from synth.extras import demand

MOST_BYTES = 2**30
"""Of one result, which waits in the memory of two machines on its way."""

_ROOM_S = 600.0
_CLOSE_S = 15.0
_GATHER_S = 10.0


class _Seat:
    """On a node: holds a worker process. Two of its methods may run at once, so that work can be ended."""

    def __init__(self, path: Sequence[str], open_worker: bytes, folder: str) -> None:
        self._path = [*sys.path, *(entry for entry in path if entry not in sys.path)]
        self._open_worker, self._folder = open_worker, Path(folder)
        self._worker: WorkerProcess | None = None

    def ready(self) -> None:
        """Answers as soon as Ray has found room."""

    def look(self, mark: str) -> Sight:
        """What the machine says of itself."""
        return look(mark)

    def answer(self, shard: bytes) -> bytes:
        """The pickled `Answer` to a pickled shard."""
        if self._worker is None:
            self._worker = WorkerProcess(self._path, self._open_worker, self._folder)
        self._worker.give(shard)
        try:
            answer = self._worker.take()
        except EOFError:
            lost, self._worker = self._worker.end(), None
            return pack(Answer(error=lost))
        if len(answer) > MOST_BYTES:
            said = f"a result of {len(answer) / 1e9:.1f} GB is more than comes back from a cluster, "
            said += f"{MOST_BYTES / 1e9:.1f} GB: make smaller pictures, or take --engine local"
            return pack(Answer(error=InputError(said)))
        return answer

    def end(self, at_work: bool) -> None:
        """End the worker process: in the middle of a shard, or when it has closed up."""
        if self._worker is not None:
            if at_work:
                self._worker.terminate()
            self._worker.end()
            self._worker = None


@dataclass(eq=False)
class _Worker:
    """A seat as the driver sees it. asked: what it was asked last. is_there: Ray has found room for it.
    is_open: its machine can do the work. shard: what it has in hand.
    """

    actor: Any
    asked: Any
    is_there: bool = False
    is_open: bool = False
    shard: int | None = None


@dataclass
class _Pool(Generic[S, R]):
    shards: Sequence[S]
    open_worker: OpenWorker[S, R]
    options: dict[str, Any]
    n_first: int
    workers: list[_Worker] = field(default_factory=list)
    room_since: float = field(default_factory=time.monotonic)
    gathers_until: float = 0.0
    mark: Mark = field(default_factory=Mark)

    def __post_init__(self) -> None:
        self._ray = load_ray()
        self._make = self._ray.remote(_Seat).options(
            max_restarts=0, max_task_retries=0, max_concurrency=2, **self.options
        )
        opener = pack(self.open_worker)
        self._seat = (sys.path, self._ray.put(opener), str(Path.cwd()))

    def start(self) -> None:
        """Ask for a seat; there is one when its first answer comes."""
        actor = self._make.remote(*self._seat)
        self.workers.append(_Worker(actor, actor.ready.remote()))

    def list_idle(self) -> list[_Worker]:
        """See `Pool`. At first nobody, until as many are open as there is room for, so that a machine that
        cannot do the work is met before any is done; for ten seconds at most, since others may have the room.
        """
        opened = [worker for worker in self.workers if worker.is_open]
        if opened and not self.gathers_until:
            self.gathers_until = time.monotonic() + _GATHER_S
        if len(opened) < self.n_first and time.monotonic() < self.gathers_until:
            return []
        if opened:
            self.n_first = 0
        return [worker for worker in opened if worker.shard is None]

    def give(self, worker: _Worker, i_shard: int) -> None:
        """See `Pool`."""
        worker.shard = i_shard
        worker.asked = worker.actor.answer.remote(pack(self.shards[i_shard]))

    def take(self) -> list[tuple[_Worker, int, Answer]]:
        """See `Pool`. Raises WorkerLost where a worker cannot begin, or nothing has room for too long."""
        answered = []
        for worker in self._wait():
            answer, i_shard = self._read(worker), worker.shard
            worker.shard = None
            if answer is None:
                continue
            if i_shard is not None:
                answered.append((worker, i_shard, answer))
            elif isinstance(answer.error, MachineLost):
                self.start()
            else:
                assert answer.error is not None
                raise answer.error
        return answered

    def _wait(self) -> list[_Worker]:
        by_ref = {worker.asked: worker for worker in self.workers if worker.asked is not None}
        ready, others = self._ray.wait(list(by_ref), num_returns=1, timeout=WAIT_S)
        if ready and others:
            ready += self._ray.wait(others, num_returns=len(others), timeout=0)[0]
        if ready or any(worker.is_there for worker in self.workers):
            self.room_since = time.monotonic()
        elif time.monotonic() - self.room_since > _ROOM_S:
            raise WorkerLost(
                f"for {_ROOM_S / 60:.0f} min the cluster had no room for a worker: wait until the work of "
                "others is done, or start another node; the same command goes on"
            )
        return [by_ref[ref] for ref in ready]

    def _read(self, worker: _Worker) -> Answer | None:
        """What a worker answered to a shard; None where it was asked for itself."""
        ref, worker.asked = worker.asked, None
        try:
            content = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self.workers.remove(worker)
            with suppress(self._ray.exceptions.RayError, ValueError):
                self._ray.kill(worker.actor)
            if not worker.is_there and "creation task" in str(error):
                return Answer(error=InputError(f"a node {say_unable(error)}"))
            return Answer(error=_in_words(error, self._ray))
        if not worker.is_there:
            worker.is_there = True
            worker.asked = worker.actor.look.remote(self.mark.lay())
            return None
        if not worker.is_open:
            if (problem := content.find_problem()) is not None:
                return Answer(error=InputError(f"node {content.name} ({content.address}) {problem}"))
            worker.is_open = True
            if all(other.is_open for other in self.workers if other.is_there):
                self.mark.lift()
            return None
        answer = unpack(content)
        assert isinstance(answer, Answer)
        return answer

    def renew(self, worker: _Worker) -> None:
        """See `Pool`."""
        if worker in self.workers:
            self.close([worker])
        self.start()

    def close(self, workers: Sequence[_Worker]) -> None:
        """End these and wait until they have."""
        ending = [worker.actor.end.remote(worker.shard is not None) for worker in workers if worker.is_open]
        if ending:
            self._ray.wait(ending, num_returns=len(ending), timeout=_CLOSE_S)
        for worker in workers:
            self._ray.kill(worker.actor)
        self.workers = [worker for worker in self.workers if worker not in workers]
        if not self.workers:
            self.mark.lift()


@dataclass(frozen=True)
class RayEngine:
    """Workers are where a cluster has room. address: of a cluster that stands; None for RAY_ADDRESS, and
    without that one for a cluster of this machine alone that ends with the call.
    """

    address: str | None = None

    lends_gpus = True

    def at(self, address: str | None) -> Self:
        """The engine on the cluster at ``HOST:PORT``."""
        demand("cluster")
        if address is not None:
            check_address(address)
        return replace(self, address=address)

    def probe(self, address: str | None) -> Iterator[ProbeRow]:
        """The cluster and each of its nodes that cannot do the work."""
        if (at := find_address(address)) is None:
            return
        with joined(at, 1):
            nodes = list_nodes()
            versions = f"ray {load_ray().__version__}"
            yield "Cluster", f"{at}: {say_cluster(nodes)}, {versions}", "ok", ""
            for node, problem in find_problems(nodes):
                yield f"Node {node.name}", node.address, "bad", problem

    def count_workers(self, resources: Resources, at_most: int, asked: int | None = None) -> int:
        """As many as the nodes have room for."""
        if asked is not None:
            return asked
        if (at := find_address(self.address)) is None:
            return LocalEngine().count_workers(resources, at_most)
        return _count_room(list_nodes_once(at), resources, at_most)

    def count_threads(self, n_workers: int) -> int:
        """The cores of the nodes, shared out; at most all of one."""
        if (at := find_address(self.address)) is None:
            return LocalEngine().count_threads(n_workers)
        cores = [node.cores for node in list_nodes_once(at)]
        return max(1, min(sum(cores) // n_workers, max(cores, default=1)))

    def run_shards(
        self,
        shards: Sequence[S],
        open_worker: OpenWorker[S, R],
        n_workers: int,
        on_done: Callable[[S, R], None],
        *,
        resources: Resources,
        on_retry: Callable[[S, SynthError], None] = lambda _shard, _error: None,
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        """See `Engine.run_shards`. A shard whose node is lost goes elsewhere, which is none of its tries.

        Raises InputError where no cluster can be joined, or where a node cannot do the work.
        """
        if not shards:
            return
        n_workers = min(n_workers, len(shards))
        with joined(find_address(self.address), n_workers) as is_own:
            nodes = list_nodes()
            n_first = n_workers if is_own else _count_room(nodes, resources, n_workers)
            pool: _Pool[S, R] = _Pool(shards, open_worker, _ask(resources, nodes, is_own=is_own), n_first)
            try:
                run_loop(pool, shards, n_workers, on_done, on_retry, on_wait or (lambda: None))
            finally:
                with undisturbed():
                    pool.close(pool.workers)


ENGINE: Engine = RayEngine()


def _count_room(nodes: Sequence[Node], needs: Resources, at_most: int) -> int:
    """How many workers of such needs fit on all nodes; one at least."""
    rooms = [node.count_room(needs) for node in nodes]
    n = at_most if None in rooms else sum(room or 0 for room in rooms)
    return max(1, min(at_most, n))


def _ask(needs: Resources, nodes: Sequence[Node], *, is_own: bool) -> dict[str, Any]:
    """What Ray is asked for: a worker's needs, or all that the largest node has where that is less.

    Of a cluster of this machine's own, which was counted before, only the GPU.
    """
    if needs.gpu and not any(node.gpus for node in nodes):
        raise InputError("no node of the cluster has a GPU: take --device cpu, or start a node that has one")
    if needs.gpu > (most := max(node.gpus for node in nodes)):
        raise InputError(
            f"{needs.gpu:g} GPUs of one node are asked for, and the most that any has is {most}: take "
            f"--devices {most}, or start a node that has more"
        )
    gpu = {"num_gpus": needs.gpu} if needs.gpu else {}
    if is_own:
        return {"num_cpus": 0, **gpu}
    if not any(node.count_room(needs) != 0 for node in nodes):
        largest = max(nodes, key=lambda node: node.gpus >= needs.gpu and node.cores)
        needs = replace(
            needs,
            cores=min(needs.cores, largest.cores),
            memory_gb=min(needs.memory_gb, largest.memory_gb),
        )
    return {"num_cpus": needs.cores, "memory": int(needs.memory_gb * 1e9), **gpu}


def _in_words(error: Exception, ray: Any) -> WorkerLost:
    """What happened to a worker of which Ray says that it cannot answer."""
    said = str(error)
    if isinstance(error, ray.exceptions.OutOfMemoryError) or "low on memory" in said:
        return WorkerLost(
            "a worker was ended by Ray, since its node ran out of memory: ask for fewer workers a node, or "
            "take nodes with more"
        )
    if isinstance(error, ray.exceptions.ActorUnavailableError | ray.exceptions.ObjectLostError):
        return MachineLost("the node of a worker cannot be reached")
    if "node has died" in said or "node was dead" in said or isinstance(error, ray.exceptions.NodeDiedError):
        return MachineLost("the node of a worker is gone")
    if isinstance(error, ray.exceptions.RayTaskError):
        return WorkerLost(f"a worker failed: {error.cause!r:.300}")
    return WorkerLost("a worker of the cluster ended in the middle of its work, perhaps killed")
