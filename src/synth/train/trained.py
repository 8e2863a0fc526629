"""A trained network from its weights, asked about images that it may never have seen."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from torch import nn

from synth.compute.checkpoint import load_weights
from synth.compute.device import choose_device
from synth.compute.run_dir import CONFIG_FILE
from synth.dataset.codecs import file_sha256
from synth.dataset.folder import INFO_FILE
from synth.dataset.imports.pictures import SUFFIXES, open_picture
from synth.dataset.origin import READINGS, Reading, decode_readings
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Split
from synth.errors import DatasetError, InputError
from synth.metrics.comparison import Effect, measure_mix
from synth.train.run import WEIGHTS_FILE
from synth.train.settings import TaskSettings
from synth.train.tasks import TASKS

_OF_TRANSLATORS = ("checkpoints", "baselines")
"""Folders that runs of `synth translate` and `synth paint` have, and trainings have not."""

_AT_A_TIME = 32
"""Pictures that are held in memory."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network in eval mode with what it was trained for.

    sha256: of its file. readings: the samples that trained and chose it; empty where the file does not say.
    """

    task: str
    settings: TaskSettings
    net: nn.Module
    sha256: str
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Answers:
    """What a network says of a dataset's images, and what is true."""

    names: tuple[str, ...]
    predicted: list[Any]
    true: list[Any]


def load_trained(path: Path, device: str | None = None) -> Trained:
    """The network of weights that ``synth train`` wrote, or of the folder of a training.

    Raises InputError for a file that holds something else or weights that are no numbers, and with the
    command to type next for a folder without a network.
    """
    file = find_weights(path)
    tensors, words = load_weights(file)
    try:
        task = TASKS[words["task"]]
        settings = TypeAdapter(task.settings).validate_python(json.loads(words["settings"]))
        net = task.make_net(settings)
        net.load_state_dict(tensors)
        readings = decode_readings(words.get(READINGS, "[]"))
    except (KeyError, ValueError, ValidationError, RuntimeError) as error:
        raise InputError(
            f"{file} is no network that synth train wrote: give one of its weights.safetensors"
        ) from error
    if not all(bool(tensor.isfinite().all()) for tensor in net.state_dict().values()):
        raise InputError(f"{file} holds weights that are no numbers: copy it again, or train again")
    sha256 = file_sha256(file.read_bytes())
    return Trained(task.name, settings, net.to(choose_device(device)).eval(), sha256, readings)


def is_trained(path: Path) -> bool:
    """Whether a path is weights that say their task, or a folder that is no run of a translator or painter.

    Raises InputError for a torn file.
    """
    if path.is_dir():
        return not any((path / name).is_dir() for name in _OF_TRANSLATORS)
    return path.is_file() and "task" in load_weights(path)[1]


def find_weights(path: Path, tasks: Sequence[str] | None = None) -> Path:
    """The file of weights, or that in the folder of a training; raises InputError as `load_trained` does.

    tasks: whose networks are of use there; None for any.
    """
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if not file.exists():
        raise InputError(_say_absent(path, list(TASKS) if tasks is None else tasks))
    return file


def _say_absent(path: Path, tasks: Sequence[str]) -> str:
    """What stands where a network was looked for, and the command to type next."""
    if (path / CONFIG_FILE).is_file():
        return f"the training in {path} has no network yet: the synth train command that began it goes on"
    found = sorted(path.glob(f"*/{WEIGHTS_FILE}"))
    if found:
        return f"there is no trained network at {path}: give {' or '.join(str(f.parent) for f in found[:4])}"
    folder = path.parent if path.name == WEIGHTS_FILE else path
    is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    task = "TASK" if len(tasks) > 1 else tasks[0]
    how = f"synth train {task}{f' --out {folder}' * is_free} trains one"
    which = f"; TASK is {' or '.join(tasks)}" * (len(tasks) > 1)
    return f"there is no trained network at {path}: {how}{which}"


def ask(trained: Trained, dataset: DatasetReader, split: Split) -> Answers:
    """Predictions for every image of a split; raises InputError where it has none for the task."""
    task = TASKS[trained.task]
    images = task.load(dataset, dataset.of_split(split), trained.settings)
    return Answers(task.names(images), task.predict(trained.net, images), task.truth(images))


def measure(trained: Trained, answers: Answers) -> dict[str, Effect]:
    """Every metric of the task with its interval over images; raises InputError for too few of them."""
    drawn = TASKS[trained.task].draw_scores([answers])
    return {name: measure_mix(draws) for name, draws in drawn.items()}


@dataclass(frozen=True)
class MeasuredPart:
    """One line of a breakdown, such as one class. n_true: as `Part` has it."""

    name: str
    n_true: int | None
    effects: Mapping[str, Effect]


def measure_parts(trained: Trained, answers: Answers) -> dict[str, list[MeasuredPart]]:
    """The breakdowns that a task has of these answers, by name; raises InputError for too few images."""
    return {
        name: [
            MeasuredPart(part.name, part.n_true, {m: measure_mix(draws) for m, draws in part.draws.items()})
            for part in parts
        ]
        for name, parts in TASKS[trained.task].break_down([answers]).items()
    }


def losses_of(trained: Trained, dataset: DatasetReader, split: Split) -> dict[str, float]:
    """Losses per image on a split, of tasks that measure them outside training."""
    task = TASKS[trained.task]
    return task.measure_losses(trained.net, task.load(dataset, dataset.of_split(split), trained.settings))


def predict_files(trained: Trained, paths: Sequence[Path]) -> Iterator[tuple[Path, NDArray[np.uint8], Any]]:
    """Each file, its picture [H,W,3] and what the network says of it, as its task does of bare pictures.

    All are opened before the first is predicted. Raises InputError for a file that is no picture.
    """
    for path in paths:
        read_picture(path)
    for first in range(0, len(paths), _AT_A_TIME):
        part = paths[first : first + _AT_A_TIME]
        pictures = [read_picture(path) for path in part]
        yield from zip(part, pictures, predict_pictures(trained, pictures), strict=True)


def predict_pictures(trained: Trained, pictures: Sequence[NDArray[np.uint8]]) -> list[Any]:
    """What the network says of pictures [H,W,3], RGB, as its task does; raises InputError for others."""
    for picture in pictures:
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            shape = "×".join(map(str, picture.shape))
            raise InputError(f"a picture is RGB, uint8 of height×width×3, got {picture.dtype} of {shape}")
    return TASKS[trained.task].predict_pictures(trained.net, trained.settings, pictures) if pictures else []


def list_pictures(trained: Trained, paths: Sequence[Path]) -> list[Path]:
    """The files among paths, and in place of each folder its pictures, of a dataset its images, by name.

    Raises InputError for a folder without any, and for a dataset where the network reads crops: of which kind
    it has to be told.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        is_dataset = (path / INFO_FILE).is_file()
        if is_dataset and TASKS[trained.task].words.unit == "crops":
            raise InputError(
                f"{path} is a dataset, and this network reads crops: give them, such as {path / 'crops'}; "
                "synth evaluate measures it on a dataset"
            )
        inside = path / "images" if is_dataset else path
        found = sorted(file for file in inside.glob("*") if file.suffix.lower() in SUFFIXES)
        if not found:
            raise InputError(f"{inside} has no picture: give files, or a folder of {', '.join(SUFFIXES)}")
        files += found
    return files


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A file as [H,W,3], upright; raises InputError for one that is absent or cannot be read."""
    if not path.exists():
        raise InputError(f"there is no picture at {path}")
    try:
        return open_picture(path).rgb_u8
    except DatasetError as error:
        raise InputError(str(error).replace(path.name, str(path), 1)) from error
