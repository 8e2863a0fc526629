"""A trained network of the registry as the target of cycles: asked as it stands, then trained on."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from synth.compute.checkpoint import load_weights, save_weights
from synth.compute.seeding import step_seed
from synth.dataset.origin import READINGS, decode_readings, encode_readings
from synth.dataset.reader import DatasetReader
from synth.sim.placing.cache import Candidate
from synth.sim.placing.players import OnSample, Pupil
from synth.sim.placing.schooling import Schooling
from synth.train.loop import SCORE, Learner, OnStep, Rows, learn
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS
from synth.train.trained import Trained

BLOCK_S = 20.0
"""So often a state is written from which a training goes on."""


class Gallery(Protocol):
    """Where kept candidates are made at full size, in the order in which they were kept."""

    def make(self, kept: Sequence[Candidate], on_sample: OnSample) -> None:
        """Write those that are not there yet; on_sample: told after each."""
        ...

    def open(self) -> DatasetReader:
        """The dataset of them."""
        ...


class TaskPupil(Pupil):
    """Learns through its task's own learner, from real train images and from those in a gallery.

    trained: what it begins with; its network changes as it learns. real: datasets whose train images it is
    shown, and by whose val images its figures are measured. folder: where its weights are kept. block_s:
    seconds between two states.
    """

    def __init__(
        self,
        trained: Trained,
        weights: Path,
        real: Sequence[DatasetReader],
        gallery: Gallery,
        schooling: Schooling,
        folder: Path,
        *,
        seed: int,
        block_s: float = BLOCK_S,
    ) -> None:
        self._net, self._task, self._real = trained.net, TASKS[trained.task], real
        self.target = self._task.target(trained.net, trained.settings)
        self._settings, self._schooling, self._gallery = trained.settings, schooling, gallery
        self._begun, self._words = load_weights(weights)
        self._folder, self._seed, self._block_s = folder, seed, block_s
        self._loaded: tuple[Any, Any] | None = None

    def compose(self, kept: Sequence[Candidate], on_sample: OnSample) -> None:
        """Into the gallery."""
        self._gallery.make(kept, on_sample)

    def count_steps(self, n_kept: int) -> int:
        """Of batches."""
        return self._schedule(n_kept + self._count_real(n_kept)).n_steps

    def learn(self, kept: Sequence[Candidate], cycle: int, on_step: OnStep) -> dict[str, float]:
        """The loss by name, and the task's figures on real val images."""
        seed, state_file = step_seed(self._seed, cycle, 0), self._state_file(cycle)
        real, val = self._load_real()
        made = self._gallery.open()
        pool = self._task.join(real, self._task.load(made, made.samples, self._settings))
        n_real, n_all = len(self._task.names(real)), len(self._task.names(pool))
        rows = self._choose_rows(n_real, n_all, cycle)
        schedule = self._schedule(len(rows))
        device = next(self._net.parameters()).device
        whole = self._task.make_learner([pool], val, schedule, seed=seed, device=device)
        whole.net.load_state_dict(self._net.state_dict())
        learner = Portioned(whole, rows)
        while True:
            ends = time.monotonic() + self._block_s
            learned = learn(
                learner,
                schedule,
                seed=seed,
                on_step=on_step,
                state_file=state_file,
                is_time_up=lambda ends=ends: time.monotonic() >= ends,  # type: ignore[misc]
            )
            if learned.step == schedule.n_steps:
                break
        self._net.load_state_dict(whole.net.state_dict())
        check = learned.checks[-1]
        losses = {f"{name}_loss": value for name, value in check.losses.items()}
        return losses | {name: value for name, value in check.figures.items() if name != SCORE}

    def save(self, cycle: int) -> None:
        """As ``synth train`` writes weights, with all readings."""
        made = self._gallery.open()
        readings = [*decode_readings(self._words.get(READINGS, "[]"))]
        for dataset, samples in (*((d, d.of_split("train")) for d in self._real), (made, made.samples)):
            readings += dataset.trace_readings(samples, "pixels", "labels")
        words = self._words | {READINGS: encode_readings([*dict.fromkeys(readings)])}
        save_weights(self._weights_file(cycle), self._net.state_dict(), words)
        self._state_file(cycle).unlink(missing_ok=True)

    def load(self, cycle: int) -> None:
        """From its folder."""
        tensors = load_weights(self._weights_file(cycle))[0] if cycle else self._begun
        self._net.load_state_dict(tensors)

    def _weights_file(self, cycle: int) -> Path:
        return self._folder / f"target_{cycle}.safetensors"

    def _state_file(self, cycle: int) -> Path:
        return self._folder / f"target_{cycle}.pt"

    def _schedule(self, n_rows: int) -> TaskSettings:
        """So many epochs, looked at once, in the end: what was learnt last is what stands."""
        plan = self._schooling
        return replace(
            self._settings,
            n_images=max(1, round(plan.epochs * n_rows)),
            batch_size=plan.batch_size,
            learning_rate=plan.learning_rate,
            n_checks=1,
        )

    def _count_real(self, n_made: int) -> int:
        return round(self._schooling.ratio * n_made)

    def _choose_rows(self, n_real: int, n_all: int, cycle: int) -> Rows:
        """Every made one, and as many real ones as go with them: all before any comes again."""
        wanted, rng = self._count_real(n_all - n_real), np.random.default_rng([self._seed, cycle])
        rounds: list[NDArray[np.int64]] = [np.arange(n_real, n_all)]
        while wanted > 0:
            rounds.append(rng.permutation(n_real)[:wanted])
            wanted -= len(rounds[-1])
        return np.concatenate(rounds)

    def _load_real(self) -> tuple[Any, Any]:
        """Train and val images."""
        if self._loaded is None:
            parts: list[Any] = []
            for split in ("train", "val"):
                loaded = [self._task.load(d, d.of_split(split), self._settings) for d in self._real]
                joined = loaded[0]
                for more in loaded[1:]:
                    joined = self._task.join(joined, more)
                parts.append(joined)
            self._loaded = parts[0], parts[1]
        return self._loaded


class Portioned(Learner):
    """A learner whose first stage is some rows of it, some of them perhaps several times."""

    def __init__(self, whole: Learner, rows: Rows) -> None:
        self._whole, self._rows = whole, rows
        self.net, self.blind_score, self.pools = whole.net, whole.blind_score, (len(rows),)

    def load(self, stage: int, rows: Rows, seed: int) -> Any:
        """Of the whole."""
        return self._whole.load(stage, self._rows[rows], seed)

    def compute_losses(self, batch: Any) -> dict[str, Tensor]:
        """Of the whole."""
        return self._whole.compute_losses(batch)

    def check(self) -> dict[str, float]:
        """Of the whole."""
        return self._whole.check()
