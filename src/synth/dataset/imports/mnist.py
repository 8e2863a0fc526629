"""MNIST and what has its format, IDX files of pictures and labels (LeCun, Cortes and Burges 1998).

A sample is one digit, grey as RGB. Its class is that of the whole picture, so its box is the whole picture.
Its mask is where the picture is not black, its alpha how bright it is: so much of a pixel the stroke covers.
"""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.dataset.classes import ALL_CLASSES
from synth.dataset.imports.intake import (
    Intake,
    Misfit,
    OnPicture,
    Summary,
    boxes_of,
    describe_import,
    open_import,
)
from synth.dataset.imports.pictures import Picture
from synth.dataset.info import DatasetInfo
from synth.dataset.record import SPLITS, Split
from synth.dataset.sample import Instance
from synth.errors import InputError

VAL_SHARE = 0.1
"""Share of the train file, its end, that validates unless told otherwise."""

_IMAGES, _LABELS = 3, 1
"""How many dimensions the arrays have."""

_BYTES_MAGIC = b"\x00\x00\x08"
"""How an IDX file of unsigned bytes begins; the number of dimensions follows."""

_WHY_ALIKE = (
    "digits of so few pixels look alike whoever writes them; the test digits are those that came as such"
)
_MOST_BYTES, _MOST_PAD_PX = 2**30, 512
_FILES: dict[str, tuple[str, str]] = {
    "train": ("train-images", "train-labels"),
    "test": ("t10k-images", "t10k-labels"),
}


@dataclass(frozen=True)
class MnistSettings:
    """One import.

    pad_px: black pixels around each picture. limits: so many digits of a split; those of train are the first
    of the train file, of val its last ones.
    """

    folder: Path
    out: Path
    pad_px: int = 0
    train: int | None = None
    val: int | None = None
    test: int | None = None


@dataclass(frozen=True, eq=False)
class _Digits:
    """What one pair of files holds. pictures: [N,H,W] uint8. labels: [N] uint8. where: of the pictures."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    where: str


def import_mnist(settings: MnistSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take digits over.

    Raises InputError for a folder without the files, for files that are no IDX, torn or too large, and for
    more digits than there are; DatasetError for an ``out`` that was made otherwise, StorageError.
    KeyboardInterrupt leaves whole samples.
    """
    if not 0 <= settings.pad_px <= _MOST_PAD_PX:
        raise InputError(f"--pad must be 0 to {_MOST_PAD_PX} pixels, got {settings.pad_px}")
    learnt, tested = (_read_pair(settings.folder, *names) for names in _FILES.values())
    rows = _choose_rows(settings, len(learnt.labels), len(tested.labels))
    used = np.unique(np.concatenate([learnt.labels, tested.labels])).tolist()
    info = DatasetInfo(
        kind="imported",
        classes=tuple(str(label) for label in used),
        box_kind="tight",
        near_copies_accepted=_WHY_ALIKE,
        made_by=describe_import(
            "mnist",
            settings.folder,
            {"pad_px": settings.pad_px, "n": {split: len(rows[split]) for split in SPLITS}},
            None,
            ALL_CLASSES,
        ),
    )
    total, done = sum(map(len, rows.values())), 0
    with open_import(settings.out, info, settings.folder) as writer:
        intake = Intake(writer)
        for split in reversed(SPLITS):
            digits, first = (tested, len(learnt.labels)) if split == "test" else (learnt, 0)
            for row in rows[split]:
                on_picture(done, total)
                try:
                    _take(intake, digits, row, f"{first + row:06d}", split, settings)
                except Misfit as misfit:
                    intake.refuse(misfit, f"{first + row:06d}", split)
                done += 1
        return intake.sum_up()


def _choose_rows(settings: MnistSettings, n_learnt: int, n_tested: int) -> dict[Split, range]:
    """Which digits of their file are of each split."""
    n_val = round(VAL_SHARE * n_learnt) if settings.val is None else settings.val
    n_train = max(0, n_learnt - n_val) if settings.train is None else settings.train
    n_test = n_tested if settings.test is None else settings.test
    for name, n, least in (("--train", n_train, 1), ("--val", n_val, 0), ("--test", n_test, 0)):
        if n < least:
            raise InputError(f"{name} must be {least} or more, got {n}")
    if n_train + n_val > n_learnt:
        raise InputError(
            f"the train file has {n_learnt} digits, fewer than {n_train} to train and {n_val} to validate: "
            "give smaller numbers"
        )
    if n_test > n_tested:
        raise InputError(f"the test file has {n_tested} digits, fewer than {n_test}: give a smaller --test")
    return {"train": range(n_train), "val": range(n_learnt - n_val, n_learnt), "test": range(n_test)}


def _take(
    intake: Intake, digits: _Digits, row: int, name: str, split: Split, settings: MnistSettings
) -> None:
    grey_u8 = np.pad(digits.pictures[row], settings.pad_px)
    source = f"{digits.where} {row}"
    picture = Picture(settings.folder / digits.where, np.repeat(grey_u8[..., None], 3, axis=2), False)
    box, square = boxes_of([0, 0, *picture.size_wh], picture.size_wh, source)
    digit = Instance(
        class_name=str(digits.labels[row]), box_xyxy_px=box, square_xyxy_px=square, visib_fract=1.0
    )
    intake.take(
        name=name,
        split=split,
        picture=picture,
        source=source,
        instances=[digit],
        mask=(grey_u8 > 0).astype(np.uint16),
        alpha_u8=grey_u8,
    )


def _read_pair(folder: Path, images: str, labels: str) -> _Digits:
    """Pictures and labels; raises InputError where one is absent or they differ in number."""
    pictures_file, labels_file = _find(folder, images), _find(folder, labels)
    pictures, names = read_idx(pictures_file, _IMAGES), read_idx(labels_file, _LABELS)
    if len(pictures) != len(names):
        raise InputError(
            f"{pictures_file.name} holds {len(pictures)} pictures and {labels_file.name} {len(names)} "
            "labels: take both from one place"
        )
    return _Digits(pictures, names, pictures_file.name)


def _find(folder: Path, beginning: str) -> Path:
    found = sorted(path for path in folder.glob(f"*{beginning}*ubyte*") if path.is_file())
    if not found:
        raise InputError(
            f"{folder} has no {beginning}-idx…-ubyte, zipped as .gz or not: give the folder of MNIST's four "
            "files"
        )
    return found[0]


def read_idx(path: Path, n_dimensions: int) -> NDArray[np.uint8]:
    """An array of unsigned bytes of an IDX file, zipped if it is called .gz.

    Not more than its header promises is unzipped. Raises InputError for another kind of file, for a torn one
    and for one of more than a gibibyte.
    """
    header_bytes = 4 + 4 * n_dimensions
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(header_bytes)
            if header[:4] != _BYTES_MAGIC + bytes([n_dimensions]) or len(header) < header_bytes:
                raise InputError(
                    f"{path} begins with {header[:4].hex(' ') or 'nothing'}, and an IDX file of bytes in "
                    f"{n_dimensions} dimension{'s' * (n_dimensions > 1)} with "
                    f"{(_BYTES_MAGIC + bytes([n_dimensions])).hex(' ')}: give MNIST's own files"
                )
            shape = tuple(int(n) for n in np.frombuffer(header[4:], ">u4"))
            n_bytes = int(np.prod(shape, dtype=object))
            if not 0 < n_bytes <= _MOST_BYTES:
                raise InputError(
                    f"{path} says that it holds {'×'.join(map(str, shape))} bytes, and 1 to {_MOST_BYTES} "
                    "can be read: give another file"
                )
            content = file.read(n_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if len(content) != n_bytes:
        more = "more" if len(content) > n_bytes else f"{len(content)}"
        raise InputError(f"{path} promises {n_bytes} bytes and holds {more}: copy it again")
    return np.frombuffer(content, np.uint8).reshape(shape)
