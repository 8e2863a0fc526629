"""COCO's instances, as cocodataset.org describes them: boxes and masks in one JSON a split.

``bbox`` is the tight box, x, y, width, height in pixels. Where every object of a picture has a segmentation,
polygons or run lengths, plain or packed, they become its mask. Crowds (``iscrowd``) are left out and noted.
Every object is taken for wholly visible: no label says otherwise. One annotation that cannot be taken costs
its picture, since an object without a label would teach that it is none. A picture whose size is not that of
the JSON is refused: its labels may be of another turn or scale.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from os.path import relpath
from pathlib import Path

import numpy as np

from synth.dataset.choices import BoxKind
from synth.dataset.classes import ALL_CLASSES, ClassChoice
from synth.dataset.codecs import file_sha256
from synth.dataset.imports.coco_records import (
    CocoAnnotation,
    CocoFile,
    CocoImage,
    Id,
    RunLengths,
    find_files,
    parse,
    read_file,
)
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
    Shape,
    check_classes,
    list_pictures,
    name_once,
    plan,
    take_all,
)
from synth.dataset.imports.pictures import Picture
from synth.dataset.info import DatasetInfo
from synth.dataset.record import SPLITS, Split
from synth.dataset.rle import decode_rle
from synth.errors import DatasetError, InputError
from synth.geometry.boxes import Mask
from synth.geometry.polygon import fill_polygon

_FAR_PX = 1e6


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


def import_coco(settings: CocoSettings, on_picture: OnPicture = lambda done, total: None) -> Summary:
    """Take COCO files over; what does not fit is named, picture by picture.

    Raises InputError for what is none of this format or of which nothing fits, DatasetError for an ``out``
    that was made otherwise, StorageError. KeyboardInterrupt leaves whole samples.
    """
    paths = find_files(settings.folder)
    root = settings.images or _root(settings.folder)
    files = [read_file(path, settings.images) for path in paths]
    categories = files[0].categories
    if odd := [f.where for f in files if f.categories != categories]:
        raise InputError(f"{odd[0]} and {files[0].where} have different categories: import them one by one")
    listed = [
        (Found(relpath(file.folder / image.file_name, root), file.split), file, image)
        for file in files
        for image in file.images
    ]
    found, again = name_once([entry for entry, _, _ in listed])
    split_of = {entry.path: entry.split for entry in found}
    labels: dict[str, tuple[CocoFile, CocoImage]] = {}
    for entry, file, image in listed:
        if entry.split == split_of[entry.path]:
            labels.setdefault(entry.path, (file, image))
    choice = settings.choice
    classes = choice.choose(check_classes(list(categories.values()), "rename it in the JSON"))
    planned = plan(found, settings.splits, settings.group, lambda path: _list_classes(*labels[path], choice))
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
        for folder, text in _unlisted(root, files, labels):
            intake.note(folder, text)
        take_all(
            intake,
            root,
            planned,
            lambda entry, picture: _read_shapes(*labels[entry.path], picture, intake),
            on_picture,
        )
        return intake.sum_up()


def _root(folder: Path) -> Path:
    """The folder that holds JSON and pictures."""
    if folder.is_dir():
        return folder
    return folder.parent.parent if folder.parent.name == "annotations" else folder.parent


def _unlisted(
    root: Path, files: Sequence[CocoFile], labels: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    for folder in sorted({file.folder for file in files}):
        pictures, _ = list_pictures(folder)
        if n_left := sum(relpath(folder / picture, root) not in labels for picture in pictures):
            yield str(folder), f"{n_left} pictures that are not listed, or more than once, are left out"


def _list_classes(file: CocoFile, image: CocoImage, choice: ClassChoice) -> Iterator[str]:
    """What a picture shows, as far as its records can be read."""
    for _, entry in file.annotations[image.id]:
        number = entry.get("category_id")
        category = file.categories.get(number) if isinstance(number, Id) else None
        if category is not None and (name := choice.name_of(category)) is not None:
            yield name


def _read_shapes(file: CocoFile, image: CocoImage, picture: Picture, intake: Intake) -> list[Shape]:
    if picture.size_wh != (image.width, image.height):
        raise Misfit(
            image.file_name,
            "wrong size",
            f"has {picture.size_wh[0]}×{picture.size_wh[1]} pixels, {image.width}×{image.height} in "
            f"{file.where}{f' ({picture.note})' if picture.note else ''}",
        )
    shapes = []
    for where, entry in file.annotations[image.id]:
        annotation = parse(CocoAnnotation, entry, where)
        if annotation.category_id not in file.categories:
            raise Misfit(where, "unknown class", f"has category_id {annotation.category_id!r:.40}")
        if annotation.iscrowd:
            intake.note(f"{image.file_name}, {where}", "a crowd is left out")
            continue
        x, y, width, height = annotation.bbox
        draw = _drawing(annotation.segmentation, picture.size_wh, where)
        class_name = file.categories[annotation.category_id]
        shapes.append(Shape(where, class_name, (x, y, x + width, y + height), draw))
    return shapes


def _drawing(
    segmentation: list[list[float]] | RunLengths | None, size_wh: tuple[int, int], where: str
) -> Callable[[], Mask] | None:
    """What draws a segmentation; nothing for none."""
    if not segmentation:
        return None
    if isinstance(segmentation, RunLengths):
        return partial(_draw_runs, segmentation, size_wh, where)
    for numbers in segmentation:
        if len(numbers) < 6 or len(numbers) % 2 or not (np.abs(numbers) < _FAR_PX).all():
            raise Misfit(
                where, "malformed", f"a polygon has x and y of three points or more, each under {_FAR_PX:g}"
            )
    return partial(_draw_polygons, segmentation, size_wh)


def _draw_polygons(polygons: list[list[float]], size_wh: tuple[int, int]) -> Mask:
    parts = [fill_polygon(np.reshape(numbers, (-1, 2)), size_wh) for numbers in polygons]
    return np.asarray(np.logical_or.reduce(parts))


def _draw_runs(runs: RunLengths, size_wh: tuple[int, int], where: str) -> Mask:
    height, width = runs.size
    if (width, height) != size_wh:
        raise Misfit(
            where,
            "wrong size",
            f"its mask has {width}×{height} pixels, its picture {size_wh[0]}×{size_wh[1]}",
        )
    try:
        return decode_rle(runs.counts, runs.size)
    except DatasetError as error:
        raise Misfit(where, "malformed", str(error)) from error
