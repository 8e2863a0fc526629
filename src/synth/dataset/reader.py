"""Reading a dataset folder: its description, its samples, its images."""

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from synth.dataset import codecs
from synth.dataset.sample import (
    SPLITS,
    DatasetInfo,
    Draft,
    Kind,
    Plate,
    Record,
    Rejection,
    Sample,
    Split,
)
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


class DatasetReader:
    """A dataset as it stands on disk at this moment; raises DatasetError when it is not one.

    samples are in the order of their names.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.info = read_info(root)
        self.samples = tuple(sorted(read_samples(root, self.info), key=lambda s: s.name))
        self.plates = tuple(read_records(Plate, root / PLATES_FILE))
        self.rejections = tuple(read_records(Rejection, root / REJECTED_FILE))

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def __getitem__(self, name: str) -> Sample:
        for sample in self.samples:
            if sample.name == name:
                return sample
        raise DatasetError(f"{self.root} has no sample {name!r}")

    def of_split(self, split: Split) -> tuple[Sample, ...]:
        """The samples of one split."""
        return tuple(s for s in self.samples if s.split == split)

    def digest(self, splits: Collection[Split] = SPLITS) -> str:
        """SHA-256 of which images of some splits there are, in which split, and of their labels.

        What goes on with a dataset, or is made from it, keeps it and is gone on with only while it is the
        same.
        """
        lines = "\n".join(
            f"{s.split} {s.name} {s.pixels_sha256} {' '.join(i.to_line() for i in s.instances)}"
            for s in self.samples
            if s.split in splits
        )
        return hashlib.sha256(lines.encode()).hexdigest()

    def load_rgb(self, sample: Sample) -> NDArray[np.uint8]:
        """The image [H,W,3] uint8, RGB."""
        rgb_u8 = codecs.decode_rgb(read_inside(self.root, sample.image), str(self.root / sample.image))
        self._demand_size(rgb_u8.shape, sample, sample.image)
        return rgb_u8

    def load_depth_counts(self, sample: Sample) -> NDArray[np.uint16] | None:
        """Depth [H,W] as it stands on disk, 0 = missing; None where the sample has none."""
        if sample.depth is None:
            return None
        return self._load_u16(sample, sample.depth)

    def load_depth_m(self, sample: Sample) -> NDArray[np.float32] | None:
        """Depth [H,W] float32 in metres along z, 0 = missing; None where the sample has none."""
        counts = self.load_depth_counts(sample)
        if counts is None:
            return None
        scale = self.info.camera.depth_scale_m if self.info.camera else None
        if scale is None:
            raise DatasetError(
                f"{self.root / INFO_FILE} has no camera.depth_scale_m, so {sample.depth} has no unit"
            )
        return codecs.to_depth_m(counts, scale)

    def load_mask(self, sample: Sample) -> NDArray[np.uint16] | None:
        """The mask [H,W] uint16, value = instance index + 1; None where the sample has none."""
        if sample.mask is None:
            return None
        return self._load_u16(sample, sample.mask)

    def load_crop(self, sample: Sample, i_instance: int) -> NDArray[np.uint8] | None:
        """The crop [224,224,3] uint8, RGB, of one instance; None where it has none."""
        crop = sample.instances[i_instance].crop
        return (
            None if crop is None else codecs.decode_rgb(read_inside(self.root, crop), str(self.root / crop))
        )

    def load_file(self, sample: Sample, path: str) -> bytes:
        """The bytes of one of a sample's files, to be handed on as they are.

        Raises DatasetError for a file that is missing or not the one that the sample's record says.
        """
        content = read_inside(self.root, path)
        if codecs.file_sha256(content) != sample.sha256[path]:
            raise DatasetError(
                f"{self.root / path} is not the file that its record says: synth dataset verify {self.root} "
                "tells more"
            )
        return content

    def _load_u16(self, sample: Sample, path: str) -> NDArray[np.uint16]:
        counts = codecs.decode_u16(read_inside(self.root, path), str(self.root / path))
        self._demand_size(counts.shape, sample, path)
        return counts

    def _demand_size(self, shape: tuple[int, ...], sample: Sample, path: str) -> None:
        if (shape[1], shape[0]) != tuple(sample.size_wh):
            recorded = f"{sample.size_wh[0]}×{sample.size_wh[1]}"
            raise DatasetError(f"{self.root / path} is {shape[1]}×{shape[0]}, recorded as {recorded}")
