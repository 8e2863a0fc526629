"""OBJ: faces of any number of corners, whose indices count from 1 on, or backwards from their own line.

Source: Wavefront, «Advanced Visualizer Manual», appendix B1 (Object files).
"""

import re
from codecs import BOM_UTF8

import numpy as np

from synth.cell.formats.faces import Prepared, triangulate_faces
from synth.errors import InputError

_REFERENCE = rb"[1-9]\d*(?:/(?:[1-9]\d*)?){0,2}"
_TO_PREPARE = re.compile(
    rb"\\\r?$|^[ \t]+(?:f|v|vt|vn)[ \t]|^(?:f|v|vt|vn)\t|^f (?! *"
    + rb" +".join([_REFERENCE] * 3)
    + rb" *\r?$)",
    re.MULTILINE,
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_COUNTED = ("v", "vt", "vn")


def prepare_obj(data: bytes, name: str) -> Prepared:
    """An OBJ file whose faces are triangles with indices from the file's beginning.

    Raises InputError for indices that lead nowhere, ValueError for what is no OBJ.
    """
    data = data.removeprefix(BOM_UTF8)
    if not _TO_PREPARE.search(data):
        return Prepared(data)
    text = re.sub(r"\\\r?\n", " ", data.decode("latin-1"))  # Which gives back every byte as it was.
    counts = dict.fromkeys(_COUNTED, 0)
    lines: list[str | list[str]] = []  # A face is a list of its corners.
    positions: list[list[str]] = []
    for line in _LINE_END.split(text):
        key, *words = line.split() or [""]
        if key == "f":
            words = line.partition("#")[0].split()[1:]
            lines.append([_from_beginning(word, counts, name) for word in words])
            continue
        if key == "v":
            positions.append(words[:3])
        if key in counts:
            counts[key] += 1
        lines.append(" ".join([key, *words]) if key in counts else line.strip())
    faces = [line for line in lines if isinstance(line, list)]
    corners = [corner for face in faces for corner in face]
    found, notes = triangulate_faces(
        np.array(positions, dtype=float),
        np.array([int(corner.partition("/")[0]) - 1 for corner in corners], dtype=np.int64),
        np.array([len(face) for face in faces], dtype=np.int64),
        name,
    )
    rows = iter(found.triangles.tolist())
    written = []
    for line in lines:
        if isinstance(line, str):
            written.append(line)
        for _ in range(len(line) - 2 if isinstance(line, list) else 0):
            written.append("f " + " ".join(corners[i] for i in next(rows)))
    return Prepared("\n".join(written).encode("latin-1"), notes)


def _from_beginning(corner: str, counts: dict[str, int], name: str) -> str:
    """A corner ``v/vt/vn``, every index counted from the file's beginning. counts: of the lines so far."""
    parts = corner.split("/")
    for i, (key, part) in enumerate(zip(_COUNTED, parts, strict=False)):
        if part:
            index = int(part)
            parts[i] = str(index if index >= 0 else counts[key] + 1 + index)
            if int(parts[i]) < 1:
                raise InputError(
                    f"{name} has a face with the index {part} after {counts[key]} lines of {key}, which "
                    "leads to none of them: indices count from 1 on, or from −1 backwards. Export it again."
                )
    return "/".join(parts)
