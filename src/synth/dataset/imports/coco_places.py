"""Where the JSON files of COCO lie, and the pictures that they name.

::

    FOLDER/annotations/instances_train2017.json    pictures in FOLDER/train2017/ or FOLDER/images/train2017/
    FOLDER/train/_annotations.coco.json            pictures beside it
    ANY.json                                       pictures in images/ beside it, or beside it

Programs write file names as the machine saw them that labelled: images/a.png beside images/ (Label Studio),
images\\a.png (Windows), ..\\..\\images\\a.png, https://…/a.png. A name that leads nowhere is found by what
comes after its last slash, where one picture alone is called so and one record alone asks for it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from urllib.parse import unquote

from synth.dataset.imports.labelled import fold, list_pictures
from synth.dataset.imports.pictures import inside_folder
from synth.errors import DatasetError, InputError

_ROBOFLOW = "_annotations.coco.json"
_PATTERNS = ("annotations/instances_*.json", f"*/{_ROBOFLOW}", _ROBOFLOW)


@dataclass(frozen=True)
class Place:
    """Where a picture is. path: inside the imported folder. is_by_name: found by its base name alone.

    absence: a sentence on a picture that is not there; empty otherwise.
    """

    path: str
    is_by_name: bool = False
    absence: str = ""


def find_files(folder: Path) -> list[Path]:
    """The JSON files of a folder in one of the usual layouts, or the one file that was named."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError(f"there is no {folder}")
    for pattern in (*_PATTERNS, "*.json"):
        if files := sorted(path for path in folder.glob(pattern) if path.is_file()):
            if pattern == "*.json" and len(files) > 1:
                break
            return files
    raise InputError(f"{folder} has no {' nor '.join(_PATTERNS)}: name the JSON file itself")


def list_folders(file: Path) -> tuple[Path, ...]:
    """The folders in which the names of a JSON may begin, the usual one first."""
    places = [file.parent / "images", file.parent]
    if file.parent.name == "annotations":
        root, stem = file.parent.parent, file.stem.removeprefix("instances_")
        places = [root / stem, root / "images" / stem, root / "images", root]
    return tuple(place for place in places if place.is_dir())


def find_root(folder: Path) -> Path:
    """The folder that holds JSON and pictures."""
    if folder.is_dir():
        return folder
    return folder.parent.parent if folder.parent.name == "annotations" else folder.parent


def spell_posix(file_name: str) -> str:
    """A file name with slashes where Windows has backslashes."""
    return file_name.replace("\\", "/")


def find_pictures(asked: Sequence[tuple[str, Sequence[Path]]], root: Path) -> list[Place]:
    """Where each picture is. asked: its name in the JSON, and the folders in which that may begin.

    What leads out of ``root`` is not there.
    """
    direct = [_follow(name, folders, root) for name, folders in asked]
    taken = {path for path in direct if path is not None}
    index: dict[Path, dict[str, list[str]]] = {}
    by_name: list[str | None] = []
    for (name, folders), path in zip(asked, direct, strict=True):
        if path is None and folders[0] not in index:
            index[folders[0]] = _by_base_name(folders[0], root)
        by_name.append(None if path is not None else _look_up(name, index[folders[0]]))
    n_asked = Counter(by_name)
    places = []
    for (name, folders), path, other in zip(asked, direct, by_name, strict=True):
        if path is not None:
            places.append(Place(path))
        elif other is not None and n_asked[other] == 1 and other not in taken:
            places.append(Place(other, is_by_name=True))
        else:
            places.append(Place(relpath(folders[0] / name, root), absence=_say_absent(name, folders, root)))
    return places


def _follow(name: str, folders: Sequence[Path], root: Path) -> str | None:
    """The path inside ``root`` of a picture that lies where its name says."""
    for spelt in dict.fromkeys((name, spell_posix(name))):
        for folder in folders:
            if _is_file(folder / spelt):
                path = relpath(folder / spelt, root)
                try:
                    inside_folder(root, path)
                except DatasetError:
                    continue
                return path
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # A name that no file can have.
        return False


def _by_base_name(folder: Path, root: Path) -> dict[str, list[str]]:
    """The paths inside ``root`` of the pictures below a folder, by their names as `fold` has them."""
    names: dict[str, list[str]] = {}
    for picture in list_pictures(folder)[0]:
        names.setdefault(fold(Path(picture).name), []).append(relpath(folder / picture, root))
    return names


def _look_up(name: str, pictures: dict[str, list[str]]) -> str | None:
    """The one picture of a base name; of those that differ in case alone, the one that is written just so."""
    base = re.split(r"[\\/]", name)[-1]
    for spelt in dict.fromkeys((base, unquote(base))):
        found = pictures.get(fold(spelt), [])
        just_so = [path for path in found if Path(path).name == spelt]
        for some in (just_so, found):
            if len(some) == 1:
                return some[0]
    return None


def _say_absent(name: str, folders: Sequence[Path], root: Path) -> str:
    if any(_is_file(folder / spelt) for folder in folders for spelt in (name, spell_posix(name))):
        return f"leads out of {root}"
    return f"is not in {' nor in '.join(map(str, folders))}: --images says in which folder these names begin"
