"""Shards of work over processes of this machine."""

import os
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, Generic, Self

from synth.compute.cores import count_cores
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
from synth.compute.engines.worker_process import Answer, WorkerProcess
from synth.errors import InputError, SynthError, WorkerLost


@dataclass
class _Pool(Generic[S, R]):
    shards: Sequence[S]
    open_worker: OpenWorker[S, R]
    workers: list[WorkerProcess] = field(default_factory=list)
    in_hand: dict[WorkerProcess, int] = field(default_factory=dict)

    def start(self) -> None:
        """A fresh process that opens the worker and waits for shards."""
        worker = WorkerProcess(sys.path, ForkingPickler.dumps(self.open_worker))
        self.workers.append(worker)

    def give(self, worker: WorkerProcess, i_shard: int) -> None:
        """Hand a shard to a worker that has none."""
        self.in_hand[worker] = i_shard
        worker.give(ForkingPickler.dumps(self.shards[i_shard]))

    def take(self, worker: WorkerProcess) -> tuple[int, Answer]:
        """The shard that a worker had, and the answer; for one that has answered, or has ended."""
        i_shard = self.in_hand.pop(worker)
        try:
            answer = ForkingPickler.loads(worker.take())
        except (EOFError, pickle.UnpicklingError):
            return i_shard, Answer(error=self.end(worker))
        assert isinstance(answer, Answer)
        return i_shard, answer

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
            room.append(_count_gpus() * int(1 / resources.gpu))
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
        todo = deque(range(len(shards)))
        answers: dict[int, Any] = {}
        n_done = 0
        tries = dict.fromkeys(todo, 0)
        pool: _Pool[S, R] = _Pool(shards, open_worker)
        try:
            for _ in range(min(n_workers, len(shards))):
                pool.start()
            while n_done < len(shards):
                for worker in pool.workers:
                    if worker not in pool.in_hand and todo and todo[0] < n_done + AHEAD * n_workers:
                        tries[todo[0]] += 1
                        pool.give(worker, todo.popleft())
                for worker in _with_answers(list(pool.in_hand), on_wait):
                    i_shard, answer = pool.take(worker)
                    if answer.error is None:
                        answers[i_shard] = answer.result
                        continue
                    if isinstance(answer.error, HOPELESS) or tries[i_shard] == TRIES:
                        raise answer.error
                    on_retry(shards[i_shard], answer.error)
                    if worker in pool.workers:
                        pool.end(worker)
                    todo.appendleft(i_shard)
                    pool.start()
                while n_done in answers:
                    on_done(shards[n_done], answers.pop(n_done))
                    n_done += 1
        finally:
            with undisturbed():
                pool.close()


ENGINE: Engine = LocalEngine()


def _count_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _with_answers(busy: Sequence[WorkerProcess], on_wait: Callable[[], None] | None) -> list[WorkerProcess]:
    by_pipe = {worker.pipe: worker for worker in busy}
    while not (ready := wait(list(by_pipe), None if on_wait is None else WAIT_S)):
        assert on_wait is not None
        on_wait()
    return [by_pipe[pipe] for pipe in ready if isinstance(pipe, Connection)]
