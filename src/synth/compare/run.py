"""Training every trial of a plan, each once, in child processes; one that is done is never done again.

::

    runs/compare/
      config.json                             what was asked for; the same is demanded to go on
      command.json                            the command that began it, which goes on with it
      baseline/                               what a translation must beat, and its choice
      trials/normals_paper_real_seed0/        one training, as synth train makes it
      report.json  report.html  figures/      what follows from all of them
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from synth.compare.baseline import FOLDER
from synth.compare.plan import Contest, Plan, Trial
from synth.compute.checkpoint import load_weights
from synth.compute.device import choose_device, list_devices
from synth.compute.engines.engine import Resources
from synth.compute.progress import Progress
from synth.compute.run_dir import CONFIG_FILE, RunDir, read_stats
from synth.errors import SynthError
from synth.train.run import (
    RESULT_FILE,
    WEIGHTS_FILE,
    TrainResult,
    TrainSpec,
    load_result,
    run_training,
    say_unlearned,
)
from synth.train.tasks import TASKS

MakeProgress = Callable[[str, str], Progress]
_ON_GPU, _ON_CPU = Resources(gpu=1 / 3), Resources(cores=1)
_ANY_SIDE_PX = 640
"""Of a network that takes images of any size."""
"""What a training needs: a small one leaves most of a GPU idle; on a CPU one thread each is fastest."""


@dataclass(frozen=True)
class _Job:
    """A trial on its way to a worker."""

    spec: TrainSpec
    out: Path
    device: str


def run_plan(plan: Plan, make_progress: MakeProgress) -> list[tuple[Trial, TrainResult]]:
    """The result of every trial, in the plan's order; only what is not done yet is trained.

    Raises DatasetError that names a test image which would train, InputError for a folder of other settings
    or data that cannot be used, TrainingDiverged, WorkerLost, StorageError. KeyboardInterrupt loses what was
    trained since each trial's last look at val images.
    """
    progress = make_progress("compare", "% of the trainings")
    is_new = not (plan.out / CONFIG_FILE).exists()
    if is_new:  # A comparison that cannot begin leaves no folder in the way of the next try.
        _refuse_unfit(plan, progress)
    with RunDir.create_or_resume(plan.out, plan.to_config(), beside=[FOLDER]):
        todo = [trial for trial in plan.trials if not (plan.folder(trial) / RESULT_FILE).is_file()]
        if todo:
            if not is_new:
                _refuse_unfit(plan, progress)
            _train_all(plan, todo, progress)
        return [(trial, load_result(plan.folder(trial))) for trial in plan.trials]


def load_net(plan: Plan, contest: Contest, mix: str, seed: int) -> torch.nn.Module:
    """A trial's best network, on the CPU, in eval mode."""
    trial = next(t for t in plan.trials if (t.contest, t.mix.name, t.seed) == (contest, mix, seed))
    net = TASKS[contest.task].make_net(contest.settings)
    tensors, _ = load_weights(plan.folder(trial) / WEIGHTS_FILE)
    net.load_state_dict(tensors)
    return net.eval()


def _refuse_unfit(plan: Plan, progress: Progress) -> None:
    choose_device(plan.device)
    plan.refuse_unfit()
    n = plan.refuse_leaks()
    for sentence in (*plan.accepted_near_copies, *plan.lost_images, *plan.forecasts):
        progress.say(sentence)
    progress.say(f"No test image among {n} train and val images.")


def choose_workers(plan: Plan, device: torch.device, n_trials: int) -> int:
    """How many trials are trained at a time."""
    return plan.open_engine().count_workers(_needs(device), n_trials, plan.n_workers)


def _needs(device: torch.device) -> Resources:
    return _ON_GPU if device.type == "cuda" else _ON_CPU


def _train_all(plan: Plan, todo: list[Trial], progress: Progress) -> None:
    device = choose_device(plan.device)
    n_workers = choose_workers(plan, device, len(todo))
    engine = plan.open_engine()
    jobs = [
        _Job(plan.spec(trial), plan.folder(trial), device.type if engine.lends_gpus else _place(device, i))
        for i, trial in enumerate(todo)
    ]
    meter = _Meter(plan, todo, progress)
    progress.begin(total=100, done=meter.percent())
    try:
        engine.run_shards(
            jobs,
            partial(_open_trainer, choose_threads(device)),
            n_workers,
            lambda job, said: progress.say(f"{job.out.name}: {said}"),
            resources=_needs(device),
            on_retry=lambda job, error: progress.say(f"{job.out.name}: {error}; trying once more"),
            on_wait=meter.update,
        )
        meter.update()
    finally:
        progress.end()


class _Meter:
    """Tells the bar what the children's own figures say.

    An image counts by its pixels: of a detector it takes several times as long as of a reader of crops.
    """

    def __init__(self, plan: Plan, todo: list[Trial], progress: Progress) -> None:
        self._trials, self._plan, self._progress = todo, plan, progress
        self._all = sum(_work(trial, trial.contest.settings.n_images) for trial in plan.trials)
        self._left = sum(_work(trial, trial.contest.settings.n_images) for trial in todo)
        self._told = self.percent()

    def percent(self) -> int:
        """What is done, earlier runs and all."""
        seen = sum(_work(trial, self._images_seen(trial)) for trial in self._trials)
        return round(100 * (self._all - self._left + seen) / self._all)

    def update(self) -> None:
        """Look once."""
        now = self.percent()
        if now > self._told:
            self._progress.advanced(now - self._told)
            self._told = now

    def _images_seen(self, trial: Trial) -> int:
        settings, folder = trial.contest.settings, self._plan.folder(trial)
        if (folder / RESULT_FILE).is_file():
            return settings.n_images
        try:
            step = max((row["step"] for row in read_stats(folder)), default=0)
        except (SynthError, OSError):
            return 0
        return min(settings.n_images, step * settings.batch_size)


def _work(trial: Trial, n_images: int) -> int:
    return n_images * (trial.contest.settings.side_px or _ANY_SIDE_PX) ** 2


@contextmanager
def _open_trainer(n_threads: int | None) -> Iterator[Callable[[_Job], str]]:
    """What a child does: one training after another; torch is imported once."""
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    yield _train


def _train(job: _Job) -> str:
    result = run_training(job.spec, job.out, device=job.device)
    assert result is not None
    said = f"{result.seconds:.0f} s, best after step {result.best.step} of {job.spec.settings.n_steps}"
    return said if result.has_learned else f"{said}. {say_unlearned(job.spec)}"


def choose_threads(device: torch.device) -> int | None:
    """Of each worker: one on a CPU, so that figures do not depend on how many work; None for torch's own."""
    return None if device.type == "cuda" else 1


def _place(device: torch.device, i: int) -> str:
    """Trials go round all GPUs unless one is named."""
    gpus = [name for name in list_devices() if name.startswith("cuda:")]
    return gpus[i % len(gpus)] if device == torch.device("cuda") and gpus else str(device)
