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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Generic, Self

from synth.compute.engines.engine import (
    AHEAD,
    HOPELESS,
    TRIES,
    WAIT_S,
    Engine,
    OpenWorker,
    ProbeRow,
    R,
    Resources,
    S,
)
from synth.compute.engines.interrupt import undisturbed
from synth.compute.engines.local import LocalEngine
from synth.compute.engines.ray_nodes import (
    Node,
    check_address,
    check_nodes,
    find_address,
    find_problems,
    joined,
    list_nodes,
    list_nodes_once,
    load_ray,
    say_cluster,
)
from synth.compute.engines.worker_process import Answer, WorkerProcess
from synth.errors import InputError, SynthError, WorkerLost
from synth.extras import demand

LOSSES = 3
"""How often a shard goes elsewhere because its node was lost, which is no fault of the shard's."""

MOST_BYTES = 2**30
"""Of one result, which waits in the memory of two machines on its way."""

_ROOM_S = 600.0
_CLOSE_S = 15.0


class _NodeLost(WorkerLost):
    """The machine of a worker is gone."""


class _Seat:
    """On a node: holds a worker process. Two of its methods may run at once, so that work can be ended."""

    def __init__(self, path: Sequence[str], open_worker: bytes, folder: str) -> None:
        self._path = [*sys.path, *(entry for entry in path if entry not in sys.path)]
        self._open_worker, self._folder = open_worker, Path(folder)
        self._worker: WorkerProcess | None = None

    def ready(self) -> None:
        """Answers as soon as Ray has found room."""

    def answer(self, shard: bytes) -> bytes:
        """The pickled `Answer` to a pickled shard."""
        if self._worker is None:
            self._worker = WorkerProcess(self._path, self._open_worker, self._folder)
        self._worker.give(shard)
        try:
            answer = self._worker.take()
        except EOFError:
            lost, self._worker = self._worker.end(), None
            return bytes(ForkingPickler.dumps(Answer(error=lost)))
        if len(answer) > MOST_BYTES:
            said = f"a result of {len(answer) / 1e9:.1f} GB is more than comes back from a cluster, "
            said += f"{MOST_BYTES / 1e9:.1f} GB: make smaller pictures, or take --engine local"
            return bytes(ForkingPickler.dumps(Answer(error=InputError(said))))
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
    """A seat as the driver sees it. asked: what it was asked last. shard: what it has in hand."""

    actor: Any
    asked: Any
    is_open: bool = False
    shard: int | None = None


@dataclass
class _Pool(Generic[S, R]):
    shards: Sequence[S]
    open_worker: OpenWorker[S, R]
    options: dict[str, Any]
    workers: list[_Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ray = load_ray()
        self._make = self._ray.remote(_Seat).options(
            max_restarts=0, max_task_retries=0, max_concurrency=2, **self.options
        )
        opener = bytes(ForkingPickler.dumps(self.open_worker))
        self._seat = (sys.path, self._ray.put(opener), str(Path.cwd()))

    def start(self) -> None:
        """Ask for a seat; it has one when its first answer comes."""
        actor = self._make.remote(*self._seat)
        self.workers.append(_Worker(actor, actor.ready.remote()))

    def give(self, worker: _Worker, i_shard: int) -> None:
        """Hand a shard to a worker that has none."""
        worker.shard = i_shard
        worker.asked = worker.actor.answer.remote(bytes(ForkingPickler.dumps(self.shards[i_shard])))

    def wait(self) -> list[_Worker]:
        """The workers that have answered; none when that takes longer than callers like to wait."""
        by_ref = {worker.asked: worker for worker in self.workers if worker.asked is not None}
        ready, others = self._ray.wait(list(by_ref), num_returns=1, timeout=WAIT_S)
        if ready and others:
            ready += self._ray.wait(others, num_returns=len(others), timeout=0)[0]
        return [by_ref[ref] for ref in ready]

    def take(self, worker: _Worker) -> Answer | None:
        """What a worker answered; None where it only says that it is there."""
        ref, worker.asked = worker.asked, None
        try:
            content = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self.workers.remove(worker)
            with suppress(self._ray.exceptions.RayError, ValueError):
                self._ray.kill(worker.actor)
            return Answer(error=_in_words(error, self._ray))
        if not worker.is_open:
            worker.is_open = True
            return None
        answer = ForkingPickler.loads(content)
        assert isinstance(answer, Answer)
        return answer

    def renew(self, worker: _Worker) -> None:
        """Have a worker's seat filled anew, or ask for another in place of one that is gone."""
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
        rooms = [node.count_room(resources) for node in list_nodes_once(at)]
        n = at_most if None in rooms else sum(room or 0 for room in rooms)
        return max(1, min(at_most, n))

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

        Raises InputError where no cluster can be joined or a node of it cannot do the work.
        """
        if not shards:
            return
        n_workers = min(n_workers, len(shards))
        with joined(find_address(self.address), n_workers) as is_own:
            nodes = list_nodes()
            check_nodes(nodes)
            pool: _Pool[S, R] = _Pool(shards, open_worker, _ask(resources, nodes, is_own=is_own))
            try:
                _run(pool, n_workers, on_done, on_retry, on_wait or (lambda: None))
            finally:
                with undisturbed():
                    pool.close(pool.workers)


ENGINE: Engine = RayEngine()


def _run(
    pool: _Pool[S, R],
    n_workers: int,
    on_done: Callable[[S, R], None],
    on_retry: Callable[[S, SynthError], None],
    on_wait: Callable[[], None],
) -> None:
    shards = pool.shards
    todo = deque(range(len(shards)))
    answers: dict[int, Any] = {}
    n_done = 0
    tries, losses = dict.fromkeys(todo, 0), dict.fromkeys(todo, 0)
    room_since = time.monotonic()
    for _ in range(n_workers):
        pool.start()
    while n_done < len(shards):
        for worker in pool.workers:
            is_idle = worker.is_open and worker.shard is None
            if is_idle and todo and todo[0] < n_done + AHEAD * n_workers:
                tries[todo[0]] += 1
                pool.give(worker, todo.popleft())
        ready = pool.wait()
        if not ready:
            on_wait()
        if ready or any(worker.is_open for worker in pool.workers):
            room_since = time.monotonic()
        elif time.monotonic() - room_since > _ROOM_S:
            raise WorkerLost(
                f"for {_ROOM_S / 60:.0f} min the cluster had no room for a worker: wait until the work of "
                "others is done, or start another node; the same command goes on"
            )
        for worker in ready:
            answer = pool.take(worker)
            i_shard, worker.shard = worker.shard, None
            if answer is None:
                continue
            if i_shard is None:  # Lost before it had any.
                assert answer.error is not None
                if not isinstance(answer.error, _NodeLost):
                    raise answer.error
                pool.start()
            elif answer.error is None:
                answers[i_shard] = answer.result
            else:
                if isinstance(answer.error, _NodeLost) and losses[i_shard] < LOSSES:
                    losses[i_shard] += 1
                    tries[i_shard] -= 1
                elif isinstance(answer.error, HOPELESS) or tries[i_shard] >= TRIES:
                    raise answer.error
                on_retry(shards[i_shard], answer.error)
                todo.appendleft(i_shard)
                pool.renew(worker)
        while n_done in answers:
            on_done(shards[n_done], answers.pop(n_done))
            n_done += 1


def _ask(needs: Resources, nodes: Sequence[Node], *, is_own: bool) -> dict[str, Any]:
    """What Ray is asked for: a worker's needs, or all that the largest node has where that is less.

    Of a cluster of this machine's own, which was counted before, only the GPU.
    """
    if needs.gpu and not any(node.gpus for node in nodes):
        raise InputError("no node of the cluster has a GPU: take --device cpu, or start a node that has one")
    gpu = {"num_gpus": needs.gpu} if needs.gpu else {}
    if is_own:
        return {"num_cpus": 0, **gpu}
    if not any(node.count_room(needs) != 0 for node in nodes):
        largest = max(nodes, key=lambda node: (node.gpus > 0) >= (needs.gpu > 0) and node.cores)
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
        return _NodeLost("the node of a worker cannot be reached")
    if "node has died" in said or "node was dead" in said or isinstance(error, ray.exceptions.NodeDiedError):
        return _NodeLost("the node of a worker is gone")
    if isinstance(error, ray.exceptions.RayTaskError):
        return WorkerLost(f"a worker failed: {error.cause!r:.300}")
    return WorkerLost("a worker of the cluster ended in the middle of its work, perhaps killed")
