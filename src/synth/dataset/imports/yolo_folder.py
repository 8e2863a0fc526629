"""Which pictures, splits and classes a folder of Ultralytics' layout has, and where a picture's label stands.

::

    FOLDER/data.yaml           path, train, val, test: a folder of pictures, a list of them, or several; names
    FOLDER/images/…/a.jpg      and its label FOLDER/labels/…/a.txt; beside the picture where no folder is
                               called images
    FOLDER/classes.txt         a class a line, where there is no data.yaml

As Ultralytics does, ``./`` in a list begins at the list's folder, and an entry ``../train/images`` that is
not there is sought without its dots.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.labelled import (
    Found,
    check_classes,
    list_pictures,
    name_once,
    printable,
    split_by_folder,
)
from synth.dataset.imports.pictures import SUFFIXES
from synth.dataset.record import SPLITS
from synth.errors import InputError

_GIVE_NAMES = "give --names first,second,…"


@dataclass(frozen=True)
class YoloFolder:
    """root: the folder that every path begins at. found: the pictures that can be taken, each once."""

    root: Path
    classes: tuple[str, ...]
    found: tuple[Found, ...]
    misfits: tuple[Misfit, ...]
    notes: tuple[str, ...]


def read_yolo(folder: Path, classes: Sequence[str], root: Path | None) -> YoloFolder:
    """What stands in a folder or behind its data.yaml.

    classes: instead of those that the folder names. root: where the paths of data.yaml begin, instead of
    where it says. Raises InputError for a folder without pictures or labels, and for a data.yaml that cannot
    be read, is of another task, or leads out of its folder.
    """
    file = folder if folder.is_file() else folder / "data.yaml"
    if not folder.exists():
        raise InputError(f"there is no {folder}")
    if file.is_file():
        return _read_yaml(file, classes, root)
    if not (folder / "images").is_dir():
        raise InputError(f"{folder} has neither a data.yaml nor a folder images")
    pictures, misfits = list_pictures(folder / "images")
    found = [Found(f"images/{picture}", split_by_folder(picture)) for picture in pictures]
    names = classes or next(filter(None, map(_lines, _class_files(folder))), [])
    return _sift(folder, check_classes(names, _GIVE_NAMES), found, _within("images", misfits), [])


def label_of(picture: str) -> str:
    """The label of a picture, both inside the root: in labels/ where the picture is in images/."""
    return str(_moved(picture, "images", "labels").with_suffix(".txt"))


def _moved(path: str, old: str, new: str) -> PurePosixPath:
    parts = list(PurePosixPath(path).parts)
    for i in reversed(range(len(parts) - 1)):
        if parts[i] == old:
            parts[i] = new
            break
    return PurePosixPath(*parts)


def _read_yaml(file: Path, classes: Sequence[str], root: Path | None) -> YoloFolder:
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{file} is not YAML that can be read: {str(error)[:200]}") from error
    if not isinstance(data, dict):
        raise InputError(f"{file} must map train, val, test and names")
    if "kpt_shape" in data:
        raise InputError(f"{file} describes key points (kpt_shape), which are not taken over")
    entries = {split: data[split] for split in SPLITS if data.get(split)}
    if not entries:
        raise InputError(f"{file} names no pictures: it has none of {', '.join(SPLITS)}")
    names = check_classes(classes or _names(data, file), _GIVE_NAMES)
    base, notes = _base(file, data.get("path"), root)
    found: list[Found] = []
    misfits: list[Misfit] = []
    lists: set[str] = set()
    for split, entry in entries.items():
        for path in map(str, entry if isinstance(entry, list) else [entry]):
            pictures, others = _expand(base, path, file)
            found += [Found(picture, split) for picture in pictures]
            misfits += others
            lists.add(Path(path).name)
    by_split = {split: {f.path for f in found if f.split == split} for split in SPLITS}
    for split, other in combinations(SPLITS, 2):
        if by_split[split] and by_split[split] == by_split[other]:
            raise InputError(
                f"{file} gives {split} and {other} the same pictures, so that nothing would be measured on "
                "unseen ones: take one of the two out"
            )
    return _sift(base, names, found, misfits, notes, lists)


def _names(data: dict[str, Any], file: Path) -> list[str]:
    names = data.get("names")
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise InputError(f"{file}: names must be numbered from 0 without gaps, or {_GIVE_NAMES}")
        names = [names[i] for i in range(len(names))]
    if not isinstance(names, list) or not all(type(name) in (str, int, float) for name in names):
        raise InputError(
            f"{file}: names must be a list of names, in quotes where they are yes or no; or {_GIVE_NAMES}"
        )
    if data.get("nc", len(names)) != len(names):
        raise InputError(f"{file} has {len(names)} names, but says nc: {data['nc']!r:.20}")
    return [str(name) for name in names]


def _base(file: Path, path: Any, root: Path | None) -> tuple[Path, list[str]]:
    """Where entries begin: root, else ``path`` where it stays in the file's folder, else that folder."""
    if root is not None:
        if not root.is_dir():
            raise InputError(f"there is no folder {root}")
        return root, []
    if not path:
        return file.parent, []
    base = file.parent / str(path)
    if base.is_dir() and base.resolve().is_relative_to(file.parent.resolve()):
        return base, []
    return file.parent, [
        f"{file.name}: its path {path!s:.100} is no folder within {file.parent}, whose own folders are taken"
    ]


def _expand(base: Path, entry: str, file: Path) -> tuple[list[str], list[Misfit]]:
    """The pictures of one entry, a folder or a list, as paths inside the base."""
    path = base / entry
    while not _exists(path) and entry.startswith("../"):
        entry = entry[3:]
        path = base / entry
    if not _exists(path):
        raise InputError(
            f"{file} names {entry:.100}, which is not in {base}: --root says where its paths begin"
        )
    inside = path.resolve()
    if not inside.is_relative_to(base.resolve()):
        raise InputError(
            f"{file} names {entry}, which leads out of {base}: --root says where its paths begin"
        )
    folder = inside.relative_to(base.resolve())
    if path.is_dir():
        pictures, misfits = list_pictures(inside)
        return [str(folder / picture) for picture in pictures], _within(str(folder), misfits)
    return _read_list(path, folder.parent, base)


def _read_list(file: Path, folder: Path, base: Path) -> tuple[list[str], list[Misfit]]:
    """The pictures that a list in ``folder``, inside the base, names."""
    pictures, misfits = [], []
    for number, line in enumerate(_lines(file), start=1):
        where = f"{folder / file.name} line {number}"
        path = normpath(folder / line if line.startswith("./") else line)
        if path.startswith(f"{base.resolve()}/"):
            path = relpath(path, base.resolve())
        if path.startswith(("/", "../")):
            misfits.append(Misfit(where, "leads out", f"{line:.100} leads out of {base}"))
        elif Path(path).suffix.lower() not in SUFFIXES:
            misfits.append(Misfit(where, "no picture", f"{line:.100} is no name of a picture"))
        else:
            pictures.append(path)
    return pictures, misfits


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # A name that no file can have.
        return False


def _sift(
    root: Path,
    classes: tuple[str, ...],
    found: Sequence[Found],
    misfits: list[Misfit],
    notes: list[str],
    lists: Iterable[str] = (),
) -> YoloFolder:
    """What can be taken: each picture once, none that shares its label with another.

    lists: names of texts that are no labels.
    """
    if not found:
        raise InputError(f"{root} has no pictures ({', '.join(s[1:] for s in SUFFIXES)})")
    if not any(_exists(root / label_of(f.path)) for f in found):
        raise InputError(
            f"no picture has a label: that of {found[0].path} would be {label_of(found[0].path)} in {root}"
        )
    pictures, again = name_once(found)
    n_pictures = Counter(label_of(f.path) for f in pictures)
    misfits += again
    misfits += [
        Misfit(f.path, "shared label", f"has {label_of(f.path)} in common with another picture")
        for f in pictures
        if n_pictures[label_of(f.path)] > 1
    ]
    pictures = [f for f in pictures if n_pictures[label_of(f.path)] == 1]
    misfits += _labels_without_picture(root, found, {f.name for f in _class_files(root)}.union(lists))
    return YoloFolder(root, classes, tuple(pictures), tuple(misfits), tuple(notes))


def _labels_without_picture(root: Path, found: Sequence[Found], lists: Container[str]) -> Iterator[Misfit]:
    known = {label_of(f.path) for f in found}
    folders = {Path(label).parent for label in known}
    for folder in sorted(folders - {f for f in folders if folders & set(f.parents)}):
        for path in sorted((root / folder).rglob("*.txt")):
            label = str(path.relative_to(root))
            pictures = (root / _moved(label, "labels", "images").with_suffix(suffix) for suffix in SUFFIXES)
            if label not in known and path.name not in lists and not any(p.exists() for p in pictures):
                yield Misfit(printable(label), "label without picture", "there is no picture of its name")


def _class_files(folder: Path) -> list[Path]:
    return [folder / "classes.txt", folder / "labels/classes.txt"]


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no list that can be read: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _within(folder: str, misfits: Sequence[Misfit]) -> list[Misfit]:
    return [Misfit(f"{folder}/{m.where}", m.reason, str(m).removeprefix(f"{m.where}: ")) for m in misfits]
