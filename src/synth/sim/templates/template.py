"""A folder of templates: one picture with alpha a class, PNG or SVG, each with its hash and licence."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from synth.dataset.codecs import MAX_PIXELS, file_sha256
from synth.dataset.record import ClassName
from synth.errors import InputError
from synth.geometry.se3 import Array
from synth.sim.colour import Linear, linear_of_u8

SUFFIXES = (".png", ".svg")
UNKNOWN = "unknown"
LICENCE_TABLES = ("licences.csv", "licenses.csv")
MIN_SIDE_PX = 16

_LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING")
_NUMBER = re.compile(r"^\d+[_-]+")
_CLASS = TypeAdapter[str](ClassName)
_OPAQUE, _LEAST_OPAQUE = 0.5, 0.25
_SVG_SIDE_PX = 1024
_MAX_LICENCE = 200


@dataclass(frozen=True, eq=False)
class Template:
    """What one class looks like.

    light: [h,w,4] linear light premultiplied by alpha, and alpha, cut to what is not transparent. outline:
    [N,2] the convex hull of its opaque pixels, fractions of width and height. licence: as somebody wrote it
    down, or ``unknown``.
    """

    class_name: str
    file: str
    sha256: str
    licence: str
    light: Linear = field(repr=False)
    outline: Array = field(repr=False)

    @property
    def aspect(self) -> float:
        """Width over height."""
        return float(self.light.shape[1] / self.light.shape[0])


def read_templates(folder: Path) -> tuple[Template, ...]:
    """Every template of a folder, by class: ``03_stop.png`` and ``stop.svg`` are both of the class stop.

    Raises InputError for a folder without any, for two of one class, and for one that cannot be taken.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: templates are a folder of one PNG or SVG a class")
    there = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    files = [p for p in there if p.suffix.lower() in SUFFIXES and p.is_file()]
    if not files:
        raise InputError(f"{folder} has no template: put one PNG with alpha, or one SVG, a class into it")
    by_class: dict[str, Path] = {}
    for path in files:
        name = _class_of(path)
        if name in by_class:
            raise InputError(
                f"{folder} has two templates of {name}, {by_class[name].name} and {path.name}: keep one"
            )
        by_class[name] = path
    licences = dict(_read_table(folder))
    return tuple(_read(path, name, _licence(path, licences)) for name, path in by_class.items())


def _class_of(path: Path) -> str:
    """Its file's name without its ending and the number that lists are kept in order by."""
    try:
        return _CLASS.validate_python(_NUMBER.sub("", path.stem))
    except ValidationError:
        raise InputError(
            f"{path} gives its class no name: call it by 1 to 60 letters, digits, spaces, dots and dashes"
        ) from None


def make_template(
    class_name: str, file: str, light: Linear, sha256: str = "", licence: str = UNKNOWN
) -> Template:
    """A template of light [h,w,4], premultiplied, cut to what is not transparent.

    Raises InputError, which names its file, where hardly anything is left.
    """
    alpha = light[..., 3]
    if (alpha > _OPAQUE).sum() < MIN_SIDE_PX:
        raise InputError(f"{file} is transparent everywhere, so there is nothing to lay down")
    rows, columns = (np.flatnonzero((alpha > 0).any(axis=axis)) for axis in (1, 0))
    light = np.ascontiguousarray(light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    if max(light.shape[:2]) < MIN_SIDE_PX:
        raise InputError(
            f"{file} is {light.shape[1]}×{light.shape[0]} px without its transparent rim, less than "
            f"{MIN_SIDE_PX}: draw it larger"
        )
    outline = _outline(light[..., 3])
    if (np.ptp(outline, axis=0) < _LEAST_OPAQUE).any():
        raise InputError(
            f"{file} is more than half transparent but for a small part of it, so its outline is not known: "
            "draw it opaque"
        )
    return Template(class_name, Path(file).name, sha256, licence, light, outline)


def _read(path: Path, class_name: str, licence: str) -> Template:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if path.suffix.lower() == ".svg":
        from synth.sim.templates.svg import draw_svg, read_svg

        rgba_u8 = draw_svg(read_svg(content, str(path)), _SVG_SIDE_PX, str(path))
    else:
        rgba_u8 = _decode(content, path)
    alpha = rgba_u8[..., 3:] / np.float32(255)
    light = np.concatenate([linear_of_u8(rgba_u8[..., :3]) * alpha, alpha], axis=2)
    return make_template(class_name, str(path), light, file_sha256(content), licence)


def _decode(content: bytes, path: Path) -> NDArray[np.uint8]:
    """[H,W,4] uint8 of a PNG with alpha."""
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(f"{path} has more than {MAX_PIXELS // 10**6} million pixels")
            if "A" not in picture.mode and "transparency" not in picture.info:
                raise InputError(
                    f"{path} has no alpha, so its outline is not known: save it with a transparent background"
                )
            return np.asarray(picture.convert("RGBA"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is not a PNG that can be read") from error


def _outline(alpha: NDArray[np.float32]) -> Array:
    height, width = alpha.shape
    ys, xs = np.nonzero(alpha > _OPAQUE)
    corners = np.concatenate([np.stack([xs + dx, ys + dy], axis=1) for dx in (0, 1) for dy in (0, 1)])
    hull = cv2.convexHull(corners.astype(np.int32)).reshape(-1, 2)
    return np.asarray(hull / np.array([width, height], dtype=float))


def _licence(path: Path, table: dict[str, str]) -> str:
    """What a line about it says, else the first line of the file beside it (REUSE's habit), else the
    folder's.
    """
    if path.name in table:
        return table[path.name]
    beside = path.with_name(f"{path.name}.license")
    for candidate in (beside, *(path.with_name(name) for name in _LICENCE_FILES)):
        if candidate.is_file():
            lines = candidate.read_text(encoding="utf-8", errors="replace").splitlines()
            said = next((line.strip() for line in lines if line.strip()), "")
            return _plain(said.removeprefix("SPDX-License-Identifier:").strip())
    return UNKNOWN


def _read_table(folder: Path) -> Iterator[tuple[str, str]]:
    """File and licence of each row of a table with a header."""
    for path in (folder / name for name in LICENCE_TABLES):
        if path.is_file():
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            try:
                rows = list(csv.reader(lines))
            except csv.Error as error:
                raise InputError(f"{path} is no table that can be read: {error}") from error
            yield from ((row[0].strip(), _plain(row[1])) for row in rows[1:] if len(row) > 1)


def _plain(text: str) -> str:
    said = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return said[:_MAX_LICENCE] or UNKNOWN
