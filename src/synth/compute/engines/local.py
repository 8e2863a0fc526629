"""Shards of work over processes of this machine."""

import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Generic, Self

from synth.compute.cores import count_cores
from synth.compute.engines.engine import Engine, OpenWorker, ProbeRow, R, Resources, S
from synth.compute.engines.interrupt import undisturbed
from synth.compute.engines.shard_loop import WAIT_S, run_loop
from synth.compute.engines.worker_process import Answer, WorkerProcess, pack, unpack
from synth.errors import InputError, SynthError, WorkerLost


@dataclass
class _Pool(Generic[S, R]):
    shards: Sequence[S]
    open_worker: OpenWorker[S, R]
    workers: list[WorkerProcess] = field(default_factory=list)
    in_hand: dict[WorkerProcess, int] = field(default_factory=dict)

    def start(self) -> None:
        """A fresh process that opens the worker and waits for shards."""
        worker = WorkerProcess(sys.path, pack(self.open_worker))
        self.workers.append(worker)

    def list_idle(self) -> list[WorkerProcess]:
        """See `Pool`."""
        return [worker for worker in self.workers if worker not in self.in_hand]

    def give(self, worker: WorkerProcess, i_shard: int) -> None:
        """See `Pool`."""
        self.in_hand[worker] = i_shard
        worker.give(pack(self.shards[i_shard]))

    def take(self) -> list[tuple[WorkerProcess, int, Answer]]:
        """See `Pool`."""
        by_pipe = {worker.pipe: worker for worker in self.in_hand}
        ready = [by_pipe[pipe] for pipe in wait(list(by_pipe), WAIT_S) if isinstance(pipe, Connection)]
        return [(worker, self.in_hand.pop(worker), self._read(worker)) for worker in ready]

    def _read(self, worker: WorkerProcess) -> Answer:
        try:
            answer = unpack(worker.take())
        except (EOFError, pickle.UnpicklingError):
            return Answer(error=self.end(worker))
        assert isinstance(answer, Answer)
        return answer

    def renew(self, worker: WorkerProcess) -> None:
        """See `Pool`."""
        if worker in self.workers:
            self.end(worker)
        self.start()

    def end(self, worker: WorkerProcess) -> WorkerLost:
        """Let a worker close what it opened, or kill it."""
        self.workers.remove(worker)
        return worker.end()

    def close(self) -> None:
        """End every worker: those at work at once, those without work when they have closed up."""
        for worker in self.in_hand:
            worker.terminate()
        while self.workers:
            self.end(self.workers[-1])


class LocalEngine:
    """Workers are child processes of this one; should it be killed, they end too."""

    lends_gpus = False

    def at(self, address: str | None) -> Self:
        """Nowhere else than here."""
        if address is None:
            return self
        raise InputError(
            f"--address {address} says where a cluster is, and --engine local stays on this machine: leave "
            "it out, or give --engine ray"
        )

    def probe(self, address: str | None) -> Iterator[ProbeRow]:
        """Nothing: this machine is looked at by itself."""
        yield from ()

    def count_workers(self, resources: Resources, at_most: int, asked: int | None = None) -> int:
        """As many as cores, memory and GPUs of this machine have room for."""
        if asked is not None:
            return asked
        room = [at_most]
        if resources.cores:
            room.append(count_cores() // resources.cores)
        if resources.memory_gb:
            memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
            room.append(int(memory_gb / resources.memory_gb))
        if resources.gpu:
            room.append(resources.count_on(_count_gpus()))
        return max(1, min(room))

    def count_threads(self, n_workers: int) -> int:
        """The cores, shared out."""
        return max(1, count_cores() // n_workers)

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
        """See `Engine.run_shards`; what workers need is here already, so nobody is asked for it."""
        pool: _Pool[S, R] = _Pool(shards, open_worker)
        try:
            n_workers = min(n_workers, len(shards))
            run_loop(pool, shards, n_workers, on_done, on_retry, on_wait or (lambda: None))
        finally:
            with undisturbed():
                pool.close()


ENGINE: Engine = LocalEngine()


def _count_gpus() -> int:
    import torch

    return torch.cuda.device_count()
