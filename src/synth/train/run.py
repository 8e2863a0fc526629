"""One training from a specification to a folder: ``synth train``, and every trial of a comparison.

::

    runs/train/normals/
      config.json           what was asked for, and hashes of the data; the same is demanded to go on
      command.json          the command that began it, if one did; the same goes on with it
      threads               how many it has on a CPU, where there is more than one
      stats.jsonl           figures at every look at val images
      state.pt              what is gone on from, while it is not finished
      weights.safetensors   the best network on val images
      result.json           what it says of every test image, and what it took
"""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch
from pydantic import JsonValue, TypeAdapter, ValidationError

from synth.compute.checkpoint import save_weights
from synth.compute.device import choose_device
from synth.compute.run_dir import CONFIG_FILE, RunDir
from synth.compute.threads import use_free_cores
from synth.dataset.choices import Criterion
from synth.dataset.folder import INFO_FILE, SAMPLES_FILE
from synth.dataset.origin import READINGS, Reading, encode_readings
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Sample
from synth.errors import InputError
from synth.storage.atomic import write_bytes
from synth.train.loop import SCORE, Check, Learner, OnStep, learn
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS
from synth.train.tasks.task import Task

RESULT_FILE, WEIGHTS_FILE, STATE_FILE, EARLY_FILE = (
    "result.json",
    "weights.safetensors",
    "state.pt",
    "early.json",
)
"""Whose val images decide which weights are kept: each mix's own, or the captured ones for all."""

VAL_SHARE = 0.2
"""Share of a limited number of images that choose and do not train."""

_N_TIMED = 20
_MOST_LOADED, _MOST_OPEN = 9, 32
_LOADED: dict[Any, Any] = {}
_OPEN: dict[Any, DatasetReader] = {}


@dataclass(frozen=True)
class Portion:
    """A dataset, or some of it.

    limit: so many train and val images together, drawn by the seed; None for all.
    """

    root: Path
    limit: int | None = None

    def samples(self, dataset: DatasetReader, seed: int) -> tuple[Sequence[Sample], Sequence[Sample]]:
        """Train and val samples. A smaller limit's are among a larger one's."""
        train, val = dataset.of_split("train"), dataset.of_split("val")
        if self.limit is None:
            return train, val
        if self.limit < 2:
            raise InputError(
                f"a limit must be 2 or more, one image to train and one to choose, got {self.limit}"
            )
        if self.limit > len(train) + len(val):
            raise InputError(
                f"{self.root} has {len(train) + len(val)} train and val images, fewer than the {self.limit} "
                "asked for"
            )
        n_val = min(max(1, round(VAL_SHARE * self.limit)), len(val))
        rng = np.random.default_rng([seed, len(train), len(val)])
        order, val_order = rng.permutation(len(train)), rng.permutation(len(val))
        n_train = min(self.limit - n_val, len(train))
        return [train[i] for i in order[:n_train]], [val[i] for i in val_order[: self.limit - n_train]]


@dataclass(frozen=True)
class TrainSpec:
    """One training. stages: one after the other, each of one dataset or several mixed.

    test: the dataset whose test images are predicted, and whose val images choose where ``choose`` is
    real-val; own-val leaves that to the last stage's own.
    """

    task: str
    settings: TaskSettings
    stages: tuple[tuple[Portion, ...], ...]
    test: Path
    seed: int
    choose: Criterion = "own-val"

    def to_config(self) -> dict[str, JsonValue]:
        """What a training that is gone on with must share."""
        roots = {portion.root for stage in self.stages for portion in stage} | {self.test}
        return {
            "task": self.task,
            "settings": self.settings.to_config(),
            "stages": [[[str(s.root), s.limit] for s in stage] for stage in self.stages],
            "test": str(self.test),
            "seed": self.seed,
            "choose": self.choose,
            "data": {str(root): open_once(root).digest() for root in sorted(roots)},
        }


@dataclass(frozen=True)
class TrainResult:
    """What came out. predicted, true: of the test images, as the task says.

    early: predicted at the first check. n_train, n_val: images or crops. latency_ms: of one image after
    another, median; on which device. has_learned: whether it ever did better than without a look at images.
    """

    task: str
    model: str
    seed: int
    n_train: int
    n_val: int
    checks: tuple[Check, ...]
    best: Check
    names: tuple[str, ...]
    predicted: list[Any]
    true: list[Any]
    early: list[Any]
    seconds: float
    latency_ms: float
    device: str
    has_learned: bool = True


_RESULT: TypeAdapter[TrainResult] = TypeAdapter(TrainResult)


def run_training(
    spec: TrainSpec,
    out: Path,
    *,
    device: str | None = None,
    max_minutes: float | None = None,
    on_step: OnStep = lambda _step: None,
) -> TrainResult | None:
    """Train in a folder, or go on there; what is finished is only read. None when the minutes were too few.

    Raises InputError for data that cannot be used or a folder of another training, TrainingDiverged,
    StorageError.
    """
    ends = time.monotonic() + 60 * max_minutes if max_minutes is not None else np.inf
    task, where = TASKS[spec.task], choose_device(device)
    # A training that cannot begin leaves no folder in the way of the next try.
    prepared = None if (out / CONFIG_FILE).exists() else _prepare(spec, task, where)
    with RunDir.create_or_resume(out, spec.to_config()) as run:
        if (out / RESULT_FILE).is_file():
            return load_result(out)
        use_free_cores(where, out)
        learner, val, test = prepared or _prepare(spec, task, where)

        def tell(check: Check) -> None:
            run.truncate_stats(check.step - 1)
            losses = {f"loss/{name}": value for name, value in check.losses.items()}
            run.append_stats({"step": check.step, "of": spec.settings.n_steps, **check.figures, **losses})
            if not (out / EARLY_FILE).is_file():
                write_bytes(out / EARLY_FILE, json.dumps(task.predict(learner.net, test)).encode())

        learned = learn(
            learner,
            spec.settings,
            seed=spec.seed,
            on_step=on_step,
            on_check=tell,
            state_file=out / STATE_FILE,
            is_time_up=lambda: time.monotonic() > ends,
        )
        if learned.step < spec.settings.n_steps:
            return None
        assert learned.best is not None
        words = {"task": spec.task, "settings": json.dumps(spec.settings.to_config()), "seed": str(spec.seed)}
        words[READINGS] = encode_readings(list_readings(spec))
        save_weights(out / WEIGHTS_FILE, learner.net.state_dict(), words)
        result = TrainResult(
            task=spec.task,
            model=spec.settings.model,
            seed=spec.seed,
            n_train=sum(learner.pools),
            n_val=len(task.names(val)),
            checks=tuple(learned.checks),
            best=learned.best,
            names=task.names(test),
            predicted=task.predict(learner.net, test),
            true=task.truth(test),
            early=json.loads((out / EARLY_FILE).read_bytes()),
            seconds=learned.seconds,
            latency_ms=_time(task, learner.net, spec),
            device=str(where),
            has_learned=learned.best.figures[SCORE] < learner.blind_score,
        )
        write_bytes(out / RESULT_FILE, _RESULT.dump_json(result) + b"\n")
        (out / STATE_FILE).unlink(missing_ok=True)
        return result


def say_unlearned(spec: TrainSpec) -> str:
    """What somebody can do whose training has learned nothing."""
    can_begin = TASKS[spec.task].with_pretrained(spec.settings, "") is not None
    return (
        "It learned nothing, its figures are those of an untrained network: it needs more images "
        f"(--images, {spec.settings.n_images} now){' or a pretrained start (--pretrained)' * can_begin}."
    )


def list_readings(spec: TrainSpec) -> tuple[Reading, ...]:
    """The samples that train a network, and those by which its weights are chosen."""
    made: list[Reading] = []
    chosen: list[Reading] = []
    for stage in spec.stages:
        chosen.clear()  # The last stage's val images choose.
        for portion in stage:
            dataset = open_once(portion.root)
            train, val = portion.samples(dataset, spec.seed)
            made += dataset.trace_readings(train, "pixels", "labels")
            chosen += dataset.trace_readings(val, "pixels", "labels", role="chosen")
    if spec.choose == "real-val":
        tested = open_once(spec.test)
        chosen = [*tested.trace_readings(tested.of_split("val"), "pixels", "labels", role="chosen")]
    return tuple(dict.fromkeys((*made, *chosen)))


def choose_by(text: str) -> Criterion:
    """Raises InputError for a word that is none."""
    for known in get_args(Criterion):
        if text == known:
            return cast(Criterion, known)
    raise InputError(f"--choose must be one of {', '.join(get_args(Criterion))}, got {text!r}")


def load_result(out: Path) -> TrainResult:
    """result.json of a training's folder; raises InputError for one that cannot be read."""
    path = out / RESULT_FILE
    try:
        return _RESULT.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{out} holds no finished training: run synth train there") from None
    except (OSError, ValidationError) as error:
        raise InputError(f"{path} is not the result of a training: delete it and run again") from error


def open_once(root: Path) -> DatasetReader:
    """A dataset; a process that trains several times on an unchanged one opens and digests it once."""
    try:
        stamps = [(root / name).stat() for name in (INFO_FILE, SAMPLES_FILE)]
    except OSError:
        return DatasetReader(root)
    key = (root, root.resolve(), *((s.st_mtime_ns, s.st_size, s.st_ino) for s in stamps))
    if key not in _OPEN:
        _make_room(_OPEN, _MOST_OPEN)
        _OPEN[key] = DatasetReader(root)
    return _OPEN[key]


def _make_room(kept: dict[Any, Any], most: int) -> None:
    """The oldest go, so that one more has room."""
    while len(kept) >= most:
        kept.pop(next(iter(kept)))


def _prepare(spec: TrainSpec, task: Task[Any, Any], device: torch.device) -> tuple[Learner, Any, Any]:
    """A learner, val images, test images."""
    stages, val, test = _load(spec, task)
    return task.make_learner(stages, val, spec.settings, seed=spec.seed, device=device, test=test), val, test


def _load(spec: TrainSpec, task: Task[Any, Any]) -> tuple[list[Any], Any, Any]:
    """Train images of each stage, val images, test images."""
    tested = open_once(spec.test)
    _refuse_absent(tested, test=tested.of_split("test"))
    _refuse_made(tested)
    test = _load_images(spec, tested, tested.of_split("test"))
    stages, val = [], None
    for stage in spec.stages:
        pool = val = None
        for portion in stage:
            dataset = open_once(portion.root)
            train, choosing = portion.samples(dataset, spec.seed)
            _refuse_absent(dataset, train=train)
            part = _load_images(spec, dataset, train)
            pool = part if pool is None else task.join(pool, part)
            if choosing:  # What is made of train samples alone has none.
                part = _load_images(spec, dataset, choosing)
                val = part if val is None else task.join(val, part)
        stages.append(pool)
    if spec.choose == "real-val":
        _refuse_absent(tested, val=tested.of_split("val"))
        val = _load_images(spec, tested, tested.of_split("val"))
    elif val is None:
        _refuse_unchosen([open_once(portion.root) for portion in spec.stages[-1]])
    return stages, val, test


def _refuse_unchosen(last: Sequence[DatasetReader]) -> None:
    """Raises InputError for datasets of which none has val images."""
    if len(last) == 1:
        _refuse_absent(last[0], val=())
    raise InputError(
        f"none of {', '.join(str(dataset.root) for dataset in last)} has val images, by which a network is "
        "chosen: mix in one that has"
    )


def _refuse_absent(dataset: DatasetReader, **splits: Sequence[Sample]) -> None:
    """Raises InputError where a split is empty."""
    for split, samples in splits.items():
        if not samples:
            raise InputError(
                f"{dataset.root} has no {split} images, and a network learns from train images, is chosen by "
                f"val images and measured by test images: synth dataset split {dataset.root} --seed 0 --out "
                "OTHER deals splits anew"
            )


def _refuse_made(tested: DatasetReader) -> None:
    """Raises InputError where a network made the labels of test images."""
    if made := [s for s in tested.of_split("test") if s.origin.is_pseudo_labelled and not s.is_labelled]:
        raise InputError(
            f"a network made the labels of {len(made)} test images of {tested.root}, and a figure beside "
            "them says how alike two networks are: give a --test dataset that people labelled"
        )


def _load_images(spec: TrainSpec, dataset: DatasetReader, samples: Sequence[Sample]) -> Any:
    """Images as the task wants them; a process that trains several times on the same ones reads them once."""
    key = (spec.task, spec.settings, dataset.root, dataset.digest(), tuple(s.name for s in samples))
    if key not in _LOADED:
        _make_room(_LOADED, _MOST_LOADED)
        _LOADED[key] = TASKS[spec.task].load(dataset, samples, spec.settings)
    return _LOADED[key]


def _time(task: Task[Any, Any], net: torch.nn.Module, spec: TrainSpec) -> float:
    """Median milliseconds from one loaded image to its prediction."""
    one, times = _load_one(spec, task), []
    for _ in range(_N_TIMED):
        began = time.perf_counter()
        task.predict(net, one)
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))


def _load_one(spec: TrainSpec, task: Task[Any, Any]) -> Any:
    """The first test image that has anything to find."""
    tested = open_once(spec.test)
    for sample in tested.of_split("test"):
        with suppress(InputError):
            return task.load(tested, [sample], spec.settings)
    raise AssertionError("the test images were loaded before")
