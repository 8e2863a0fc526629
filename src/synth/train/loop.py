"""The loop by which every task learns: so many images in all, looks at val images on the way, the best kept.

What a step draws depends on the seed and the step alone, so a training that is stopped and gone on with ends
where an undisturbed one does.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil, cos, isfinite, pi
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from synth.compute.checkpoint import load_state, save_state
from synth.compute.cores import count_cores
from synth.compute.device import choose_precision
from synth.compute.seeding import step_seed
from synth.errors import InputError, TrainingDiverged

Rows = NDArray[np.int64]
OnStep = Callable[[int], None]

SCORE = "score"
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises; then it falls by a half cosine to next to nothing."""

LAST_STAGE = 0.3
"""Share of the images that the last of several stages sees: of captured ones, say, after rendered ones."""

_LAST_RATE = 1e-3
_STATE_VERSION = 1


@dataclass(frozen=True)
class Schedule:
    """How long a network learns and how fast; what every task's settings begin with.

    n_images: images seen in all, repeats counted, so that data of any size train for as long. learning_rate:
    at its highest. n_checks: how often val images are looked at; the best of them is kept.
    """

    n_images: int = 20_000
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    n_checks: int = 20

    def __post_init__(self) -> None:
        for name in ("n_images", "batch_size", "n_checks"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)}")

    @property
    def n_steps(self) -> int:
        """Batches."""
        return ceil(self.n_images / self.batch_size)

    def is_check(self, step: int) -> bool:
        """Whether val images are looked at after a step, counted from 1."""
        return step == self.n_steps or step % ceil(self.n_steps / self.n_checks) == 0

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        rising = max(1.0, WARM_UP * self.n_steps)
        if step <= rising:
            return self.learning_rate * step / rising
        share = (step - rising) / max(1.0, self.n_steps - rising)
        return self.learning_rate * (_LAST_RATE + (1 - _LAST_RATE) * (1 + cos(pi * share)) / 2)

    def make_optimiser(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """AdamW, unless a task's settings have another; its rate is set at every step."""
        return torch.optim.AdamW(parameters, weight_decay=self.weight_decay)


class Learner(Protocol):
    """A network with its data: all that the loop asks of a task.

    net: what learns. pools: how many train images each stage has. blind_score: on val images, of the best
    answer that needs no look at them; a network whose score never falls below it has learned nothing.
    """

    net: nn.Module
    pools: tuple[int, ...]
    blind_score: float

    def load(self, stage: int, rows: Rows, seed: int) -> Any:
        """A batch of a stage's images; all chance in it comes from the seed. May run in another process."""
        ...

    def compute_losses(self, batch: Any) -> dict[str, Tensor]:
        """Losses by name whose sum is made small, each a scalar."""
        ...

    def check(self) -> dict[str, float]:
        """Figures on val images, ``score`` among them: the lower, the better."""
        ...


@dataclass(frozen=True)
class Check:
    """A look at val images: after which step, the learner's figures, mean train losses since the last."""

    step: int
    figures: dict[str, float]
    losses: dict[str, float]


OnCheck = Callable[[Check], None]


@dataclass
class Learned:
    """Where a training stands. best: the check whose weights are kept; None before the first that counts.

    seconds: spent in all, pauses left out.
    """

    step: int = 0
    seconds: float = 0.0
    checks: list[Check] = field(default_factory=list)
    best: Check | None = None


def learn(
    learner: Learner,
    schedule: Schedule,
    *,
    seed: int,
    on_step: OnStep = lambda _step: None,
    on_check: OnCheck = lambda _check: None,
    state_file: Path | None = None,
    is_time_up: Callable[[], bool] = lambda: False,
) -> Learned:
    """Train ``learner.net`` in place, to the end or until time is up; the best check's weights stay in it.

    on_check: told of every check before the state is written, so perhaps again after a kill. state_file: what
    is gone on from, and written at every check and when time is up. Only checks of the last
    stage can be the best. Raises TrainingDiverged when a loss is not finite, InputError for a state file of
    something else, StorageError.
    """
    run = _Run(learner, schedule, seed)
    if state_file is not None and state_file.is_file():
        run.restore(state_file)
    for step, batch in run.batches():
        run.step(step, batch)
        if schedule.is_check(step):
            on_check(run.check())
            if state_file is not None:
                save_state(state_file, run.state())
        on_step(step)
        if is_time_up() and step < schedule.n_steps:
            if state_file is not None:
                save_state(state_file, run.state())
            return run.learned
    run.keep_best()
    return run.learned


class _Run:
    def __init__(self, learner: Learner, schedule: Schedule, seed: int) -> None:
        self.learner, self.schedule, self.seed = learner, schedule, seed
        self.device = next(learner.net.parameters()).device
        self._bf16 = choose_precision(self.device) == "bf16-mixed"
        self.order = _Order(learner.pools, schedule, seed)
        self.optimiser = schedule.make_optimiser([p for p in learner.net.parameters() if p.requires_grad])
        self.learned = Learned()
        self._best_weights: dict[str, Tensor] = {}
        self._sums: dict[str, float] = {}
        self._clock = time.perf_counter()

    def batches(self) -> Iterator[tuple[int, Any]]:
        steps = range(self.learned.step + 1, self.schedule.n_steps + 1)
        n_workers = max(1, count_cores() // 3) if self.device.type == "cuda" else 0
        loader = DataLoader(
            _Batches(self.learner, self.order, self.seed),
            batch_size=None,
            sampler=steps,
            num_workers=n_workers,
            multiprocessing_context="fork" if n_workers else None,
            pin_memory=n_workers > 0,
            worker_init_fn=_take_one_thread,
            generator=torch.Generator(),
        )
        self.learner.net.train()
        return zip(steps, loader, strict=True)

    def step(self, step: int, batch: Any) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate_at(step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16):
            losses = self.learner.compute_losses(batch)
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.learned.step = step
        now = time.perf_counter()
        self.learned.seconds, self._clock = self.learned.seconds + now - self._clock, now
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        if not all(isfinite(value) for value in values.values()):
            raise TrainingDiverged(step, {f"loss/{name}": value for name, value in values.items()})
        for name, value in {**values, "": 1.0}.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def check(self) -> Check:
        net, step = self.learner.net, self.learned.step
        net.eval()
        figures = self.learner.check()
        net.train()
        n = self._sums.pop("")
        check = Check(step, figures, {name: value / n for name, value in self._sums.items()})
        self._sums = {}
        self.learned.checks.append(check)
        best = self.learned.best
        if step > self.order.last_stage_from and (best is None or figures[SCORE] < best.figures[SCORE]):
            self.learned.best = check
            self._best_weights = {name: t.detach().clone() for name, t in net.state_dict().items()}
        return check

    def keep_best(self) -> None:
        self.learner.net.load_state_dict(self._best_weights)
        self.learner.net.eval()

    def state(self) -> dict[str, Any]:
        best = self.learned.best
        return {
            "version": _STATE_VERSION,
            "seed": self.seed,
            "step": self.learned.step,
            "seconds": self.learned.seconds,
            "net": self.learner.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best_weights": self._best_weights,
            "best_step": best.step if best else 0,
            "checks": [[c.step, c.figures, c.losses] for c in self.learned.checks],
            "sums": self._sums,
        }

    def restore(self, path: Path) -> None:
        try:
            state = load_state(path)
            if state["version"] != _STATE_VERSION or state["seed"] != self.seed:
                raise InputError(f"{path} is the state of another training: choose another folder")
            self.learner.net.load_state_dict(state["net"])
            self.optimiser.load_state_dict(state["optimiser"])
            checks = [Check(*row) for row in state["checks"]]
            best = next((c for c in checks if c.step == state["best_step"]), None)
            self.learned = Learned(state["step"], state["seconds"], checks, best)
            self._best_weights = {n: t.to(self.device) for n, t in state["best_weights"].items()}
            self._sums = state["sums"]
        except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path} is not the state of such a training: delete it and run again"
            ) from error


def _take_one_thread(_worker: int) -> None:
    """One core a loader: OpenCV would take all of them in each."""
    cv2.setNumThreads(0)


class _Order:
    """Which rows of which stage a step sees: every image once, in a new order, before any comes again."""

    def __init__(self, pools: Sequence[int], schedule: Schedule, seed: int) -> None:
        self._pools, self._batch, self._seed = pools, schedule.batch_size, seed
        n_last = schedule.n_steps if len(pools) == 1 else ceil(LAST_STAGE * schedule.n_steps)
        self.last_stage_from = schedule.n_steps - n_last
        self._steps_before = ceil(self.last_stage_from / max(1, len(pools) - 1))
        self._permutation = lru_cache(maxsize=4)(self._draw)

    def at(self, step: int) -> tuple[int, Rows]:
        """Stage and rows of a step, counted from 1."""
        if step > self.last_stage_from:
            stage, first = len(self._pools) - 1, self.last_stage_from
        else:
            stage = (step - 1) // self._steps_before
            first = stage * self._steps_before
        places = (step - 1 - first) * self._batch + np.arange(self._batch)
        epochs, offsets = np.divmod(places, self._pools[stage])
        return stage, np.array(
            [self._permutation(stage, int(e))[o] for e, o in zip(epochs, offsets, strict=True)], np.int64
        )

    def _draw(self, stage: int, epoch: int) -> Rows:
        return np.random.default_rng([self._seed, stage, epoch]).permutation(self._pools[stage])


class _Batches(Dataset[Any]):
    """Batches by step."""

    def __init__(self, learner: Learner, order: _Order, seed: int) -> None:
        self._learner, self._order, self._seed = learner, order, seed

    def __getitem__(self, step: int) -> Any:
        return self._learner.load(*self._order.at(step), step_seed(self._seed, 0, step))
