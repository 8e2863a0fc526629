"""What an engine is: workers side by side make results of shards, handed over in the shards' order.

A worker is anything that can be pickled, opened once and called once a shard. What it needs is asked for, and
the engine says how many fit; where they run is the engine's own affair.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar

from synth.errors import InputError, StorageError, SynthError, TrainingDiverged

S = TypeVar("S")
R = TypeVar("R")
Handler = Callable[[S], R]
OpenWorker = Callable[[], AbstractContextManager[Handler[S, R]]]

ProbeRow = tuple[str, str, Literal["ok", "note", "bad"], str]
"""A part, what is found, a verdict on it, and advice."""

HOPELESS = (InputError, StorageError, TrainingDiverged)
"""What another try could not mend: it would meet the same, or draw the same."""


@dataclass(frozen=True)
class Resources:
    """What one worker needs. gpu: a share of one, or several of one machine. 0: not counted."""

    cores: int = 0
    memory_gb: float = 0.0
    gpu: float = 0.0

    def count_on(self, n_gpus: int) -> int:
        """How many such workers the GPUs of one machine have room for; gpu is above 0."""
        return n_gpus * int(1 / self.gpu + 1e-9) if self.gpu < 1 else int(n_gpus / self.gpu)


class Engine(Protocol):
    """Runs shards of work over workers.

    lends_gpus: whether a worker sees the GPU that it was given and no other, as the first.
    """

    lends_gpus: bool

    def at(self, address: str | None) -> Self:
        """The same engine on the cluster at ``HOST:PORT``, the usual one for None. Connects to nothing.

        Raises InputError for an engine that knows no clusters, for an address that cannot be used, and where
        an extra is missing.
        """

    def probe(self, address: str | None) -> Iterator[ProbeRow]:
        """What `synth doctor` says of the cluster there, or of the usual one if there is one. Runs no
        shards.
        """

    def count_workers(self, resources: Resources, at_most: int, asked: int | None = None) -> int:
        """How many workers of such needs have room side by side, one at least.

        at_most: more than that would be idle, or in one another's way. asked: counts as it is unless None.
        """

    def count_threads(self, n_workers: int) -> int | None:
        """How many threads each of ``n_workers`` workers may use; None for as many as there are cores."""

    def run_shards(
        self,
        shards: Sequence[S],
        open_worker: OpenWorker[S, R],
        n_workers: int,
        on_done: Callable[[S, R], None],
        *,
        resources: Resources,
        on_retry: Callable[[S, SynthError], None] = ...,
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        """Work on every shard in ``n_workers`` workers; call ``on_done`` here, in the shards' order.

        open_worker: opened once a worker; what it gives is called with a shard at a time and returns a
        result. It, the shards and the results can be pickled. resources: what one worker needs, for an engine
        that has to ask for it elsewhere; ``n_workers`` was counted with the same. on_retry: called before a
        shard is tried again. on_wait: called every second or so while shards are worked on.

        A shard whose worker raises or dies is tried once more in a fresh worker; the second time its error is
        raised, and so is what is HOPELESS the first time. What is no SynthError is raised as WorkerLost.
        Whatever ends this call, every worker has ended with it.
        """
