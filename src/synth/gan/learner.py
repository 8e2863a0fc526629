"""Learning where an engine has room for it: on a node of a cluster that has the GPUs, say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from synth.compute.device import choose_device
from synth.compute.engines.engine import Resources
from synth.compute.progress import Progress, make_progress
from synth.compute.run_dir import read_stats
from synth.compute.spread import Spread
from synth.errors import SynthError
from synth.gan.fit import FitSettings
from synth.gan.run import OnCheckpoint, is_learnt, measure, train
from synth.terminal import make_console


def learn(
    fit: FitSettings,
    progress: Progress,
    spread: Spread,
    *,
    on_checkpoint: OnCheckpoint | None = None,
    witness: nn.Module | None = None,
) -> Path:
    """`train` here, or in one worker of an engine, into the same folder; with as many threads as here.

    All of ``fit.n_devices`` are of one machine. What is given is pickled for a worker. Ctrl-C ends a worker
    at once: the same call goes on from the latest checkpoint. Raises what `train` raises, and InputError
    where an engine cannot join its machines.
    """
    if spread.engine is None or is_learnt(fit):
        return train(fit, progress, on_checkpoint=on_checkpoint, witness=witness)
    device, n_threads = choose_device(fit.device), torch.get_num_threads()
    needs = Resources(cores=n_threads * fit.n_devices)
    if device.type != "cpu":
        needs = Resources(cores=fit.n_devices, gpu=fit.n_devices)
    there = replace(fit, device=device.type if spread.lends_gpus else str(device))
    watch = _Watch(fit, progress)
    progress.begin(total=watch.n_steps, done=watch.step)
    try:
        spread.share(
            [fit.out],
            _Learner(there, on_checkpoint, witness, n_threads),
            lambda _out, _done: None,
            needs,
            progress.say,
            at_most=1,
            on_wait=watch.look,
        )
        watch.look()
    finally:
        progress.end()
    return fit.out


class _Watch:
    """Tells the progress what the run's folder says of a training elsewhere."""

    def __init__(self, fit: FitSettings, progress: Progress) -> None:
        self._out, self._progress = fit.out, progress
        self.n_steps = measure(fit).n_steps
        self.step = self._read()

    def look(self) -> None:
        """Once."""
        if (step := self._read()) > self.step:
            self._progress.advanced(step - self.step)
            self.step = step

    def _read(self) -> int:
        with suppress(SynthError, OSError):  # It may be written just now.
            return max((row["step"] for row in read_stats(self._out)), default=0)
        return 0


@dataclass(frozen=True, eq=False)
class _Learner:
    fit: FitSettings
    on_checkpoint: OnCheckpoint | None
    witness: nn.Module | None
    n_threads: int

    @contextmanager
    def __call__(self) -> Iterator[Callable[[Path], None]]:
        """A worker that learns."""
        torch.set_num_threads(self.n_threads)
        yield self._learn

    def _learn(self, _out: Path) -> None:
        quiet = make_progress(make_console(quiet=True), "train", "steps")
        train(self.fit, quiet, on_checkpoint=self.on_checkpoint, witness=self.witness)
