"""The loop that all engines run: who has which shard, what is tried again, and results in order."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from synth.compute.engines.engine import HOPELESS, R, S
from synth.compute.engines.worker_process import Answer
from synth.errors import SynthError, WorkerLost

TRIES = 2
"""How often a shard is begun; the second time in a fresh worker."""

MOVES = 3
"""How often a shard goes elsewhere because its machine was lost, which is no fault of the shard's."""

AHEAD = 2
"""Shards a worker may be ahead of the oldest that is not done, so that few results wait in memory."""

WAIT_S = 1.0
"""How often a caller that waits is told so."""

W = TypeVar("W")


class MachineLost(WorkerLost):
    """The machine of a worker is gone."""


class Pool(Protocol[W]):
    """Workers of one engine, and which shard each has in hand."""

    def start(self) -> None:
        """Ask for another worker."""

    def list_idle(self) -> Sequence[W]:
        """Those that are there and have no shard."""

    def give(self, worker: W, i_shard: int) -> None:
        """Hand a shard to a worker that has none."""

    def take(self) -> Sequence[tuple[W, int, Answer]]:
        """The workers that have answered, each with its shard, which it has no more; none when that takes
        longer than WAIT_S.
        """

    def renew(self, worker: W) -> None:
        """Have a fresh worker in place of one, which may have ended."""


def run_loop(
    pool: Pool[Any],
    shards: Sequence[S],
    n_workers: int,
    on_done: Callable[[S, R], None],
    on_retry: Callable[[S, SynthError], None],
    on_wait: Callable[[], None],
) -> None:
    """Work on every shard; see `Engine.run_shards`. The workers are still there afterwards."""
    todo = deque(range(len(shards)))
    answers: dict[int, Any] = {}
    n_done = 0
    tries, moves = Counter[int](), Counter[int]()
    for _ in range(n_workers):
        pool.start()
    while n_done < len(shards):
        for worker in pool.list_idle():
            if todo and todo[0] < n_done + AHEAD * n_workers:
                tries[todo[0]] += 1
                pool.give(worker, todo.popleft())
        answered = pool.take()
        if not answered:
            on_wait()
        for worker, i_shard, answer in answered:
            if answer.error is None:
                answers[i_shard] = answer.result
                continue
            if isinstance(answer.error, MachineLost) and moves[i_shard] < MOVES:
                moves[i_shard] += 1
                tries[i_shard] -= 1
            elif isinstance(answer.error, HOPELESS) or tries[i_shard] >= TRIES:
                raise answer.error
            on_retry(shards[i_shard], answer.error)
            todo.appendleft(i_shard)
            pool.renew(worker)
        while n_done in answers:
            on_done(shards[n_done], answers.pop(n_done))
            n_done += 1
