"""Work without children: shards are done here, and Blender, which takes seconds to start, stays for the next
test.
"""

from pathlib import Path

import pytest

from in_process_engine import InProcessEngine
from synth.compute.engines import DEFAULT_ENGINE, ENGINES
from synth.sim.blender_worker import MakeCommand, Worker

_idle: dict[tuple[str, ...], "WarmWorker"] = {}


class WarmWorker(Worker):
    """A worker that, let go, waits until one with the same command and threads is wanted."""

    def __init__(self, make: MakeCommand, n_threads: int) -> None:
        self._key = (*make(Path()), str(n_threads))
        super().__init__(make, n_threads)

    def end(self, *, at_once: bool = False) -> None:
        if at_once or self._process.poll() is not None or self._key in _idle:
            super().end(at_once=at_once)
        else:
            _idle[self._key] = self


def take(make: MakeCommand, n_threads: int) -> Worker:
    """A worker that waits, or a new one."""
    worker = _idle.pop((*make(Path()), str(n_threads)), None)
    return WarmWorker(make, n_threads) if worker is None else worker


def end_all() -> None:
    """Leave none behind."""
    while _idle:
        _idle.popitem()[1].end(at_once=True)


def stay_in_this_process(patch: pytest.MonkeyPatch) -> None:
    """Until the patch is undone."""
    patch.setitem(ENGINES, DEFAULT_ENGINE, InProcessEngine())
    patch.setattr("synth.sim.blender.Worker", take)
