"""What workers do in benchmarks/cluster.py; in a file of its own, for their processes to find it."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

RESULT_BYTES = 200_000
MOMENT_S = 0.3


class Busy:
    """Keeps a core busy for so many seconds of the wall a shard."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], int]]:
        yield self._work

    def _work(self, shard: int) -> int:
        until = time.perf_counter() + self.seconds
        while time.perf_counter() < until:
            pass
        return shard


class Empty:
    """Gives back what it gets."""

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], int]]:
        yield int


class Bytes:
    """200 kB that follow from the shard's number, after a moment.

    folder: gets a file with the process id of each worker.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], bytes]]:
        (self.folder / str(os.getpid())).touch()
        yield self._make

    def _make(self, shard: int) -> bytes:
        time.sleep(MOMENT_S)
        return random.Random(shard).randbytes(RESULT_BYTES)
