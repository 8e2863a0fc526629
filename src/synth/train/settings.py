"""A task's settings from what a command was asked for; no task is named here."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from synth.errors import InputError
from synth.train.tasks import TASKS
from synth.train.tasks.task import PRESETS, Recipe, Task, TaskSettings


def choose_preset(task: Task[Any, Any], name: str) -> tuple[Recipe[Any], ...]:
    """A task's networks of a preset; raises InputError that lists the presets."""
    known = next((preset for preset in PRESETS if preset == name), None)
    if known is None:
        raise InputError(f"there is no preset {name!r}: choose among {', '.join(PRESETS)}")
    return task.presets[known]


def with_options(settings: TaskSettings, task: str, **options: object) -> TaskSettings:
    """Settings with options that were given, those that are None left out."""
    return _changed(settings, task, "", {name: value for name, value in options.items() if value is not None})


def freeze_pretrained(settings: TaskSettings, task: str, checkpoint: Path | str) -> TaskSettings:
    """With weights of a local checkpoint whose backbone stays as it is (as in the paper)."""
    return _changed(settings, task, "--pretrained", {"pretrained": str(checkpoint), "freeze": True})


def plain_crops_of(settings: TaskSettings, task: str) -> TaskSettings:
    """With the paper's plain crops, whose normals are in camera axes and which cannot be turned."""
    return _changed(settings, task, "--plain-crops", {"crop": "paper", "rotate": False})


def takes(settings: TaskSettings, *names: str) -> bool:
    """Whether settings have these fields."""
    return {field.name for field in fields(settings)} >= set(names)


def _changed(settings: TaskSettings, task: str, option: str, changes: Mapping[str, object]) -> TaskSettings:
    if not takes(settings, *changes):
        able = ", ".join(name for name in TASKS if takes(TASKS[name].settings(), *changes))
        raise InputError(f"{option} is for {able}, got {task}: leave it out")
    return replace(settings, **changes)  # type: ignore[arg-type]
