"""What things cost: a plan before it is run, and an image of each kind."""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from synth.compare.mixes import REAL
from synth.compare.plan import Contest, Plan
from synth.compare.run import choose_threads, choose_workers
from synth.compute.device import choose_device
from synth.dataset.reader import DatasetReader
from synth.train.loop import Learner, Schedule, learn
from synth.train.tasks import TASKS

_N_TIMED_IMAGES, _N_TIMED_STEPS = 32, 7
_LOOKING = 1 / 3
"""What looking at an image costs beside learning from it: no backward pass."""


@dataclass(frozen=True)
class ImageCost:
    """Median seconds of one image of a dataset, by what they were spent on; n: images that say.

    machine_s: all of it but a person's share, human_s. parts: of machine_s, as the dataset names them.
    """

    dataset: str
    n: int
    machine_s: float
    human_s: float
    parts: dict[str, float]


def expect_seconds(plan: Plan) -> tuple[list[float], str]:
    """Wall seconds of one training of each contest, workers side by side counted in, and on which device.

    From a few steps on captured images, timed now. Raises InputError for data that cannot be used.
    """
    device = choose_device(plan.device)
    n_workers = choose_workers(plan, device, len(plan.trials))
    threads, before = choose_threads(device), torch.get_num_threads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        at_a_time = n_workers if device.type == "cpu" else 1
        return [_expect(plan, contest, device) / at_a_time for contest in plan.contests], str(device)
    finally:
        torch.set_num_threads(before)


def measure_image_cost(name: str, dataset: DatasetReader) -> ImageCost | None:
    """What an image of a dataset took to make; None where it does not say."""
    timings = [s.timing for s in dataset if s.timing]
    if not timings:
        return None
    keys = dict.fromkeys(key for t in timings for key in t)
    parts = {key: float(np.median([t.get(key, 0.0) for t in timings])) for key in keys}
    human_s = parts.pop("human_s", 0.0)
    machine_s = parts.pop("machine_s", None)
    total = sum(parts.values()) if machine_s is None else machine_s + parts.get("label_s", 0.0)
    return ImageCost(name, len(timings), total, human_s, parts)


def _expect(plan: Plan, contest: Contest, device: torch.device) -> float:
    task, s = TASKS[contest.task], contest.settings
    reader = plan.reader(contest.task, REAL)
    samples = [sample for sample in reader.of_split("train") if task.count([sample])][:_N_TIMED_IMAGES]
    images = task.load(reader, samples, s)
    learner = task.make_learner([images], images, s, seed=0, device=device)
    step_s = _time_steps(learner, s)
    n_looked_at = task.count(reader.of_split("val")) + task.count(reader.of_split("test"))
    looking_s = _LOOKING * step_s / s.batch_size * n_looked_at * min(s.n_checks, s.n_steps)
    return s.n_steps * step_s + looking_s


def _time_steps(learner: Learner, settings: Schedule) -> float:
    """Median seconds of a few steps, the first ones left out; no val image is looked at."""
    stamps: list[float] = []
    learn(
        learner,
        replace(settings, n_images=100 * settings.batch_size, n_checks=1),
        seed=0,
        on_step=lambda _step: stamps.append(time.perf_counter()),
        is_time_up=lambda: len(stamps) >= _N_TIMED_STEPS,
    )
    return float(np.median(np.diff(stamps)[1:]))
