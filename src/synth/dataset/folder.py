"""The files of a dataset folder and their records; nothing is read that leaves the folder."""

import os
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import ValidationError

from synth.dataset.info import DatasetInfo, Kind
from synth.dataset.record import Record
from synth.dataset.sample import Draft, Sample
from synth.errors import DatasetError
from synth.storage.atomic import LineLog
from synth.storage.lock import LOCK_FILE

INFO_FILE = "dataset.json"
SAMPLES_FILE = "samples.jsonl"
PLATES_FILE = "plates/plates.jsonl"
REJECTED_FILE = "rejected/rejected.jsonl"
FOLDERS = ("images", "depth", "masks", "crops", "labels", "plates", "rejected")
_FILES = (INFO_FILE, SAMPLES_FILE, PLATES_FILE, REJECTED_FILE, LOCK_FILE)

R = TypeVar("R", bound=Record)


def parse(model: type[R], text: bytes, where: str) -> R:
    """A record from JSON; raises DatasetError that names the place and the first thing wrong."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise DatasetError(f"{where}: {key + ': ' if key else ''}{first['msg']}{more}") from error


def read_info(root: Path) -> DatasetInfo:
    """dataset.json of a folder; raises DatasetError when there is none or it is not valid."""
    path = root / INFO_FILE
    if not root.is_dir():
        raise DatasetError(f"there is no dataset at {root}: looked for the folder and its {INFO_FILE}")
    refuse_odd_entries(root)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"{root} is not a dataset: it has no {INFO_FILE}") from None
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    return parse(DatasetInfo, text, str(path))


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
        raise DatasetError(f"{out} is a {found} dataset, and a {kind} one is asked for: choose another --out")


def read_records(model: type[R], path: Path) -> list[R]:
    """Every finished line of a log; raises DatasetError that names the line."""
    try:
        lines = LineLog(path).read()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    return [parse(model, line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]


def read_samples(root: Path, info: DatasetInfo) -> list[Sample]:
    """Every sample in the order it was written; names are unique and classes known, or DatasetError."""
    path = root / SAMPLES_FILE
    samples = read_records(Sample, path)
    first_line: dict[str, int] = {}
    for number, sample in enumerate(samples, start=1):
        if sample.name in first_line:
            raise DatasetError(
                f"{path}:{number}: sample {sample.name} stands on line {first_line[sample.name]} too"
            )
        first_line[sample.name] = number
        check_classes(sample, info, f"{path}:{number}")
    return samples


def check_classes(sample: Draft, info: DatasetInfo, where: str) -> None:
    """Raises DatasetError when an instance has a class that dataset.json does not name."""
    for instance in sample.instances:
        if instance.class_name not in info.classes:
            known = ", ".join(info.classes)
            raise DatasetError(
                f"{where}: class {instance.class_name!r} is not among the dataset's classes: {known}"
            )


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
    kind = {"images": "image", "depth": "depth", "masks": "mask"}.get(
        folder, f"crop_{stem.rpartition('_')[2]}"
    )
    return f"rejected/{number:06d}_{kind}{PurePosixPath(path).suffix}"
