"""Ultralytics' layout for detection and segmentation, as its documentation of data sets describes it.

A row is a box or a polygon; where every object of a picture has a polygon, they are its mask. A picture
without a label is one of the background. The boxes are taken for tight ones, and every object for wholly
visible: no label says otherwise. One row that cannot be taken costs its picture, since an object without a
label would teach that it is none. Classes are those that some label shows. Where what stands is told by
yolo_folder, what rows say by yolo_rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
from synth.dataset.imports.labelled import Planned, Shape, keep_used, plan, say_dealt, take_all
from synth.dataset.imports.pictures import Picture
from synth.dataset.imports.yolo_folder import YoloFolder, read_yolo
from synth.dataset.imports.yolo_rows import parse_line, read_label
from synth.dataset.info import DatasetInfo
from synth.dataset.record import SPLITS, Split
from synth.errors import DatasetError, InputError


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
    chosen = _choose(folder.classes, choice)
    planned = plan(
        folder.found, settings.splits, settings.group, lambda path: _list_classes(folder, path, choice)
    )
    shown = {name for entry in planned for name in _list_classes(folder, entry.path, choice)}
    classes, left_out = keep_used(chosen, shown.union(choice.keep, *(choice.flip_pairs or ())))
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
            intake.note(note.where, note.text)
        for text in (left_out, say_dealt(folder.found, settings.splits, settings.group)):
            if text:
                intake.note(str(settings.folder), text)
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
    for number in folder.numbers.get(folder.labels.get(path, ""), ()):
        if number < len(folder.classes) and (name := choice.name_of(folder.classes[number])) is not None:
            yield name


def _read_shapes(folder: YoloFolder, entry: Planned, picture: Picture) -> list[Shape] | None:
    if entry.path in folder.refused:
        raise folder.refused[entry.path]
    label = folder.labels.get(entry.path)
    if label is None:
        return None
    try:
        lines = read_label(folder.root, label)
    except (DatasetError, OSError, ValueError) as error:
        raise Misfit(label, "unreadable", f"cannot be read: {error}") from error
    return [
        parse_line(line, folder.classes, picture.size_wh, f"{label} line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
