"""A worker for tests: squares numbers, and fails where it is told to, as often as it is told to."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

from synth.errors import InputError, TrainingDiverged


@dataclass(frozen=True)
class Squarer:
    """fails: what happens at a shard (``kill``, ``raise``, ``input``, ``diverge``, ``hang``) and how often.

    folder: leaves a file with its process id for each worker opened and closed, and for each shard begun.
    """

    folder: Path
    fails: tuple[tuple[int, str, int], ...] = ()
    slow_first: bool = False

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], tuple[int, int]]]:
        (self.folder / f"opened_{os.getpid()}").touch()
        try:
            yield self._square
        finally:
            (self.folder / f"closed_{os.getpid()}").touch()

    def _square(self, number: int) -> tuple[int, int]:
        n_before = len(list(self.folder.glob(f"shard_{number}_*")))
        (self.folder / f"shard_{number}_{n_before}_{os.getpid()}").touch()
        if self.slow_first and number % 2 == 0:
            time.sleep(0.1)
        for at, how, times in self.fails:
            if at == number and n_before < times:
                _fail(how)
        return number, number * number


def _fail(how: str) -> None:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "raise":
        raise ZeroDivisionError("a bug")
    elif how == "input":
        raise InputError("the cell is wrong")
    elif how == "diverge":
        raise TrainingDiverged(7, {"loss/square": inf})
    time.sleep(60)


class StartsChild:
    """Starts ``sleep``, sends it SIGINT and answers with its exit code."""

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], int]]:
        yield self._start

    def _start(self, _shard: int) -> int:
        child = subprocess.Popen(["sleep", "5"])
        child.send_signal(signal.SIGINT)
        return child.wait()
