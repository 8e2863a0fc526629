"""The files of a dataset folder and their records; nothing is read that leaves the folder."""

import json
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from synth.dataset import schema_1
from synth.dataset.info import SCHEMA_VERSION, DatasetInfo
from synth.dataset.layers import LAYERS, LayerName
from synth.dataset.record import Kind, Record
from synth.dataset.sample import Draft, Plate, Rejection, Sample
from synth.errors import DatasetError
from synth.storage.atomic import LineLog
from synth.storage.command import command_at_work
from synth.storage.lock import LOCK_FILE

INFO_FILE = "dataset.json"
SAMPLES_FILE = "samples.jsonl"
PLATES_FILE = "plates/plates.jsonl"
REJECTED_FILE = "rejected/rejected.jsonl"
FOLDERS = (*(layer.folder for layer in LAYERS.values()), "crops", "labels", "plates", "rejected")
_FILES = (INFO_FILE, SAMPLES_FILE, PLATES_FILE, REJECTED_FILE, LOCK_FILE)

_MOST_NAMED = 4
_IMPORT = "synth import makes one of somebody else's images (synth import --help says which)"

R = TypeVar("R", bound=Record)


def parse(model: type[R], text: bytes, where: str, info: DatasetInfo | None = None) -> R:
    """A record from JSON; raises DatasetError that names the place and the first thing wrong.

    info: of the dataset that a sample or a rejection is of, whose schema may be an earlier one.
    """
    try:
        if info is None or info.schema_version == SCHEMA_VERSION:
            return model.model_validate_json(text)
        upgraded = schema_1.upgrade(json.loads(text), info.made_by.verb)
        return model.model_validate_json(json.dumps(upgraded))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise DatasetError(f"{where}: {key + ': ' if key else ''}{first['msg']}{more}") from error
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: Invalid JSON: {error}") from error


def read_info(root: Path, made_by: str | None = None) -> DatasetInfo:
    """dataset.json of a folder; raises DatasetError when there is none or it is not valid.

    made_by: the command that makes such a dataset, named where there is none.
    """
    path = root / INFO_FILE
    if not root.is_dir():
        raise DatasetError(say_absent(root, made_by))
    refuse_odd_entries(root)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(say_absent(root, made_by)) from None
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    _refuse_newer(text, path)
    return parse(DatasetInfo, text, str(path))


def say_absent(root: Path, made_by: str | None = None) -> str:
    """What stands where a dataset was looked for, and the command to type next; made_by as `read_info`."""
    if root.is_file():
        return f"{root} is a file, and a dataset is a folder: {_IMPORT}"
    found = sorted(root.iterdir()) if root.is_dir() else []
    if inside := [path for path in found if (path / INFO_FILE).is_file()]:
        return f"{root} is not a dataset, but holds some: give {' or '.join(map(str, inside[:_MOST_NAMED]))}"
    if found:
        return f"{root} is not a dataset, it has no {INFO_FILE}: {_IMPORT}"
    if made_by is not None:
        return f"there is no dataset at {root}: {made_by} --out {root} makes one"
    return f"there is no dataset at {root}: synth capture --out {root} makes one of a cell, and {_IMPORT}"


def encode_info(info: DatasetInfo) -> bytes:
    """What dataset.json holds."""
    return (info.model_dump_json(indent=2, exclude_none=True) + "\n").encode()


def _refuse_newer(text: bytes, path: Path) -> None:
    try:
        version = json.loads(text)["schema_version"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DatasetError(
            f"{path} is of schema {version}, and this synth reads schemas up to {SCHEMA_VERSION}: "
            "install a newer synth-robotics"
        )


def refuse_older(root: Path, info: DatasetInfo) -> None:
    """Raises DatasetError for a dataset that can be read, but not written to, before it is migrated."""
    if info.schema_version != SCHEMA_VERSION:
        raise DatasetError(
            f"{root} is of schema {info.schema_version}, which is read but no longer written to: "
            f"synth dataset migrate {root} brings it to schema {SCHEMA_VERSION}"
        )


def refuse_odd_entries(root: Path) -> None:
    """Raises DatasetError where what synth reads and writes in a folder leaves it by a link, or is a pipe, a
    link to nothing, or a file where a folder belongs.
    """
    for names, is_right, what in ((FOLDERS, Path.is_dir, "folder"), (_FILES, Path.is_file, "file")):
        for name in names:
            path = root / name
            if not is_inside(root, path):
                raise DatasetError(f"{path} leads out of the dataset folder")
            if os.path.lexists(path) and not is_right(path):
                raise DatasetError(f"{path} is no {what}")


def is_inside(root: Path, path: Path) -> bool:
    """Whether a path stays in the folder, links followed; Path.resolve would fail at a link to itself."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def refuse_other_kind(out: Path, kind: Kind) -> None:
    """Raises DatasetError where a folder holds a dataset of another kind than will be written there."""
    if (out / INFO_FILE).exists() and (found := read_info(out).kind) != kind:
        raise DatasetError(f"{out} is {found}, and what is asked for would be {kind}: choose another --out")


def refuse_strangers(out: Path) -> None:
    """Raises DatasetError where a folder holds something and no dataset."""
    if not out.is_dir() or (out / INFO_FILE).exists():
        return
    if strangers := sorted(path.name for path in out.iterdir() if not path.name.startswith(".")):
        raise DatasetError(
            f"{out} is not empty and has no {INFO_FILE} (found {', '.join(strangers[:3])}): choose an empty "
            "folder"
        )


def read_samples(root: Path, info: DatasetInfo) -> list[Sample]:
    """Every sample in the order it was written; names are unique and classes known, or DatasetError."""
    path = root / SAMPLES_FILE
    samples = _read_records(Sample, path, info)
    first_line: dict[str, int] = {}
    for number, sample in enumerate(samples, start=1):
        if sample.name in first_line:
            raise DatasetError(
                f"{path}:{number}: sample {sample.name} stands on line {first_line[sample.name]} too"
            )
        first_line[sample.name] = number
        check_classes(sample, info, f"{path}:{number}")
        check_layers(sample.layers, info, f"{path}:{number}")
    return samples


def read_plates(root: Path) -> list[Plate]:
    """Every picture of the empty bench, by number."""
    return _read_records(Plate, root / PLATES_FILE, None)


def read_rejections(root: Path, info: DatasetInfo) -> list[Rejection]:
    """Everything that was refused or taken out, by number."""
    return _read_records(Rejection, root / REJECTED_FILE, info)


def _read_records(model: type[R], path: Path, info: DatasetInfo | None) -> list[R]:
    try:
        lines = LineLog(path).read()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    return [parse(model, line, f"{path}:{number}", info) for number, line in enumerate(lines, start=1)]


def check_classes(sample: Draft, info: DatasetInfo, where: str) -> None:
    """Raises DatasetError when an instance has a class that dataset.json does not name."""
    for instance in sample.instances:
        if instance.class_name not in info.classes:
            known = ", ".join(info.classes)
            raise DatasetError(
                f"{where}: class {instance.class_name!r} is not among the dataset's classes: {known}"
            )


def check_layers(names: Iterable[LayerName], info: DatasetInfo, where: str) -> None:
    """Raises DatasetError for a sample without an image in a dataset that is not of maps, and for a semantic
    map in one that names no classes of pixels.
    """
    if "image" not in names and info.kind != "maps":
        raise DatasetError(f"{where}: has no image, which only a dataset of the kind maps may lack")
    if "semantic" in names and info.semantic is None:
        raise DatasetError(f"{where}: a semantic map needs semantic.names in {INFO_FILE}")


def list_unknown_ids(ids: NDArray[Any], info: DatasetInfo) -> list[int]:
    """Values of a semantic map [H,W] that are neither a class's id nor void."""
    assert info.semantic is not None
    found = np.flatnonzero(np.bincount(ids.ravel()))
    return [int(i) for i in found if i >= len(info.semantic.names) and i != info.semantic.void]


def read_inside(root: Path, path: str) -> bytes:
    """The bytes of a file of the dataset; a path or link that leaves the folder is a DatasetError."""
    full = root / path
    try:
        if not is_inside(root, full):
            raise DatasetError(f"{full} leads out of the dataset folder")
        if full.is_fifo():
            raise DatasetError(f"{full} is a pipe, not a file")
        return full.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{full} is missing") from None
    except OSError as error:
        raise DatasetError(f"cannot read {full}: {error.strerror}") from error
    except ValueError as error:
        raise DatasetError(f"{path!r:.80} is no file name: {error}") from error


def rejected_path(number: int, path: str) -> str:
    """Where a file of a sample stands once it was taken out: ``rejected/000007_crop_0.png``."""
    folder, stem = PurePosixPath(path).parts[0], PurePosixPath(path).stem
    layers = {layer.folder: name for name, layer in LAYERS.items()}
    kind = layers.get(folder, f"crop_{stem.rpartition('_')[2]}")
    return f"rejected/{number:06d}_{kind}{PurePosixPath(path).suffix}"


def remember_command(info: DatasetInfo, root: Path) -> DatasetInfo:
    """What a new folder says of itself, with the command that is at work."""
    if (command := command_at_work(root)) is None:
        return info
    typed = {"command": command.words, "typed_in": command.typed_in}
    return info.model_copy(update={"made_by": info.made_by.model_copy(update=typed)})
