"""What imports of labelled pictures share: their names, their splits, the one loop that takes them over."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from synth.dataset.dealing import Card, deal
from synth.dataset.doubt import find_doubt
from synth.dataset.imports.intake import ROUNDING_PX, Intake, Misfit, OnPicture, boxes_of
from synth.dataset.imports.pictures import SUFFIXES, Picture, inside_folder, open_picture
from synth.dataset.record import SPLITS, ClassName, Name, Split
from synth.dataset.sample import Instance
from synth.dataset.table import call_by_path, read_groups
from synth.errors import DatasetError, InputError
from synth.geometry.boxes import Mask, tight_box
from synth.geometry.se3 import Array

_NAME = re.compile(r"[0-9]{6,9}")
_SPLIT = re.compile(
    r"(train|val|test)(?:val|ing|id(?:ation)?|set|data|img|images?|pics?|pictures?|photos?|minus\w*|[abs])?(?![^\W\d_])"
)
_CLASSES = TypeAdapter(tuple[ClassName, ...])
MOST_NAMED = 6
_REPEATED = "a repeated object (same class, same box) is left out"
_SAME_SHARE_OF_BOX, _SAME_SHARE_OF_IMAGE = 0.005, 2e-4
"""How far the edges of two boxes of one object may be apart: of its sides (an IoU of some 0.98), or of the
image, which is what four digits round away. A box beside the outline of its object may be off by a pixel.
"""
_SAME_SHARE_BESIDE_OUTLINE = 0.25
"""Of its sides, what that pixel may be at most: tiny objects one pixel apart are two."""
_SAME_MASK_IOU = 0.9
_COMPANIONS = (".txt", ".cache", ".json", ".yaml", ".yml", ".xml", ".csv", ".md", ".db", ".ini")


@dataclass(frozen=True)
class Found:
    """A picture that waits to be taken over.

    path: inside the imported folder. split: where the folder tells it.
    """

    path: str
    split: Split | None = None


@dataclass(frozen=True)
class Planned:
    """A picture with the name, the split and the group that it gets."""

    path: str
    name: Name
    split: Split
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Shape:
    """One labelled object.

    where: the place of its label. box_xyxy_px: tight. draw: makes its mask [H,W], where that is known.
    """

    where: str
    class_name: str
    box_xyxy_px: Sequence[float]
    draw: Callable[[], Mask] | None = None


Label = Callable[[Planned, Picture], Sequence[Shape] | None]
"""What a picture shows; None where no label was found for it. Raises Misfit."""


def list_pictures(folder: Path) -> tuple[list[str], list[Misfit]]:
    """Every picture below a folder, as paths inside it in order, and what else lies there; hidden files,
    texts and what Windows leaves (Thumbs.db, desktop.ini) apart.
    """
    pictures, misfits = [], []
    for path in sorted(folder.rglob("*")):
        shown = str(path.relative_to(folder))
        if any(part.startswith(".") for part in Path(shown).parts):
            continue
        if path.is_dir():
            if path.is_symlink():
                misfits.append(
                    Misfit(printable(shown), "linked folder", "is a link to a folder: copy it instead")
                )
        elif path.suffix.lower() in _COMPANIONS:
            continue
        elif path.suffix.lower() not in SUFFIXES:
            known = ", ".join(suffix[1:] for suffix in SUFFIXES)
            misfits.append(Misfit(printable(shown), "no picture", f"is of another kind than {known}"))
        elif printable(shown) != shown:
            misfits.append(Misfit(printable(shown), "no name", "has a name that is no UTF-8: rename it"))
        else:
            pictures.append(shown)
    return pictures, misfits


def printable(name: str) -> str:
    """A file's name as text that JSON can hold; bytes that are no UTF-8 are spelt out."""
    return name.encode(errors="backslashreplace").decode()


def fold(name: str) -> str:
    """A file's name whatever its case, and however its accents are written, which macOS takes apart."""
    return unicodedata.normalize("NFC", name).casefold()


def name_once(found: Sequence[Found]) -> tuple[list[Found], list[Misfit]]:
    """Every picture once, the strictest split keeping it, and what was named again."""
    kept: dict[str, Found] = {}
    misfits = []
    for entry in sorted(found, key=lambda f: _strictness(f.split)):
        if (first := kept.setdefault(entry.path, entry)) is not entry:
            again = "twice" if first.split == entry.split else f"in {first.split} and in {entry.split}"
            misfits.append(Misfit(entry.path, "named twice", f"is named {again}: it is taken once"))
    return [f for f in found if kept[f.path] is f], misfits


def plan(
    found: Sequence[Found],
    asked: Mapping[Split, str],
    group: Path | None,
    classes_of: Callable[[str], Iterable[str]],
    *,
    is_told: bool = False,
) -> list[Planned]:
    """Names and splits, the strictest split first, so that it keeps pixels that stand in two.

    A picture keeps its own name where every one is a number of 6 to 9 digits and no two are the same; else
    they are numbered as they come. Splits are those that the folder tells where it tells two or more, else
    `deal` deals them. asked: numbers or groups by split. group: a table of the pictures' groups. classes_of:
    what the picture of a path shows, asked where whole groups are dealt. is_told: whether the splits found
    hold even where they are one.

    Raises InputError for words where splits are told, for a folder that tells only some, and as `deal` and
    `read_groups` do.
    """
    stems = [Path(f.path).stem for f in found]
    own = all(_NAME.fullmatch(stem) for stem in stems) and len(set(map(int, stems))) == len(stems)
    names = stems if own else [f"{i:06d}" for i in range(len(found))]
    numbers = [int(name) for name in names]
    groups = read_groups(group, {f.path: call_by_path(f.path) for f in found}) if group is not None else {}
    if not is_told and len({f.split for f in found} - {None}) < 2:
        shown = {f.path: frozenset(classes_of(f.path)) for f in found} if groups and not asked else {}
        splits = deal(
            [
                Card(n, f.path, groups.get(f.path), classes=shown.get(f.path, frozenset()))
                for n, f in zip(numbers, found, strict=True)
            ],
            asked,
        )
    elif asked:
        raise InputError("these pictures have their splits already: leave --train, --val and --test out")
    elif untold := [f.path for f in found if f.split is None]:
        raise InputError(
            f"{untold[0]} is in no split, while others are: move it to one of {', '.join(SPLITS)}"
        )
    else:
        splits = {n: f.split for n, f in zip(numbers, found, strict=True) if f.split is not None}
    planned = [
        Planned(f.path, name, splits[n], groups.get(f.path))
        for n, name, f in zip(numbers, names, found, strict=True)
        if n in splits
    ]
    return sorted(planned, key=lambda p: _strictness(p.split))


def say_dealt(
    found: Sequence[Found],
    asked: Mapping[Split, str],
    group: Path | None,
    ways: str = "--test and --val, or --group, deal",
) -> str:
    """How `plan` deals where nobody tells it, as a sentence; empty where somebody does.

    ways: the options by which somebody could.
    """
    told = sorted({f.split for f in found if f.split is not None})
    if asked or group is not None or len(told) > 1:
        return ""
    if len(found) == 1:
        return "it has one picture, which trains"
    return (
        f"it tells {f'no split but {told[0]}' if told else 'no splits'}, so neighbours stay together: the "
        f"last quarter tests, a fifth of what comes before validates, the rest trains; {ways} otherwise"
    )


def _strictness(split: Split | None) -> int:
    return -SPLITS.index(split or "train")


def split_by_folder(path: str) -> Split | None:
    """The split that the topmost folder of a picture names: train2017, valid, …"""
    return split_named(Path(path).parts[0]) if len(Path(path).parts) > 1 else None


def split_named(word: str) -> Split | None:
    """The split that a name begins with: train2017, valid, test_images; valve and trains are other words."""
    found = _SPLIT.match(word.lower())
    return next(split for split in SPLITS if split == found[1]) if found else None


def check_classes(classes: Sequence[str], remedy: str) -> tuple[str, ...]:
    """Names as a dataset can have them. Raises InputError with the first one that is none, and the remedy."""
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


def keep_used(classes: Sequence[str], shown: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """The classes that some label shows, in their order, and a sentence on the others, empty without any.

    All of them where no label shows any.
    """
    used = set(shown)
    kept, unused = (tuple(c for c in classes if (c in used) == wanted) for wanted in (True, False))
    if not kept or not unused:
        return tuple(classes), ""
    named = ", ".join(unused[:MOST_NAMED]) + (f" and {n} more" if (n := len(unused) - MOST_NAMED) > 0 else "")
    return kept, f"{len(unused)} of {len(classes)} classes are left out, since no label has them: {named}"


def take_all(
    intake: Intake, folder: Path, planned: Sequence[Planned], label: Label, on_picture: OnPicture
) -> None:
    """Take every picture over with what ``label`` says of it, or name why not.

    An object that stands there twice, as a box and as an outline or with other digits, is taken once.
    """
    done = intake.writer.done_names()
    for i, entry in enumerate(planned):
        on_picture(i, len(planned))
        if entry.name in done:
            continue
        try:
            picture = open_inside(folder, entry.path)
            told = label(entry, picture)
            shapes = [
                replace(shape, class_name=name)
                for shape in told or ()
                if (name := intake.choice.name_of(shape.class_name)) is not None
            ]
            described = [_describe(shape, picture.size_wh, intake) for shape in shapes]
            once = _take_once(shapes, [instance for instance, _ in described], picture.size_wh)
            for i in sorted(set(range(len(shapes))) - set(once)):
                intake.note(shapes[i].where, _REPEATED)
            shapes, described = [shapes[i] for i in once], [described[i] for i in once]
            mask = _join_masks(shapes, [area_px for _, area_px in described], picture.size_wh)
            if mask is None and any(shape.draw for shape in shapes):
                intake.note(entry.path, "without a mask, since not every object shows in one")
            intake.take(
                name=entry.name,
                split=entry.split,
                group=entry.group,
                picture=picture,
                source=entry.path,
                instances=[instance for instance, _ in described],
                mask=mask,
                is_labelled=told is not None,
            )
        except Misfit as misfit:
            intake.refuse(misfit, entry.name, entry.split)


def open_inside(folder: Path, path: str) -> Picture:
    """The picture of a path in the imported folder. Raises Misfit where it is none or leads out of it."""
    try:
        file = inside_folder(folder, path)
    except DatasetError as error:
        raise Misfit(path, "no picture", str(error)) from error
    try:
        return open_picture(file)
    except DatasetError as error:
        raise Misfit(path, "unreadable", str(error)) from error


def _describe(shape: Shape, size_wh: tuple[int, int], intake: Intake) -> tuple[Instance, int]:
    """The record of one object, taken for wholly visible, and its mask's area; notes a mask in doubt."""
    box, square = boxes_of(shape.box_xyxy_px, size_wh, shape.where)
    mask = None if shape.draw is None else shape.draw()
    if mask is not None and (seen := tight_box(mask)) is not None:
        outside_px = np.maximum(np.subtract(box[:2], seen[:2]), np.subtract(seen[2:], box[2:])).max()
        if outside_px > ROUNDING_PX:
            raise Misfit(
                shape.where, "mask outside box", f"its mask reaches {outside_px:.3g} px out of its box"
            )
        if (doubt := find_doubt(box, mask)) is not None:
            intake.note(shape.where, f"{doubt}; synth compose leaves it out")
    instance = Instance(class_name=shape.class_name, box_xyxy_px=box, square_xyxy_px=square, visib_fract=1.0)
    return instance, 0 if mask is None else int(mask.sum())


def _take_once(shapes: Sequence[Shape], instances: Sequence[Instance], size_wh: tuple[int, int]) -> list[int]:
    """The numbers of the shapes that stay where one object stands there twice: one with a mask, else the
    first.
    """
    kept: list[int] = []
    boxes = np.array([instance.box_xyxy_px for instance in instances]).reshape(-1, 4)
    for i, shape in enumerate(shapes):
        sides_px = _sides(boxes[i])
        rounding_px = np.maximum(_SAME_SHARE_OF_IMAGE * max(size_wh), _SAME_SHARE_OF_BOX * sides_px)
        beside_px = np.minimum(ROUNDING_PX, _SAME_SHARE_BESIDE_OUTLINE * sides_px)
        away_px = np.abs(boxes[kept] - boxes[i])
        for k in np.flatnonzero((away_px <= np.maximum(rounding_px, beside_px)).all(axis=1)):
            other = shapes[kept[k]]
            has_outline = shape.draw is not None or other.draw is not None
            if (
                shape.class_name == other.class_name
                and (has_outline or (away_px[k] <= rounding_px).all())
                and _overlap(shape, other)
            ):
                kept[k] = i if other.draw is None and shape.draw is not None else kept[k]
                break
        else:
            kept.append(i)
    return kept


def _sides(box_xyxy_px: Array) -> Array:
    return np.tile(box_xyxy_px[2:] - box_xyxy_px[:2], 2)


def _overlap(a: Shape, b: Shape) -> bool:
    """Whether the masks of two shapes are nearly the same, where both have one."""
    if a.draw is None or b.draw is None:
        return True
    masks = a.draw(), b.draw()
    return bool(np.logical_and(*masks).sum() >= _SAME_MASK_IOU * np.logical_or(*masks).sum())


def _join_masks(
    shapes: Sequence[Shape], areas_px: Sequence[int], size_wh: tuple[int, int]
) -> NDArray[np.uint16] | None:
    """One mask [H,W] of all objects, smaller ones on larger ones; None where one does not show in it."""
    ids = np.zeros(size_wh[::-1], np.uint16)
    for i in sorted(range(len(shapes)), key=lambda i: -areas_px[i]):
        if (draw := shapes[i].draw) is not None:
            ids[draw()] = i + 1
    shown = np.flatnonzero(np.bincount(ids.ravel(), minlength=1)[1:])
    return ids if shapes and len(shown) == len(shapes) else None
