"""Work without children: shards are done here, and Blender, which takes seconds to start, stays for the next
test.
"""

import itertools
from pathlib import Path

import pytest

from in_process_engine import InProcessEngine
from synth.compute.engines import DEFAULT_ENGINE, ENGINES
from synth.sim.blender_worker import MakeCommand, Worker

_idle: dict[tuple[str, ...], list["WarmWorker"]] = {}
_MOST_IDLE = 2  # A rendering has two at a time: one settles or measures, the other draws.


class WarmWorker(Worker):
    """A worker that, let go, waits until one with the same command and threads is wanted."""

    def __init__(self, make: MakeCommand, n_threads: int) -> None:
        self._key = (*make(Path()), str(n_threads))
        super().__init__(make, n_threads)

    def end(self, *, at_once: bool = False) -> None:
        alike = _idle.setdefault(self._key, [])
        if at_once or self._process.poll() is not None or len(alike) == _MOST_IDLE:
            super().end(at_once=at_once)
        else:
            alike.append(self)


def take(make: MakeCommand, n_threads: int) -> Worker:
    """A worker that waits, or a new one."""
    alike = _idle.get((*make(Path()), str(n_threads)))
    return alike.pop() if alike else WarmWorker(make, n_threads)


def end_all() -> None:
    """Leave none behind."""
    for worker in itertools.chain.from_iterable(_idle.values()):
        worker.end(at_once=True)
    _idle.clear()


def stay_in_this_process(patch: pytest.MonkeyPatch) -> None:
    """Until the patch is undone."""
    patch.setitem(ENGINES, DEFAULT_ENGINE, InProcessEngine())
    patch.setattr("synth.sim.blender.Worker", take)
