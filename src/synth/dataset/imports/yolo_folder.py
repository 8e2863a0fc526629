"""Which pictures, splits, classes and labels a YOLO folder has.

::

    FOLDER/data.yaml           path, train, val, test: a folder of pictures, a list of them, or several; names
    FOLDER/obj.data            the same of CVAT's YOLO 1.1, with obj.names, where there is no data.yaml
    FOLDER/images/…/a.jpg      and its label FOLDER/labels/…/a.txt; beside the picture where no folder is
                               called images
    FOLDER/classes.txt         a class a line, where neither of the above names them

yolo_description reads the first two, yolo_paths seeks what they name, yolo_labels the labels, yolo_rows
surveys what stands in these.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from synth.dataset.imports.intake import Misfit, Note
from synth.dataset.imports.labelled import (
    Found,
    check_classes,
    list_pictures,
    name_once,
    printable,
    split_by_folder,
)
from synth.dataset.imports.pictures import SUFFIXES
from synth.dataset.imports.yolo_description import (
    CLASS_FILES,
    GIVE_NAMES,
    find_description,
    read_description,
)
from synth.dataset.imports.yolo_labels import label_of, match_labels
from synth.dataset.imports.yolo_paths import Listing, add_entry, exists, find_base, read_lines, within
from synth.dataset.imports.yolo_rows import survey
from synth.dataset.record import SPLITS
from synth.errors import InputError


@dataclass(frozen=True)
class YoloFolder:
    """root: the folder that every path begins at. found: the pictures, each once. labels: those of pictures
    that have one. numbers: of the classes in each label. refused: pictures that may have another label.
    """

    root: Path
    classes: tuple[str, ...]
    found: tuple[Found, ...]
    labels: Mapping[str, str]
    numbers: Mapping[str, Collection[int]]
    refused: Mapping[str, Misfit]
    misfits: tuple[Misfit, ...]
    notes: tuple[Note, ...]


def read_yolo(folder: Path, names: Sequence[str], root: Path | None) -> YoloFolder:
    """What stands in a folder or behind its data.yaml.

    names: of the classes, instead of those that the folder tells. root: where the paths of data.yaml begin,
    instead of where it says. Raises InputError for a folder without pictures or labels, for a data.yaml that
    cannot be read, is of another task, or leads out of its folder, and for rows of another kind.
    """
    if not folder.exists():
        raise InputError(f"there is no {folder}")
    file = folder if folder.is_file() else find_description(folder)
    if file is not None:
        return _read_described(file, names, root)
    if root is not None:
        raise InputError(f"--root says where the paths of a data.yaml begin, and {folder} has none")
    within_images = "images" if (folder / "images").is_dir() else ""
    below = [] if within_images else sorted(folder.glob("*/data.yaml"))
    if below:
        named = " or ".join(str(path.parent) for path in below[:2])
        raise InputError(
            f"{folder} has no data.yaml and no folder images, but folders below it have: give {named}"
        )
    pictures, misfits = list_pictures(folder / within_images)
    if not pictures and not within_images:
        raise InputError(
            f"{folder} has no data.yaml, no obj.data, no folder images and no pictures: give the folder that "
            "has, or the YAML itself"
        )
    found = [Found(str(Path(within_images, picture)), split_by_folder(picture)) for picture in pictures]
    return _gather(folder, names, Listing(found, within(within_images, misfits)), str(folder))


def _read_described(file: Path, names: Sequence[str], root: Path | None) -> YoloFolder:
    description = read_description(file, names)
    base, notes = find_base(file, description.path, root)
    listing = Listing(notes=notes)
    for split, entries in description.entries.items():
        for entry in entries:
            add_entry(listing, base, entry, split, file, root)
    by_split = {split: {f.path for f in listing.found if f.split == split} for split in SPLITS}
    for split, other in combinations(SPLITS, 2):
        if by_split[split] and by_split[split] == by_split[other]:
            raise InputError(
                f"{file} gives {split} and {other} the same pictures, so that nothing would be measured on "
                "unseen ones: take one of the two out"
            )
    return _gather(base, description.names, listing, str(file))


def _gather(root: Path, names: Sequence[str], listing: Listing, described_by: str) -> YoloFolder:
    """All that is known of the pictures of a listing."""
    if not listing.found and listing.misfits:
        raise InputError(
            f"{described_by} names no picture that can be taken: {len(listing.misfits)} things do not fit, "
            f"first {listing.misfits[0]}"
        )
    if not listing.found:
        raise InputError(f"{root} has no pictures ({', '.join(s[1:] for s in SUFFIXES)})")
    if not any(exists(root / picture.path) for picture in listing.found):
        raise InputError(
            f"{described_by} names {len(listing.found)} pictures, of which none is in {root}: first "
            f"{listing.found[0].path}"
        )
    pictures, again = name_once(listing.found)
    texts = {Path(file).name for file in CLASS_FILES} | listing.lists
    labelling = match_labels(root, pictures, texts)
    if not labelling.labels and not labelling.refused:
        first, other = pictures[0].path, next(iter(labelling.strays), None)
        also = f"; there are texts of other names, such as {printable(other)}" if other else ""
        if root.name == "images" and (root.parent / "labels").is_dir():
            also = f"; labels stand in {root.parent / 'labels'}: give {root.parent}"
        raise InputError(
            f"no picture has a label: that of {first} would be {label_of(first)} in {root}{also}"
        )
    rows = survey(root, sorted(labelling.labels.values()))
    names = names or next(filter(None, (read_lines(root / file) for file in CLASS_FILES)), [])
    if not names:
        raise InputError(f"{described_by} names no classes. {rows.say_numbers()}: {GIVE_NAMES}")
    strays = [
        Misfit(printable(label), "label without picture", "there is no picture of its name")
        for label in labelling.strays
    ]
    return YoloFolder(
        root,
        check_classes(names, GIVE_NAMES),
        tuple(pictures),
        labelling.labels,
        rows.numbers,
        labelling.refused,
        (*listing.misfits, *again, *strays),
        (*listing.notes, *labelling.notes, *rows.notes),
    )
