"""Ultralytics' layout for detection and segmentation, as its documentation of data sets describes it.

A label line is ``class xc yc w h``, fractions of the picture, or ``class x1 y1 x2 y2 x3 y3 …``, a polygon,
which becomes a box and, where every object of a picture has one, a mask. A picture without a label is one of
the background. The boxes are taken for tight ones, and every object for wholly visible: no label says
otherwise. One line that cannot be taken costs its picture, since an object without a label would teach that
it is none. Where what stands is told by yolo_folder.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from pathlib import Path

import numpy as np

from synth.dataset.choices import BoxKind
from synth.dataset.classes import ALL_CLASSES, ClassChoice
from synth.dataset.imports.intake import (
    Intake,
    Misfit,
    OnPicture,
    Summary,
    describe_import,
    open_import,
)
from synth.dataset.imports.labelled import Planned, Shape, plan, take_all
from synth.dataset.imports.pictures import Picture, inside_folder
from synth.dataset.imports.yolo_folder import YoloFolder, label_of, read_yolo
from synth.dataset.info import DatasetInfo
from synth.dataset.record import SPLITS, Split
from synth.errors import DatasetError, InputError
from synth.geometry.polygon import fill_polygon

_N_BOX = 5


@dataclass(frozen=True)
class YoloSettings:
    """One import.

    folder: one with a data.yaml, or with images/ and labels/, or the data.yaml itself. names: of the classes,
    instead of those in the folder. root: where the paths of data.yaml begin. splits: numbers or groups of
    pictures, for folders that tell no splits. group: a table of pictures and groups. choice: of classes.
    """

    folder: Path
    out: Path
    names: tuple[str, ...] = ()
    root: Path | None = None
    box_kind: BoxKind = "tight"
    splits: Mapping[Split, str] = field(default_factory=dict)
    group: Path | None = None
    choice: ClassChoice = ALL_CLASSES


def import_yolo(settings: YoloSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take a folder over; what does not fit is named, picture by picture.

    Raises InputError for a folder that is none of this layout or of which nothing fits, DatasetError for an
    ``out`` that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    folder = read_yolo(settings.folder, settings.names, settings.root)
    choice = settings.choice
    classes = _choose(folder.classes, choice)
    planned = plan(
        folder.found, settings.splits, settings.group, lambda path: _list_classes(folder, path, choice)
    )
    info = DatasetInfo(
        kind="imported",
        classes=classes,
        flip_pairs=choice.choose_pairs((), classes),
        box_kind=settings.box_kind,
        made_by=describe_import(
            "yolo",
            settings.folder,
            {
                "root": str(folder.root),
                "splits": {split: settings.splits.get(split) for split in SPLITS},
            },
            settings.group,
            choice,
        ),
    )
    with open_import(settings.out, info, folder.root) as writer:
        intake = Intake(writer, choice)
        for note in folder.notes:
            intake.note(str(settings.folder), note)
        for misfit in folder.misfits:
            intake.refuse(misfit)
        take_all(
            intake,
            folder.root,
            planned,
            lambda entry, picture: _read_shapes(folder, entry, picture),
            on_picture,
        )
        return intake.sum_up()


def _choose(known: Sequence[str], choice: ClassChoice) -> tuple[str, ...]:
    try:
        return choice.choose(known)
    except InputError as error:
        raise InputError(f"{error}; --names gives them other names, from number 0 on") from None


def _list_classes(folder: YoloFolder, path: str, choice: ClassChoice) -> Iterator[str]:
    """What a label shows, as far as it can be read."""
    try:
        lines = inside_folder(folder.root, label_of(path)).read_text(encoding="utf-8-sig").splitlines()
    except (DatasetError, OSError, ValueError):
        return
    for number in (line.split()[0] for line in lines if line.strip()):
        if number.isdecimal() and int(number) < len(folder.classes):
            name = choice.name_of(folder.classes[int(number)])
            yield from () if name is None else (name,)


def _read_shapes(folder: YoloFolder, entry: Planned, picture: Picture) -> list[Shape] | None:
    label = label_of(entry.path)
    if not (folder.root / label).exists() and not (folder.root / label).is_symlink():
        return None
    try:
        text = inside_folder(folder.root, label).read_text(encoding="utf-8-sig")
    except (DatasetError, OSError, ValueError) as error:
        raise Misfit(label, "unreadable", f"cannot be read: {error}") from error
    return [
        parse_line(line, folder.classes, picture.size_wh, f"{label} line {number}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]


def parse_line(line: str, classes: Sequence[str], size_wh: tuple[int, int], where: str) -> Shape:
    """One object of a label. Raises Misfit that names what is wrong with it."""
    try:
        index, *fractions = (float(word) for word in line.split())
    except ValueError:
        raise Misfit(where, "malformed", f"has words that are no numbers: {line:.60}") from None
    if not all(isfinite(v) for v in (index, *fractions)):
        raise Misfit(where, "box not finite", f"has numbers that are not finite: {line:.60}")
    n_numbers = len(fractions) + 1
    if n_numbers != _N_BOX and (n_numbers < _N_BOX + 2 or n_numbers % 2 == 0):
        raise Misfit(
            where,
            "malformed",
            f"has {n_numbers} numbers: a box has class xc yc w h, a polygon a class and three points or more",
        )
    if not (index.is_integer() and 0 <= index < len(classes)):
        raise Misfit(
            where,
            "unknown class",
            f"has class {index:g}, but there are {len(classes)}, from 0 on: {', '.join(classes):.80}",
        )
    class_name = classes[int(index)]
    if n_numbers == _N_BOX:
        centre, size = np.reshape(fractions, (2, 2)) * size_wh
        return Shape(where, class_name, [*(centre - size / 2), *(centre + size / 2)])
    polygon = np.reshape(fractions, (-1, 2)) * size_wh
    box = [*polygon.min(axis=0), *polygon.max(axis=0)]
    return Shape(where, class_name, box, partial(fill_polygon, polygon, size_wh))
