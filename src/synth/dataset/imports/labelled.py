"""What imports of labelled pictures share: their names, their splits, the one loop that takes them over."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from synth.dataset.imports.intake import ROUNDING_PX, Intake, Misfit, OnPicture, boxes_of
from synth.dataset.imports.pictures import SUFFIXES, Picture, inside_folder, open_picture
from synth.dataset.imports.splits import choose_splits
from synth.dataset.sample import SPLITS, ClassName, Instance, Name, Split
from synth.errors import DatasetError, InputError
from synth.geometry.boxes import Mask, tight_box

_NAME = re.compile(r"[0-9]{6,9}")
_CLASSES = TypeAdapter(tuple[ClassName, ...])
_COMPANIONS = (".txt", ".cache", ".json", ".yaml", ".yml", ".xml", ".csv", ".md")
_STRICTEST_FIRST: tuple[Split, ...] = ("test", "val", "train")


@dataclass(frozen=True)
class Found:
    """A picture that waits to be taken over. path: inside the imported folder. split: where the folder says it."""

    path: str
    split: Split | None = None


@dataclass(frozen=True)
class Planned:
    """A picture with the name and the split that it gets."""

    path: str
    name: Name
    split: Split


@dataclass(frozen=True, eq=False)
class Shape:
    """One labelled object: where its label stands, its class, its tight box, edges 0..W, and where it is known
    what draws its mask [H,W].
    """

    where: str
    class_name: str
    box_xyxy_px: Sequence[float]
    draw: Callable[[], Mask] | None = None


Label = Callable[[Planned, Picture], Sequence[Shape]]
"""What a picture shows; raises Misfit or DatasetError."""


def list_pictures(folder: Path) -> tuple[list[str], list[Misfit]]:
    """Every picture below a folder, as paths inside it in order, and what else lies there; hidden files and
    texts apart.
    """
    pictures, misfits = [], []
    for path in sorted(folder.rglob("*")):
        shown = path.relative_to(folder)
        if any(part.startswith(".") for part in shown.parts):
            continue
        if path.is_dir():
            if path.is_symlink():
                misfits.append(Misfit(str(shown), "linked folder", "is a link to a folder: copy it instead"))
        elif path.suffix.lower() in SUFFIXES:
            pictures.append(str(shown))
        elif path.suffix.lower() not in _COMPANIONS:
            known = ", ".join(suffix[1:] for suffix in SUFFIXES)
            misfits.append(Misfit(str(shown), "no picture", f"is of another kind than {known}"))
    return pictures, misfits


def plan(found: Sequence[Found], asked: Mapping[Split, str]) -> list[Planned]:
    """Names and splits, the strictest split first, so that it keeps a picture that stands in two.

    A picture keeps its own name where every one is a number of 6 to 9 digits and no two are the same; else
    they are numbered as they come. asked: ranges of these numbers by split, for pictures that have none yet.

    Raises InputError for ranges where splits are known, and as choose_splits does.
    """
    stems = [Path(f.path).stem for f in found]
    own = all(_NAME.fullmatch(stem) for stem in stems) and len(set(map(int, stems))) == len(stems)
    names = stems if own else [f"{i:06d}" for i in range(len(found))]
    if any(f.split is not None for f in found):
        if asked:
            raise InputError("these pictures have their splits already: leave --train, --val and --test out")
        splits = {int(n): f.split for n, f in zip(names, found, strict=True) if f.split is not None}
    else:
        splits = dict(choose_splits([int(n) for n in names], asked))
    planned = [
        Planned(f.path, name, splits[int(name)])
        for name, f in zip(names, found, strict=True)
        if int(name) in splits
    ]
    return sorted(planned, key=lambda p: _STRICTEST_FIRST.index(p.split))


def split_by_folder(paths: Iterable[str]) -> list[Found]:
    """The split that each picture's topmost folder names (train2017, valid, …), where all of them name one and
    they do not all name the same.
    """
    paths = list(paths)
    splits = [split_named(Path(path).parts[0]) if "/" in path else None for path in paths]
    if None in splits or len(set(splits)) < 2:
        splits = [None] * len(paths)
    return [Found(path, split) for path, split in zip(paths, splits, strict=True)]


def split_named(word: str) -> Split | None:
    """The split that a name begins with."""
    return next((split for split in SPLITS if word.lower().startswith(split)), None)


def check_classes(classes: Sequence[str], remedy: str) -> tuple[str, ...]:
    """Names as a dataset can have them, or InputError that names the first one that is none and the remedy."""
    for name in classes:
        try:
            _CLASSES.validate_python((name,))
        except ValidationError:
            raise InputError(
                f"{name!r:.80} is no name of a class here, which begins with a letter or digit and has only "
                f"letters, digits, spaces and _ . - and at most 60 of them: {remedy}"
            ) from None
    if not classes:
        raise InputError(f"there are no classes: {remedy}")
    if doubles := [name for name, n in Counter(classes).items() if n > 1]:
        raise InputError(f"two classes are called {doubles[0]!r}: {remedy}")
    return tuple(classes)


def take_all(
    intake: Intake, folder: Path, planned: Sequence[Planned], label: Label, on_picture: OnPicture
) -> None:
    """Take every picture over with what ``label`` says of it, or name why not."""
    done = intake.writer.done_names()
    for i, entry in enumerate(planned):
        on_picture(i, len(planned))
        if entry.name in done:
            continue
        try:
            picture = open_picture(inside_folder(folder, entry.path))
            shapes = label(entry, picture)
            described = [_describe(shape, picture.size_wh) for shape in shapes]
            mask = _join_masks(shapes, [area_px for _, area_px in described], picture.size_wh)
            if mask is None and any(shape.draw for shape in shapes):
                intake.notes.append(
                    f"{entry.path}: without a mask, since not every object has one that shows"
                )
            intake.take(
                name=entry.name,
                split=entry.split,
                picture=picture,
                source=entry.path,
                instances=[instance for instance, _ in described],
                mask=mask,
            )
        except (Misfit, DatasetError) as error:
            misfit = error if isinstance(error, Misfit) else Misfit(entry.path, "unreadable", str(error))
            intake.refuse(misfit, entry.name, entry.split)


def _describe(shape: Shape, size_wh: tuple[int, int]) -> tuple[Instance, int]:
    """The record of one object, taken for wholly visible since no label says otherwise, and its mask's area."""
    box, square = boxes_of(shape.box_xyxy_px, size_wh, shape.where)
    mask = None if shape.draw is None else shape.draw()
    if mask is not None and (seen := tight_box(mask)) is not None:
        outside_px = np.maximum(np.subtract(box[:2], seen[:2]), np.subtract(seen[2:], box[2:])).max()
        if outside_px > ROUNDING_PX:
            raise Misfit(
                shape.where, "mask outside box", f"its mask reaches {outside_px:.3g} px out of its box"
            )
    instance = Instance(class_name=shape.class_name, box_xyxy_px=box, square_xyxy_px=square, visib_fract=1.0)
    return instance, 0 if mask is None else int(mask.sum())


def _join_masks(
    shapes: Sequence[Shape], areas_px: Sequence[int], size_wh: tuple[int, int]
) -> NDArray[np.uint16] | None:
    """One mask [H,W] of all objects, smaller ones on larger ones; None where an object does not show in it."""
    ids = np.zeros(size_wh[::-1], np.uint16)
    for i in sorted(range(len(shapes)), key=lambda i: -areas_px[i]):
        if (draw := shapes[i].draw) is not None:
            ids[draw()] = i + 1
    shown = np.flatnonzero(np.bincount(ids.ravel(), minlength=1)[1:])
    return ids if shapes and len(shown) == len(shapes) else None
