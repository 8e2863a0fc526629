"""A loop over samples that a network takes one by one: in this process, or over the workers of an engine."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Generic, Self

from synth.compute.engines import open_engine
from synth.compute.engines.engine import Handler, OpenWorker, R, Resources, S
from synth.compute.progress import Progress
from synth.errors import InputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Spread:
    """Where such a loop runs. engine: by name; None for this process. address: of a cluster, for an engine
    that knows any. n_workers: None for as many as there is room for.

    Raises InputError for an engine that is not there, and for what is said of one without naming it.
    """

    engine: str | None = None
    address: str | None = None
    n_workers: int | None = None

    def __post_init__(self) -> None:
        if self.engine is not None:
            open_engine(self.engine, self.address)
        elif self.address is not None:
            raise InputError(f"--address {self.address} says where a cluster is: give --engine ray too")
        elif self.n_workers is not None:
            raise InputError("--workers are of an engine: name one with --engine")
        if self.n_workers is not None and self.n_workers < 1:
            raise InputError(f"--workers must be 1 or more, got {self.n_workers}")

    @property
    def lends_gpus(self) -> bool:
        """See `Engine`; False for this process."""
        return self.engine is not None and open_engine(self.engine).lends_gpus

    def run(
        self,
        shards: Sequence[S],
        make: Callable[[S], R],
        hire: Callable[[str], OpenWorker[S, R]],
        on_done: Callable[[S, R], None],
        device: "torch.device",
        progress: Progress,
    ) -> None:
        """Call ``on_done`` for every shard in order, with what ``make`` gives here, or a worker elsewhere.

        hire: gives what is opened for a worker; called with the device as it is called where that works.
        Workers have as many threads as this process, since the last bits depend on it. On a GPU each has one
        to itself. Raises what `Engine.run_shards` raises.
        """
        if self.engine is None:
            for shard in shards:
                on_done(shard, make(shard))
            return
        import torch

        n_threads = torch.get_num_threads()
        is_on_cpu = device.type == "cpu"
        self.share(
            shards,
            _WithThreads(hire(device.type if self.lends_gpus else str(device)), n_threads),
            on_done,
            Resources(cores=n_threads) if is_on_cpu else Resources(cores=1, gpu=1),
            progress.say,
            at_most=len(shards) if is_on_cpu or self.lends_gpus else 1,
        )

    def share(
        self,
        shards: Sequence[S],
        open_worker: OpenWorker[S, R],
        on_done: Callable[[S, R], None],
        needs: Resources,
        say: Callable[[str], None],
        *,
        at_most: int | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        """Call ``on_done`` for every shard in order, with what a worker gives. at_most: workers; None for any
        number. on_wait: see `Engine.run_shards`. Raises what `Engine.run_shards` raises.
        """
        assert self.engine is not None
        engine = open_engine(self.engine, self.address)
        most = len(shards) if at_most is None else at_most
        engine.run_shards(
            shards,
            open_worker,
            engine.count_workers(needs, most, self.n_workers),
            on_done,
            resources=needs,
            on_retry=lambda _, error: say(f"one is made again: {error}"),
            on_wait=on_wait,
        )

    def sharer(
        self, open_worker: OpenWorker[S, R], needs: Resources, say: Callable[[str], None]
    ) -> Callable[[Sequence[S], Callable[[S, R], None]], None] | None:
        """`share`, for who knows no engines: called with shards and ``on_done``; None for this process."""
        if self.engine is None:
            return None
        return lambda shards, on_done: self.share(shards, open_worker, on_done, needs, say)


HERE = Spread()
"""In this process."""


@dataclass(frozen=True, eq=False)
class Carried:
    """A file that goes to workers by its content, so that all have the same one, wherever they are."""

    name: str
    content: bytes

    @classmethod
    def of(cls, path: Path) -> Self:
        """A file as it is."""
        return cls(path.name, path.read_bytes())

    @classmethod
    def by(cls, save: Callable[[Path], object]) -> Self:
        """What is saved to the path that ``save`` is called with."""
        with TemporaryDirectory(prefix="synth_") as folder:
            save(path := Path(folder) / "network.safetensors")
            return cls.of(path)

    @contextmanager
    def laid_down(self) -> Iterator[Path]:
        """The file, while it is needed."""
        with TemporaryDirectory(prefix="synth_") as folder:
            path = Path(folder) / self.name
            path.write_bytes(self.content)
            yield path


@dataclass(frozen=True)
class _WithThreads(Generic[S, R]):
    """A worker whose torch has so many threads."""

    open_worker: OpenWorker[S, R]
    n_threads: int

    def __call__(self) -> AbstractContextManager[Handler[S, R]]:
        import torch

        torch.set_num_threads(self.n_threads)
        return self.open_worker()
