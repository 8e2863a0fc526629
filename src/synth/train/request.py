"""A training as it is asked for, by the command or from Python."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from synth.dataset.folder import read_info
from synth.dataset.leak import LeakGuard
from synth.errors import InputError
from synth.train.change import change
from synth.train.run import Portion, TrainSpec, open_once
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS
from synth.train.tasks.task import Recipe, Task


def make_spec(
    task: str,
    data: Sequence[Path],
    *,
    then: Path | None,
    test: Path,
    preset: str | None,
    net: str | None,
    side_px: int | None,
    n_images: int | None,
    photometric: float | None,
    pretrained: Path | None,
    plain_crops: bool,
    seed: int,
    changes: Sequence[str] = (),
) -> TrainSpec:
    """One training; None for what is left to the task or its preset.

    then: tuned on this after ``data``. changes: of the settings, as `synth.train.change` takes them. Raises
    InputError for words that do not go together, DatasetError where a test image would train.
    """
    chosen = TASKS[task]
    settings = chosen.settings() if preset is None else choose_preset(chosen, preset)[0].settings
    learnt = [read_info(root) for root in (*data, *(() if then is None else (then,)))]
    settings = chosen.adapt(settings, learnt, read_info(test))
    if net is not None:
        settings = chosen.with_net(settings, net)
    asked = {"side_px": side_px, "n_images": n_images, "photometric": photometric}
    settings = replace(settings, **{name: value for name, value in asked.items() if value is not None})
    settings = _demand_words(change(settings, changes, example="learning_rate=0.001"))
    if pretrained is not None:
        settings = with_pretrained(settings, task, str(pretrained))
    if plain_crops:
        settings = with_plain_crops(settings, task)
    first = tuple(Portion(root) for root in data)
    spec = TrainSpec(task, settings, (first,) if then is None else (first, (Portion(then),)), test, seed)
    readers = [open_once(root) for root in dict.fromkeys(p.root for stage in spec.stages for p in stage)]
    guard = LeakGuard.of([reader.refuse_empty() for reader in (open_once(test), *readers)])
    for reader in readers:
        guard.check(reader, (*reader.of_split("train"), *reader.of_split("val")))
    return spec


def _demand_words(settings: TaskSettings) -> TaskSettings:
    """The settings; raises InputError for a word that one of them does not know."""
    try:
        TypeAdapter(type(settings)).validate_python(asdict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        allowed = first["msg"].removeprefix("Input should be ")
        raise InputError(f"{first['loc'][0]} must be {allowed}, got {first['input']!r}") from error
    return settings


def choose_preset(task: Task[Any, Any], name: str) -> tuple[Recipe[Any], ...]:
    """A task's networks of a preset; raises InputError that lists the presets."""
    known = {str(n): recipes for n, recipes in (*task.presets.items(), *task.own_presets.items())}
    if name not in known:
        raise InputError(f"there is no preset {name!r} of {task.name}: choose among {', '.join(known)}")
    return known[name]


def with_pretrained(settings: TaskSettings, task: str, checkpoint: str) -> TaskSettings:
    """Raises InputError that names the tasks which begin with a checkpoint, where this one does not."""
    found: TaskSettings | None = TASKS[task].with_pretrained(settings, checkpoint)
    if found is None:
        able = [n for n in TASKS if TASKS[n].with_pretrained(TASKS[n].settings(), checkpoint) is not None]
        raise InputError(f"--pretrained is for {', '.join(able)}, got {task}: leave it out")
    return found


def with_plain_crops(settings: TaskSettings, task: str) -> TaskSettings:
    """Raises InputError that names the tasks which read plain crops, where this one does not."""
    found: TaskSettings | None = TASKS[task].with_plain_crops(settings)
    if found is None:
        able = [n for n in TASKS if TASKS[n].with_plain_crops(TASKS[n].settings()) is not None]
        raise InputError(f"--plain-crops is for {', '.join(able)}, got {task}: leave it out")
    return found
