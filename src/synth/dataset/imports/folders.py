"""Pictures in one folder a class: each is of the class that its folder is called.

Folders train/, val/ and test/ may stand above those of the classes. What is told is the class of a whole
picture: the one instance of each sample has the whole picture for its box, and no mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from synth.dataset.classes import ALL_CLASSES
from synth.dataset.dealing import Card, deal_to_neighbours
from synth.dataset.imports.intake import (
    Intake,
    Misfit,
    OnPicture,
    Summary,
    describe_import,
    open_import,
)
from synth.dataset.imports.labelled import (
    Found,
    Planned,
    Shape,
    check_classes,
    list_pictures,
    plan,
    split_by_folder,
    take_all,
)
from synth.dataset.imports.pictures import Picture
from synth.dataset.info import DatasetInfo
from synth.dataset.record import SPLITS, Split
from synth.errors import InputError


@dataclass(frozen=True)
class FoldersSettings:
    """One import.

    splits: numbers or groups of pictures, where folders tell no splits. group: a table of pictures and
    groups.
    """

    folder: Path
    out: Path
    splits: Mapping[Split, str] = field(default_factory=dict)
    group: Path | None = None


def import_folders(settings: FoldersSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take pictures over; what does not fit is named, picture by picture.

    Raises InputError for a folder without folders of two classes or of which nothing fits, DatasetError for
    an ``out`` that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    if not settings.folder.is_dir():
        raise InputError(f"there is no folder {settings.folder}")
    pictures, misfits = list_pictures(settings.folder)
    has_splits = _tells_splits(pictures)
    depth = 1 if has_splits else 0
    classes_of = {p: parts[depth] for p in pictures if len(parts := PurePath(p).parts) > depth + 1}
    _demand_classes(settings.folder, sorted(set(classes_of.values())), depth)
    loose = [
        Misfit(path, "no class", "lies in no folder of a class: move it into one")
        for path in pictures
        if path not in classes_of
    ]
    found = [Found(path, split_by_folder(path) if has_splits else None) for path in classes_of]
    is_told = has_splits or settings.splits or settings.group is not None
    if not is_told:
        found = _deal_each_class(found, classes_of)
    planned = plan(found, settings.splits, settings.group, lambda path: [classes_of[path]])
    info = DatasetInfo(
        kind="imported",
        classes=check_classes(sorted(set(classes_of.values())), "rename the folder"),
        box_kind="tight",
        made_by=describe_import(
            "folders",
            settings.folder,
            {"splits": {split: settings.splits.get(split) for split in SPLITS}},
            settings.group,
            ALL_CLASSES,
        ),
    )
    with open_import(settings.out, info, settings.folder) as writer:
        intake = Intake(writer)
        if not is_told:
            intake.note(
                str(settings.folder),
                "it tells no splits, so each class is dealt by itself: its last quarter tests, a fifth of "
                "what comes before validates, the rest trains; --test and --val, or --group, deal otherwise",
            )
        for misfit in (*misfits, *loose):
            intake.refuse(misfit)
        take_all(
            intake,
            settings.folder,
            planned,
            lambda entry, picture: [_whole(entry, picture, classes_of[entry.path])],
            on_picture,
        )
        return intake.sum_up()


def _tells_splits(pictures: Sequence[str]) -> bool:
    """Whether the topmost folders are splits with folders below: two of them, or one and nothing else."""
    deep = [split_by_folder(path) for path in pictures if len(PurePath(path).parts) > 2]
    return len(set(deep) - {None}) > 1 or (len(deep) == len(pictures) > 0 and None not in deep)


def _demand_classes(folder: Path, classes: Sequence[str], depth: int) -> None:
    where = f"{folder}/train and its like have" if depth else f"{folder} has"
    if not classes:
        raise InputError(
            f"{where} no folders of classes with pictures: put the pictures of each class into a folder that "
            "is called like it"
        )
    if len(classes) == 1:
        raise InputError(
            f"{where} a folder of one class, {classes[0]!r:.80}, and pictures are told apart by two classes "
            "or more: add another folder"
        )


def _deal_each_class(found: Sequence[Found], classes_of: Mapping[str, str]) -> list[Found]:
    """The last quarter of every class tests, a fifth of what comes before validates."""
    splits: dict[str, Split] = {}
    for name in set(classes_of.values()):
        own = [entry.path for entry in found if classes_of[entry.path] == name]
        dealt = deal_to_neighbours([Card(i, path) for i, path in enumerate(own)])
        splits |= {path: dealt[i] for i, path in enumerate(own)}
    return [Found(entry.path, splits[entry.path]) for entry in found]


def _whole(entry: Planned, picture: Picture, class_name: str) -> Shape:
    """The whole picture as one object."""
    return Shape(entry.path, class_name, [0, 0, *picture.size_wh])
