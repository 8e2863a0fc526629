"""The JSON of COCO's instances, held record by record against what it must be.

An id is matched however it is written, 1, 1.0 or "1", where that is unambiguous. What a JSON means by its
file names is told by coco_places, what by its boxes and segmentations by coco_shapes.
"""

import json
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from synth.dataset.imports.coco_places import list_folders, spell_posix
from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.labelled import MOST_NAMED, split_named
from synth.dataset.record import Split
from synth.errors import InputError

Id = int | str
R = TypeVar("R", bound=BaseModel)

_Key = Annotated[Id, Field(description="a number or a text")]
_Word = Annotated[str, Field(min_length=1, description="a text")]
_Pixels = Annotated[int | None, Field(gt=0, description="a whole number of pixels, 1 or more")]


class CocoImage(BaseModel):
    """One of ``images``. width, height: of the picture; None where the JSON does not say them."""

    id: _Key
    file_name: _Word
    width: _Pixels = None
    height: _Pixels = None

    @property
    def size_wh(self) -> tuple[int, int] | None:
        """Width and height in pixels, where the JSON says both."""
        return None if self.width is None or self.height is None else (self.width, self.height)


class CocoAnnotation(BaseModel):
    """One of ``annotations``. bbox: x, y, width, height, pixels. segmentation, category_id: as they stand."""

    category_id: Any = None
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        BeforeValidator(lambda bbox: None if bbox == [] else bbox),
        Field(description="four numbers: x, y, width and height in pixels"),
    ] = None
    segmentation: Any = None
    iscrowd: Annotated[
        int, BeforeValidator(lambda value: 0 if value is None else value), Field(description="0 or 1")
    ] = 0


class CocoCategory(BaseModel):
    """One of ``categories``."""

    id: _Key
    name: Annotated[str, Field(description="a text")]


@dataclass(frozen=True)
class CocoFile:
    """One JSON.

    where: how sentences name it. folders: where its file names may begin, the likeliest first. annotations:
    by picture, not yet parsed, each with its place. n_annotations: with those that find no picture. n_strays:
    those of a picture that is not listed.
    """

    where: str
    folders: tuple[Path, ...]
    split: Split | None
    categories: dict[Id, str]
    images: tuple[CocoImage, ...]
    annotations: dict[Id, list[tuple[str, Any]]]
    n_annotations: int
    n_strays: int
    misfits: tuple[Misfit, ...]

    def category_of(self, entry: Any) -> Id | None:
        """The id of the category of one of ``annotations`` as it stands; None where it has none here."""
        return match_id(entry.get("category_id"), self.categories) if isinstance(entry, dict) else None


def read_file(file: Path, images: Path | None) -> CocoFile:
    """One JSON. images: the folder of its pictures; None to look for it.

    Raises InputError where the file as a whole is none of this format.
    """
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON that can be read: {error}") from error
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        raise InputError(f"{file} is not COCO's instances: it lacks the lists {', '.join(keys)}")
    where = f"{file.parent.name}/{file.name}"
    misfits: list[Misfit] = []
    pictures = _read_images(content["images"], where, misfits)
    annotations: dict[Id, list[tuple[str, Any]]] = {picture.id: [] for picture in pictures}
    listed = {number for e in content["images"] if isinstance(number := _get(e, "id"), Id)}
    n_strays = 0
    for i, entry in enumerate(content["annotations"]):
        image_id = _get(entry, "image_id")
        place = f"{where} annotations.{i}"
        if (matched := match_id(image_id, annotations)) is not None:
            annotations[matched].append((place, entry))
        else:
            is_stray = match_id(image_id, listed) is None
            n_strays += is_stray
            why = "which images lacks" if is_stray else "which cannot be taken"
            what = "has no image_id" if image_id is None else f"is of picture {image_id!r:.40}, {why}"
            misfits.append(Misfit(place, "label without picture", what))
    return CocoFile(
        where,
        list_folders(file) if images is None else (images,),
        split_named(file.stem.removeprefix("instances_")) or split_named(file.parent.name),
        _read_categories(content["categories"], file),
        tuple(pictures),
        annotations,
        len(content["annotations"]),
        n_strays,
        tuple(misfits),
    )


def match_id(value: Any, known: Container[Id]) -> Id | None:
    """The one of ``known`` that an id means: itself, else the same number as text, or the other way round."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, Id):
        return None
    other = str(value) if isinstance(value, int) else _as_number(value)
    return next((key for key in (value, other) if key in known), None)


def _as_number(text: str) -> Id:
    """The number that a text writes as JSON would, else the text itself."""
    is_number = text.isascii() and text.isdecimal() and len(text) < 20 and text == str(int(text))
    return int(text) if is_number else text


def refuse_without_labels(files: list[CocoFile]) -> None:
    """Raise InputError where no picture of any file would have a label."""
    entries = [entry for file in files for listed in file.annotations.values() for _, entry in listed]
    if entries and all(_get(entry, "iscrowd") in (1, "1") for entry in entries):
        raise InputError(
            f"all {len(entries)} annotations of {files[0].where} are crowds (iscrowd 1), which are left out, "
            "so every picture would teach that nothing is there: where each shows one object, write 0"
        )
    if entries:
        return
    if not any(file.n_annotations for file in files):
        raise InputError(
            f"{files[0].where} has no annotations: every picture would teach that nothing is there"
        )
    orphans = [m for file in files for m in file.misfits if m.reason == "label without picture"]
    ids = [repr(image.id) for file in files for image in file.images]
    lost = [m for file in files for m in file.misfits if m.reason != "label without picture"]
    shown = ", ".join(ids[:MOST_NAMED]) + (", …" if len(ids) > MOST_NAMED else "")
    raise InputError(
        f"no annotation finds its picture: {orphans[0]}; "
        + (
            f"the pictures that can be taken have the ids {shown}"
            if ids
            else f"no picture can be taken{f', first {lost[0]}' if lost else ''}"
        )
    )


def say_ids(categories: dict[Id, str]) -> str:
    """The categories that there are, for a sentence: 1 (cup), 2 (lid)."""
    shown = ", ".join(f"{number!r} ({name})" for number, name in list(categories.items())[:MOST_NAMED])
    return shown + (f" and {n} more" if (n := len(categories) - MOST_NAMED) > 0 else "")


def parse(model: type[R], entry: Any, where: str) -> R:
    """A record; raises Misfit that says of the first thing wrong what it must be."""
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        if not first["loc"]:
            raise Misfit(
                where, "malformed", f"must be a record of names and values, got {entry!r:.40}"
            ) from error
        key = str(first["loc"][0])
        must = f"{key} must be {model.model_fields[key].description}"
        if not isinstance(entry, dict) or key not in entry:
            raise Misfit(where, "malformed", f"{key} is missing: {must}") from error
        raise Misfit(where, "malformed", f"{must}, got {entry[key]!r:.60}") from error


def _get(entry: Any, key: str) -> Any:
    return entry.get(key) if isinstance(entry, dict) else None


def _read_images(entries: list[Any], where: str, misfits: list[Misfit]) -> list[CocoImage]:
    """Every picture that is listed once."""
    images = []
    for i, entry in enumerate(entries):
        try:
            images.append((f"{where} images.{i}", parse(CocoImage, entry, f"{where} images.{i}")))
        except Misfit as misfit:
            misfits.append(misfit)
    ids = Counter(image.id for _, image in images)
    names = Counter(_plain(image.file_name) for _, image in images)
    once = []
    for place, image in images:
        if ids[image.id] > 1 or names[_plain(image.file_name)] > 1:
            what = f"{image.file_name:.100} or its id {image.id!r:.40} is listed more than once"
            misfits.append(Misfit(place, "named twice", what))
        else:
            once.append(image)
    return once


def _plain(file_name: str) -> PurePosixPath:
    return PurePosixPath(spell_posix(file_name))


def _read_categories(entries: list[Any], file: Path) -> dict[Id, str]:
    """Names by id, in the order of the ids."""
    if not entries:
        raise InputError(
            f"{file} has no categories, so there are no classes: give each a record with an id and a name"
        )
    try:
        categories = [parse(CocoCategory, e, f"{file} categories.{i}") for i, e in enumerate(entries)]
    except Misfit as misfit:
        raise InputError(str(misfit)) from misfit
    by_id = {c.id: c.name for c in sorted(categories, key=lambda c: (str(type(c.id)), c.id))}
    if len({str(number) for number in by_id}) < len(categories):
        raise InputError(f"{file}: two categories have one id")
    return by_id
