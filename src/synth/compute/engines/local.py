"""Shards of work over processes of this machine."""

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Generic

from synth.compute.cores import count_cores, thread_defaults
from synth.compute.engines.engine import HOPELESS, Engine, OpenWorker, R, Resources, S
from synth.errors import SynthError, WorkerLost

TRIES = 2
"""How often a shard is begun; the second time in a fresh worker."""

AHEAD = 2
"""Shards a worker may be ahead of the oldest that is not done, so that few results wait in memory."""

_CLOSE_S = 10.0
_WAIT_S = 1.0


@dataclass(frozen=True)
class _Answer:
    """What a worker sends back for one shard: a result, or what went wrong."""

    result: Any = None
    error: SynthError | None = None


@dataclass
class _Worker:
    """A child process and the shard that it has in hand."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    shard: int | None = None


@dataclass
class _Pool(Generic[S, R]):
    shards: Sequence[S]
    open_worker: OpenWorker[S, R]
    workers: list[_Worker] = field(default_factory=list)

    def start(self) -> _Worker:
        """A fresh process that opens the worker and waits for shards."""
        ours, theirs = Pipe()
        ends = [str(theirs.fileno()), str(os.getpid())]
        command = [sys.executable, "-m", "synth.compute.engines.local_process", *ends]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **thread_defaults(os.environ)},
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()
        worker = _Worker(process, ours)
        self.workers.append(worker)
        with suppress(OSError):  # A process that died at once is seen when its answer is read.
            ours.send(sys.path)
            ours.send(self.open_worker)
        return worker

    def give(self, worker: _Worker, i_shard: int) -> None:
        """Hand a shard to a worker that has none."""
        worker.shard = i_shard
        with suppress(OSError):
            worker.pipe.send(self.shards[i_shard])

    def take(self, worker: _Worker) -> _Answer:
        """The answer of a worker that has one, or that has ended."""
        try:
            answer = worker.pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            code = self.end(worker)
            return _Answer(error=WorkerLost(f"a worker process ended with {_in_words(code)}"))
        assert isinstance(answer, _Answer)
        return answer

    def end(self, worker: _Worker) -> int:
        """Let a worker close what it opened, or kill it; returns its exit code."""
        self.workers.remove(worker)
        worker.pipe.close()
        try:
            return worker.process.wait(_CLOSE_S)
        except BaseException as error:
            worker.process.kill()
            code = worker.process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return code

    def close(self) -> None:
        """End every worker: those at work at once, those without work when they have closed up."""
        for worker in self.workers:
            if worker.shard is not None:
                worker.process.terminate()
        while self.workers:
            self.end(self.workers[-1])


class LocalEngine:
    """Workers are child processes of this one; should it be killed, they end too."""

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
                    if worker.shard is None and todo and todo[0] < n_done + AHEAD * n_workers:
                        tries[todo[0]] += 1
                        pool.give(worker, todo.popleft())
                for worker in _with_answers(pool.workers, on_wait):
                    i_shard, worker.shard = worker.shard, None
                    assert i_shard is not None
                    answer = pool.take(worker)
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
            with _undisturbed():
                pool.close()


ENGINE: Engine = LocalEngine()


def _count_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _with_answers(workers: Sequence[_Worker], on_wait: Callable[[], None] | None) -> list[_Worker]:
    busy = {worker.pipe: worker for worker in workers if worker.shard is not None}
    while not (ready := wait(list(busy), None if on_wait is None else _WAIT_S)):
        assert on_wait is not None
        on_wait()
    return [busy[pipe] for pipe in ready if isinstance(pipe, Connection)]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keeps a second Ctrl-C from leaving children behind."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # Only the main thread may; no other is interrupted.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
