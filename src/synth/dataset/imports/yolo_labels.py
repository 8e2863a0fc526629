"""Where the label of a picture stands: where Ultralytics seeks it, or where else only it can be meant.

A label is sought in labels/ where its picture is in images/, else beside its picture, and is called like it.
Where there is none, the one text is taken that stands beside the picture or in such a folder of another name
(label, Labels), or that is called P1.txt, p1.TXT or p1.jpg.txt for p1.jpg; it is noted. Two such texts, or
one for two pictures, cost these pictures. So do a label without a picture that may be theirs, and a split in
which nothing is labelled while others are: a picture without a label teaches that nothing is there.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from synth.dataset.imports.intake import Misfit, Note
from synth.dataset.imports.labelled import Found, fold, printable
from synth.dataset.imports.pictures import SUFFIXES
from synth.dataset.imports.yolo_paths import exists
from synth.dataset.record import SPLITS

_ELSEWHERE = "is not where a label is sought, or is called otherwise; taken as the only one for its picture"
_IMAGES, _LABELS = ("images", "image"), ("labels", "label")


@dataclass(frozen=True)
class Labelling:
    """labels: by picture, of those that have one. refused: pictures that may have another one. strays: labels
    without a picture.
    """

    labels: Mapping[str, str]
    refused: Mapping[str, Misfit]
    strays: Sequence[str]
    notes: Sequence[Note]


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


def match_labels(root: Path, pictures: Sequence[Found], lists: Collection[str]) -> Labelling:
    """What is known of the label of each picture. lists: names of texts that are no labels."""
    paths = [picture.path for picture in pictures]
    labels = {path: label_of(path) for path in paths if _stands(root / label_of(path))}
    refused: dict[str, Misfit] = {}
    known = set(labels.values())
    texts = _Texts(root, lists)
    others = {path: sorted(texts.alike(path) - known) for path in paths if path not in labels}
    labels |= {path: found[0] for path, found in others.items() if len(found) == 1}
    for path in (path for path, found in others.items() if len(found) > 1):
        named = " or ".join(others[path][:2])
        refused[path] = Misfit(path, "label in doubt", f"may be labelled by {named}: keep one of them")
    n_pictures = Counter(labels.values())
    for path in [path for path in labels if n_pictures[labels[path]] > 1]:
        label = labels.pop(path)
        refused[path] = Misfit(path, "shared label", f"has {label} in common with another picture")
    claimed = {*n_pictures, *(label for found in others.values() for label in found)}
    strays = sorted(_strays(root, paths, claimed, lists))
    unlabelled = [path for path in others if path not in labels and path not in refused]
    for path, stray in _doubts(unlabelled, [stray for stray in strays if not _is_prose(root / stray)]):
        why = (
            f"has no label, while {printable(stray)} has no picture and may be its label: give both one name"
        )
        refused[path] = Misfit(path, "label in doubt", why)
    refused |= _unlabelled_splits(pictures, labels, refused)
    notes = [Note(labels[path], _ELSEWHERE) for path in others if path in labels]
    return Labelling(labels, refused, strays, notes)


def _stands(label: Path) -> bool:
    return exists(label) or label.is_symlink()


@dataclass
class _Texts:
    """The texts of a tree, each folder read once."""

    root: Path
    lists: Collection[str]
    _entries: dict[PurePosixPath, tuple[list[str], dict[str, list[str]]]] = field(default_factory=dict)

    def alike(self, picture: str) -> set[str]:
        """Texts beside a picture, or in the folder of its labels, that are called like it but for case and
        endings.
        """
        path = PurePosixPath(picture)
        return {
            str(folder / name)
            for folder in {path.parent, *self._label_folders(path.parent)}
            for key in {fold(path.name), fold(path.stem)}
            for name in self._read(folder)[1].get(key, ())
        }

    def _label_folders(self, images: PurePosixPath) -> list[PurePosixPath]:
        """Folders whose path is that of ``images`` but for case, with labels in the place of images."""
        wanted: list[tuple[str, ...]] = [(fold(part),) for part in images.parts]
        places = [i for i, part in enumerate(images.parts) if part.casefold() in _IMAGES]
        if places:
            wanted[places[-1]] = _LABELS
        folders = [PurePosixPath()]
        for names in wanted:
            folders = [f / name for f in folders for name in self._read(f)[0] if fold(name) in names]
        return folders

    def _read(self, folder: PurePosixPath) -> tuple[list[str], dict[str, list[str]]]:
        """Names of folders, and of texts by what stands before their ending."""
        if folder not in self._entries:
            folders, texts = [], defaultdict(list)
            if (self.root / folder).is_dir():
                for path in (self.root / folder).iterdir():
                    if path.is_dir():
                        folders.append(path.name)
                    elif path.suffix.lower() == ".txt" and path.name not in self.lists:
                        texts[fold(path.stem)].append(path.name)
            self._entries[folder] = folders, texts
        return self._entries[folder]


def _strays(
    root: Path, pictures: Sequence[str], claimed: Collection[str], lists: Collection[str]
) -> Iterator[str]:
    """Texts in folders of labels that no picture claims."""
    folders = {PurePosixPath(label_of(path)).parent for path in pictures}
    folders |= {PurePosixPath(label).parent for label in claimed} - {
        PurePosixPath(p).parent for p in pictures
    }
    for folder in sorted(folders - {f for f in folders if folders & set(f.parents)}):
        for path in (root / folder).rglob("*"):
            label = str(path.relative_to(root))
            images = (root / _moved(label, "labels", "images").with_suffix(suffix) for suffix in SUFFIXES)
            if (
                path.suffix.lower() == ".txt"
                and label not in claimed
                and path.name not in lists
                and not path.name.lower().startswith("readme")
                and not any(picture.exists() for picture in images)
            ):
                yield label


def _is_prose(path: Path) -> bool:
    """Whether a text has words and no number: names of classes, notes."""
    try:
        words = path.read_text(encoding="utf-8-sig").split()
    except (OSError, ValueError):
        return False
    return bool(words) and not any(word[0].isdigit() for word in words)


def _doubts(unlabelled: Sequence[str], strays: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pictures without a label, each with a label without a picture that may be its.

    It may be where both have the same numbers in their names, and where a folder has as many such labels as
    such pictures.
    """
    labels: dict[str, list[str]] = defaultdict(list)
    for label in strays:
        labels[str(PurePosixPath(label).parent)].append(label)
    folders = {path: str(PurePosixPath(label_of(path)).parent) for path in unlabelled}
    n_pictures = Counter(folders.values())
    numbered = {folder: {_numbers(label): label for label in found} for folder, found in labels.items()}
    for path, folder in folders.items():
        if folder in labels:
            alike = numbered[folder].get(_numbers(path))
            if alike is not None or len(labels[folder]) >= n_pictures[folder]:
                yield path, alike or labels[folder][0]


def _numbers(path: str) -> tuple[int, ...] | str:
    """The numbers in a name, its letters where it has none."""
    stem = PurePosixPath(path).stem.casefold()
    return tuple(map(int, re.findall("[0-9]+", stem))) or stem


def _unlabelled_splits(
    pictures: Sequence[Found], labels: Collection[str], refused: Collection[str]
) -> dict[str, Misfit]:
    """Every picture of a split in which none has a label, while another split has some."""
    labelled = {picture.split for picture in pictures if picture.path in labels}
    return {
        p.path: Misfit(
            p.path,
            "no label",
            f"has no label, nor has any picture of {p.split}: an object without a label would teach that it "
            "is none; an empty .txt says that nothing is there",
        )
        for p in pictures
        if labelled and p.split in SPLITS and p.split not in labelled and p.path not in refused
    }
