"""COCO's instances, as cocodataset.org describes them: boxes and masks in one JSON a split.

``bbox`` is the tight box, x, y, width, height in pixels. Where every object of a picture has a segmentation,
polygons or run lengths, plain or packed, they become its mask. Crowds (``iscrowd``) are left out and noted.
Every object is taken for wholly visible: no label says otherwise. One annotation that cannot be taken costs
its picture, since an object without a label would teach that it is none; so are all pictures left out of a
split of which none has an annotation. A single picture without one is background, and is counted, unless some
annotation finds no picture. A picture whose size is not that of the JSON is refused: its labels may be of
another turn or scale.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import relpath
from pathlib import Path

from synth.dataset.choices import BoxKind
from synth.dataset.classes import ALL_CLASSES, ClassChoice
from synth.dataset.codecs import file_sha256
from synth.dataset.imports.coco_boxes import refuse_other_boxes
from synth.dataset.imports.coco_places import Place, find_files, find_pictures, find_root
from synth.dataset.imports.coco_records import CocoFile, CocoImage, Id, read_file, refuse_without_labels
from synth.dataset.imports.coco_shapes import read_shapes
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
    keep_used,
    list_pictures,
    name_once,
    plan,
    say_dealt,
    take_all,
)
from synth.dataset.imports.pictures import Picture, read_size
from synth.dataset.info import DatasetInfo
from synth.dataset.record import SPLITS, Split
from synth.errors import InputError


@dataclass(frozen=True)
class CocoSettings:
    """One import.

    folder: one of the usual layouts, or the JSON itself. images: where the JSON's file names begin; None to
    look. splits: numbers or groups of pictures, for a JSON that tells no split. group: a table of pictures
    and groups. choice: of classes.
    """

    folder: Path
    out: Path
    images: Path | None = None
    box_kind: BoxKind = "tight"
    splits: Mapping[Split, str] = field(default_factory=dict)
    group: Path | None = None
    choice: ClassChoice = ALL_CLASSES


@dataclass(frozen=True)
class Listed:
    """A picture that a JSON lists."""

    file: CocoFile
    image: CocoImage
    place: Place

    @property
    def is_annotated(self) -> bool:
        """Whether the JSON says anything of it."""
        return bool(self.file.annotations[self.image.id])


def import_coco(settings: CocoSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take COCO files over; what does not fit is named, picture by picture.

    Raises InputError for what is none of this format or of which nothing fits, DatasetError for an ``out``
    that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    if settings.images is not None and not settings.images.is_dir():
        raise InputError(f"there is no folder {settings.images}: --images says where the file names begin")
    paths = find_files(settings.folder)
    root = settings.images or find_root(settings.folder)
    files = [read_file(path, settings.images) for path in paths]
    named = [{str(number): name for number, name in file.categories.items()} for file in files]
    if odd := [file.where for file, names in zip(files, named, strict=True) if names != named[0]]:
        raise InputError(f"{odd[0]} and {files[0].where} have different categories: import them one by one")
    listed = _list(files, root)
    found, again = name_once([Found(each.place.path, each.file.split) for each in listed])
    split_of = {entry.path: entry.split for entry in found}
    labels: dict[str, Listed] = {}
    for each in listed:
        if each.file.split == split_of[each.place.path]:
            labels.setdefault(each.place.path, each)
    choice = settings.choice
    classes, remarks = _choose(files, labels, choice)
    refuse_without_labels(files)
    for file in files:
        refuse_other_boxes(file, _sizes(file, listed, root))
    planned = plan(found, settings.splits, settings.group, lambda path: _list_classes(labels[path], choice))
    info = DatasetInfo(
        kind="imported",
        classes=classes,
        flip_pairs=choice.choose_pairs((), classes),
        box_kind=settings.box_kind,
        made_by=describe_import(
            "coco",
            settings.folder,
            {
                "images": None if settings.images is None else str(settings.images),
                "json_sha256": [file_sha256(path.read_bytes()) for path in paths],
                "splits": {split: settings.splits.get(split) for split in SPLITS},
            },
            settings.group,
            choice,
        ),
    )
    with open_import(settings.out, info, root) as writer:
        intake = Intake(writer, choice)
        for misfit in (*(m for file in files for m in file.misfits), *again):
            intake.refuse(misfit)
        for remark in filter(None, (*remarks, say_dealt(found, settings.splits, settings.group))):
            intake.note(str(settings.folder), remark)
        for folder, text in _unlisted(root, files, labels):
            intake.note(folder, text)
        take_all(
            intake,
            root,
            list(_refuse_lost(intake, planned, labels)),
            lambda entry, picture: _label(labels[entry.path], picture, intake),
            on_picture,
        )
        return intake.sum_up()


def _list(files: Sequence[CocoFile], root: Path) -> list[Listed]:
    pairs = [(file, image) for file in files for image in file.images]
    places = find_pictures([(image.file_name, file.folders) for file, image in pairs], root)
    return [Listed(file, image, place) for (file, image), place in zip(pairs, places, strict=True)]


def _sizes(file: CocoFile, listed: Sequence[Listed], root: Path) -> dict[Id, tuple[int, int]]:
    """Width and height of the pictures of a JSON: what it says, else what they say."""
    sizes = {
        each.image.id: each.image.size_wh or read_size(root / each.place.path)
        for each in listed
        if each.file is file
    }
    return {number: size for number, size in sizes.items() if size is not None}


def _choose(
    files: Sequence[CocoFile], labels: Mapping[str, Listed], choice: ClassChoice
) -> tuple[tuple[str, ...], list[str]]:
    """The classes that some object of a picture has that is there, as they are called then, and remarks."""
    names = {str(number): name for number, name in files[0].categories.items()}
    used = {number for each in labels.values() if not each.place.absence for number in _list_numbers(each)}
    shown = {names[number] for number in used}
    remarks = [
        f"two categories are called {name}: {number}, which no label has, is left out"
        for number, name in names.items()
        if number not in used and name in shown
    ]
    known = tuple(name for number, name in names.items() if number in used or name not in shown)
    if not choice.keep and choice.single is None:
        known, unused = keep_used(known, shown)
        remarks.append(unused)
    return check_classes(choice.choose(known), "rename it in the JSON"), remarks


def _list_numbers(each: Listed) -> Iterator[str]:
    """The categories of a picture's objects, as far as its records can be read."""
    for _, entry in each.file.annotations[each.image.id]:
        if not entry.get("iscrowd") and (number := each.file.category_of(entry)) is not None:
            yield str(number)


def _list_classes(each: Listed, choice: ClassChoice) -> Iterator[str]:
    names = {str(number): name for number, name in each.file.categories.items()}
    for number in _list_numbers(each):
        if (name := choice.name_of(names[number])) is not None:
            yield name


def _unlisted(
    root: Path, files: Sequence[CocoFile], labels: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    for folder in sorted({file.folders[0] for file in files}):
        pictures, _ = list_pictures(folder)
        if n_left := sum(relpath(folder / picture, root) not in labels for picture in pictures):
            yield str(folder), f"{n_left} pictures that are not listed, or more than once, are left out"


def _refuse_lost(
    intake: Intake, planned: Sequence[Planned], labels: Mapping[str, Listed]
) -> Iterator[Planned]:
    """The pictures that are there and may have a label; the others are refused."""
    annotated = {entry.split for entry in planned if labels[entry.path].is_annotated}
    for entry in planned:
        each = labels[entry.path]
        if each.place.absence:
            misfit = Misfit(each.image.file_name, "no picture", each.place.absence)
        elif entry.split not in annotated:
            what = (
                f"is of {entry.split}, none of whose pictures has an annotation, while others have: perhaps"
            )
            misfit = Misfit(entry.path, "split without labels", f"{what} nobody has labelled them yet")
        elif not each.is_annotated and (n_strays := each.file.n_strays):
            what = f"has no annotation, while {n_strays} of {each.file.where} are of pictures that it lacks"
            misfit = Misfit(entry.path, "label in doubt", f"{what}: perhaps one is its own")
        else:
            if each.place.is_by_name:
                intake.note(entry.path, "is not where the JSON says, and was found by its name alone")
            yield entry
            continue
        intake.refuse(misfit, entry.name, entry.split)


def _label(each: Listed, picture: Picture, intake: Intake) -> list[Shape] | None:
    """What a picture shows; None where the JSON does not say, which makes it background."""
    if each.image.size_wh is None:
        intake.note(
            each.place.path, "the JSON does not say its size, which would tell labels of another scale"
        )
    return read_shapes(each.file, each.image, picture, intake) if each.is_annotated else None
