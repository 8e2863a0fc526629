"""The JSON of COCO's instances, held record by record against what it must be, and where its pictures lie.

::

    FOLDER/annotations/instances_train2017.json    pictures in FOLDER/train2017/ or FOLDER/images/train2017/
    FOLDER/train/_annotations.coco.json            pictures beside it
    ANY.json                                       pictures in images/ beside it, or beside it
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from synth.dataset.imports.intake import Misfit
from synth.dataset.imports.labelled import split_named
from synth.dataset.record import Split
from synth.errors import InputError

_ROBOFLOW = "_annotations.coco.json"
_PATTERNS = ("annotations/instances_*.json", f"*/{_ROBOFLOW}", _ROBOFLOW)

Id = int | str
Pixels = Annotated[int, Field(gt=0)]
R = TypeVar("R", bound=BaseModel)


class CocoImage(BaseModel):
    """One of ``images``."""

    id: Id
    file_name: Annotated[str, Field(min_length=1)]
    width: Pixels
    height: Pixels


class RunLengths(BaseModel):
    """A mask; size: height and width."""

    size: tuple[Pixels, Pixels]
    counts: list[int] | str


class CocoAnnotation(BaseModel):
    """One of ``annotations``. bbox: x, y, width, height, pixels. segmentation: polygons or run lengths."""

    category_id: Id
    bbox: tuple[float, float, float, float]
    segmentation: list[list[float]] | RunLengths | None = None
    iscrowd: int = 0


class CocoCategory(BaseModel):
    """One of ``categories``."""

    id: Id
    name: str


@dataclass(frozen=True)
class CocoFile:
    """One JSON.

    where: how sentences name it. folder: where its file names begin. annotations: by picture, not yet parsed,
    each with its place.
    """

    where: str
    folder: Path
    split: Split | None
    categories: dict[Id, str]
    images: tuple[CocoImage, ...]
    annotations: dict[Id, list[tuple[str, Any]]]
    misfits: tuple[Misfit, ...]


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
    for i, entry in enumerate(content["annotations"]):
        image_id = entry.get("image_id") if isinstance(entry, dict) else None
        place = f"{where} annotations.{i}"
        if isinstance(image_id, Id) and image_id in annotations:
            annotations[image_id].append((place, entry))
        else:
            what = f"is of picture {image_id!r:.40}, which cannot be taken"
            misfits.append(Misfit(place, "label without picture", what))
    return CocoFile(
        where,
        images or _picture_folder(file),
        split_named(file.stem.removeprefix("instances_")) or split_named(file.parent.name),
        _read_categories(content["categories"], file),
        tuple(pictures),
        annotations,
        tuple(misfits),
    )


def parse(model: type[R], entry: Any, where: str) -> R:
    """A record; raises Misfit that names the first thing wrong."""
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise Misfit(where, "malformed", f"{key + ': ' if key else ''}{first['msg']}") from error


def _read_images(entries: list[Any], where: str, misfits: list[Misfit]) -> list[CocoImage]:
    """Every picture that is listed once."""
    images = []
    for i, entry in enumerate(entries):
        try:
            images.append((f"{where} images.{i}", parse(CocoImage, entry, f"{where} images.{i}")))
        except Misfit as misfit:
            misfits.append(misfit)
    ids = Counter(image.id for _, image in images)
    names = Counter(image.file_name for _, image in images)
    for place, image in images:
        if ids[image.id] > 1 or names[image.file_name] > 1:
            what = f"{image.file_name:.100} or its id {image.id!r:.40} is listed more than once"
            misfits.append(Misfit(place, "named twice", what))
    return [image for _, image in images if ids[image.id] == 1 and names[image.file_name] == 1]


def _read_categories(entries: list[Any], file: Path) -> dict[Id, str]:
    """Names by id, in the order of the ids."""
    try:
        categories = [parse(CocoCategory, e, f"{file} categories.{i}") for i, e in enumerate(entries)]
    except Misfit as misfit:
        raise InputError(str(misfit)) from misfit
    by_id = {c.id: c.name for c in sorted(categories, key=lambda c: (str(type(c.id)), c.id))}
    if len(by_id) < len(categories):
        raise InputError(f"{file}: two categories have one id")
    return by_id


def _picture_folder(file: Path) -> Path:
    """The folder of the pictures of a JSON by the usual layouts."""
    stem = file.stem.removeprefix("instances_")
    places = [file.parent / "images", file.parent]
    if file.parent.name == "annotations":
        root = file.parent.parent
        places = [root / stem, root / "images" / stem, root / "images", root]
    return next(place for place in places if place.is_dir())
