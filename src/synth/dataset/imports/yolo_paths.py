"""Where the pictures are that a description names, also where its paths were written on another machine.

As Ultralytics does, ``./`` in a list begins at the list's folder, and an entry ``../train/images`` that is
not there is sought without its dots. Of any other path that is not there, the longest end that is in the
folder is taken, and noted.
"""

from dataclasses import dataclass, field
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath

from synth.dataset.imports.intake import Misfit, Note
from synth.dataset.imports.labelled import Found, list_pictures
from synth.dataset.imports.pictures import SUFFIXES
from synth.dataset.record import Split
from synth.errors import InputError

_END_TAKEN = "is not in this folder as it is written; the longest end of it that is there was taken"
_NO_TEST = "is not in this folder, nor is an end of it: nothing comes in for test by it"
_SPLIT_WORDS = ("train", "val", "valid", "validation", "test")


@dataclass(frozen=True)
class Place:
    """A path inside a folder. is_end: whether it is only the end of what was written."""

    path: str
    is_end: bool = False


@dataclass(frozen=True)
class Listing:
    """What descriptions name: pictures, what is none of them, what is to be said; and the names of lists."""

    found: list[Found] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    lists: set[str] = field(default_factory=set)


def seek(base: Path, written: str) -> Place | None:
    """What a path means inside ``base``; None where it is elsewhere on this machine, or no end of it is
    there.

    An end is not taken where ``valid/``, ``test/`` or the like would be cut off before it.
    """
    for text in dict.fromkeys((written, written.replace("\\", "/"))):
        path = normpath(text)
        if path.startswith("/") and path.startswith(f"{base.resolve()}/"):
            path = relpath(path, base.resolve())
        if written and not path.startswith(("/", "..")) and exists(base / path):
            return Place(path)
    if not written or exists(base / written):
        return None
    parts = [part for part in PurePosixPath(normpath(text)).parts if part not in ("/", "//", "..")]
    for i in range(len(parts)):
        if i and parts[i - 1].lower() in _SPLIT_WORDS:
            continue
        if exists(base.joinpath(*parts[i:])):
            return Place("/".join(parts[i:]), is_end=i > 0)
    return None


def find_base(file: Path, path: str, root: Path | None) -> tuple[Path, list[Note]]:
    """Where entries begin: root, else ``path`` where it stays in the file's folder, else that folder.

    Raises InputError for a root that is no folder.
    """
    if root is not None:
        if not root.is_dir():
            raise InputError(f"there is no folder {root}")
        return root, []
    base = file.parent / path
    if not path or (base.is_dir() and base.resolve().is_relative_to(file.parent.resolve())):
        return base, []
    text = f"its path {path:.100} is no folder within {file.parent}, whose own folders are taken"
    return file.parent, [Note(file.name, text)]


def add_entry(listing: Listing, base: Path, entry: str, split: Split, file: Path, root: Path | None) -> None:
    """Add the pictures of one entry of ``file``, a folder or a list; raises InputError for a lost one.

    A lost one of test is noted where other pictures are there: Roboflow names one in every data.yaml.
    """
    place = seek(base, entry)
    path = base / (entry if place is None else place.path)
    if exists(path) and not path.resolve().is_relative_to(base.resolve()):
        raise InputError(
            f"{file} names {entry:.100}, which leads out of {base}: move it there, or give --root a folder "
            "that holds all of its pictures"
        )
    if place is None and split == "test" and listing.found:
        listing.notes.append(Note(f"{file.name}, test: {entry:.100}", _NO_TEST))
        return
    if place is None:
        remedy = ", or say by --root where its paths begin" if root is None else ""
        raise InputError(
            f"{file} names {entry:.100}, which is not in {base}, and no end of it is: put its pictures "
            f"there{remedy}"
        )
    if place.is_end:
        listing.notes.append(Note(f"{file.name}, {split}: {entry:.100}", _END_TAKEN))
    folder = path.resolve().relative_to(base.resolve())
    if path.is_dir():
        pictures, others = list_pictures(path.resolve())
        listing.found.extend(Found(str(folder / picture), split) for picture in pictures)
        listing.misfits.extend(within(str(folder), others))
    else:
        listing.lists.add(path.name)
        _add_list(listing, path, folder.parent, base, split)


def _add_list(listing: Listing, file: Path, folder: Path, base: Path, split: Split) -> None:
    """Add the pictures that a list in ``folder``, inside the base, names."""
    for number, line in enumerate(read_lines(file), start=1):
        where = f"{folder / file.name} line {number}"
        slashed = normpath(line.replace("\\", "/"))
        begins = (folder, Path()) if line.startswith("./") else (Path(), folder)
        places = [place for begin in begins if (place := seek(base, str(begin / line)))]
        place = min(places, key=lambda place: place.is_end, default=None)
        if place is None and (slashed.startswith(("/", "..")) or slashed[1:2] == ":"):
            why = "leads out of" if exists(base / line) else "is not in, and no end of it is in,"
            listing.misfits.append(Misfit(where, "leads out", f"{line:.100} {why} {base}"))
        elif PurePosixPath(slashed).suffix.lower() not in SUFFIXES:
            listing.misfits.append(Misfit(where, "no picture", f"{line:.100} is no name of a picture"))
        else:
            listing.found.append(Found(slashed if place is None else place.path, split))
            if place is not None and place.is_end:
                listing.notes.append(Note(f"{where}, {line:.100}", _END_TAKEN))


def within(folder: str, misfits: list[Misfit]) -> list[Misfit]:
    """The same things as seen from the folder above."""
    return [Misfit(f"{folder}/{m.where}", m.reason, m.detail) for m in misfits]


def read_lines(path: Path) -> list[str]:
    """The lines of a text that are not empty, none where there is no file; raises InputError."""
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no list that can be read: {error}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def exists(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
