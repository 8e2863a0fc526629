"""PLY: faces of any number of corners, in text or binary of either byte order.

Source: G. Turk, «The PLY Polygon File Format» (1994).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.cell.formats.faces import Prepared, triangulate_faces

_TYPES = {
    name: code
    for code, names in {
        "i1": "char int8",
        "u1": "uchar uint8",
        "i2": "short int16",
        "u2": "ushort uint16",
        "i4": "int int32",
        "u4": "uint uint32",
        "f4": "float float32",
        "f8": "double float64",
        "i8": "int64",
        "u8": "uint64",
        "f2": "float16",
    }.items()
    for name in names.split()
}
_NAMES = {code: name for name, code in _TYPES.items()}
_Values = NDArray[Any]
_CORNERS = ("vertex_indices", "vertex_index")
_TEXTURE = "texcoord"
_HEAD_END = re.compile(rb"^end_header[ \t]*\r?\n", re.MULTILINE)


@dataclass(frozen=True)
class _Element:
    """properties: name → type; lists: name → type of the count, of those that are lists."""

    name: str
    n: int
    properties: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Column:
    """The values [C] of one property, row by row; sizes: [N], how many a row has."""

    values: _Values
    sizes: NDArray[np.int64]


def prepare_ply(data: bytes, name: str) -> Prepared:
    """A PLY file whose faces are triangles. A file of triangles, points or lines comes back as it is.

    Raises InputError for faces of vertices that it lacks, ValueError for what is no PLY.
    """
    if not (end := _HEAD_END.search(data)):
        raise ValueError("no end_header")
    text = data[: end.start()].decode("utf-8", errors="replace")  # Comments may have any bytes.
    head, data = text.splitlines(), text.encode() + data[end.start() :]
    end = _HEAD_END.search(data)
    assert end is not None
    encoding = head[1].split()[1]
    elements = list(_elements(head))
    if not any(e.name == "face" and e.n for e in elements):
        return Prepared(data)
    columns = _read(elements, data[end.end() :], encoding)
    vertex, face = columns["vertex"], columns["face"]
    corners_name = next(key for key in _CORNERS if key in face)
    corners = face[corners_name].values.astype(np.int64)
    sizes = face[corners_name].sizes
    if (sizes == 3).all():
        return Prepared(data)
    xyz = np.stack([vertex[axis].values.astype(float) for axis in "xyz"], axis=1)
    found, notes = triangulate_faces(xyz, corners, sizes, name)
    kinds = {e.name: e.properties for e in elements}
    of_face = np.repeat(np.arange(len(sizes)), np.maximum(sizes - 2, 0))
    faces: dict[str, tuple[str, _Values]] = {corners_name: ("i4", corners[found.triangles])}
    for key, column in face.items():
        if key == _TEXTURE and (column.sizes == 2 * sizes).all():
            faces[key] = ("f4", column.values.reshape(-1, 2)[found.triangles].reshape(-1, 6))
        elif key != corners_name and (column.sizes == 1).all():
            faces[key] = (kinds["face"][key], column.values[of_face])
    vertices = {key: (kinds["vertex"][key], c.values) for key, c in vertex.items() if (c.sizes == 1).all()}
    comments = [line for line in head if line.startswith("comment")]
    return Prepared(_write(comments, {"vertex": vertices, "face": faces}), notes)


def _elements(head: list[str]) -> Iterator[_Element]:
    element = None
    for words in (line.split() for line in head):
        match words:
            case ["element", name, n]:
                if element is not None:
                    yield element
                element = _Element(name, int(n))
            case ["property", "list", count, kind, name] if element is not None:
                element.properties[name], element.lists[name] = _TYPES[kind], _TYPES[count]
            case ["property", kind, name] if element is not None:
                element.properties[name] = _TYPES[kind]
    if element is not None:
        yield element


def _read(elements: list[_Element], body: bytes, encoding: str) -> dict[str, dict[str, _Column]]:
    """The columns of vertices and faces, and of what stands before them."""
    is_text = encoding == "ascii"
    order = ">" if encoding == "binary_big_endian" else "<"
    stream: _Values = np.array(body.split(), float) if is_text else np.frombuffer(body, np.uint8)
    columns: dict[str, dict[str, _Column]] = {}
    start = 0
    for element in elements:
        kinds = {key: "f8" if is_text else order + kind for key, kind in element.properties.items()}
        counts = {key: "f8" if is_text else order + kind for key, kind in element.lists.items()}
        columns[element.name], start = _read_element(stream, start, element.n, kinds, counts)
        if {"vertex", "face"} <= columns.keys():
            break
    return columns


def _read_element(
    stream: _Values, start: int, n: int, kinds: dict[str, str], counts: dict[str, str]
) -> tuple[dict[str, _Column], int]:
    """The columns of ``n`` rows from ``start`` on, and their end; at once where rows are equally long."""
    if not kinds:
        return {}, start
    first, _ = _read_rows(stream, start, min(n, 1), kinds, counts)
    lengths = {key: int(column.sizes.sum()) for key, column in first.items()}
    fields: list[tuple[Any, ...]] = []
    for key, kind in kinds.items():
        fields += [(f"count of {key}", counts[key])] if key in counts else []
        fields += [(key, kind, (lengths[key],))]
    dtype = np.dtype(fields)
    end = start + n * dtype.itemsize // stream.itemsize
    rows = stream[start:end].view(dtype) if end <= len(stream) else None
    if rows is not None and all((rows[f"count of {key}"] == lengths[key]).all() for key in counts):
        return {key: _Column(rows[key].reshape(-1), np.full(n, lengths[key])) for key in kinds}, end
    return _read_rows(stream, start, n, kinds, counts)


def _read_rows(
    stream: _Values, start: int, n: int, kinds: dict[str, str], counts: dict[str, str]
) -> tuple[dict[str, _Column], int]:
    data, at = stream.view(np.uint8), start * stream.itemsize
    found: dict[str, list[_Values]] = {key: [] for key in kinds}
    for _ in range(n):
        for key, kind in kinds.items():
            size = 1
            if key in counts:
                size = int(np.frombuffer(data, counts[key], 1, at)[0])
                at += np.dtype(counts[key]).itemsize
            if size < 0:
                raise ValueError("a list of fewer than no values")
            found[key].append(np.frombuffer(data, kind, size, at) if size else np.empty(0, kind))
            at += size * np.dtype(kind).itemsize
    columns = {
        key: _Column(
            np.concatenate([np.empty(0, kinds[key]), *rows]), np.array([len(r) for r in rows], np.int64)
        )
        for key, rows in found.items()
    }
    return columns, at // stream.itemsize


def _write(comments: list[str], elements: dict[str, dict[str, tuple[str, _Values]]]) -> bytes:
    """A binary PLY; elements: name → property → (type, values [N] or, of a list, [N,K])."""
    head, body = ["ply", "format binary_little_endian 1.0", *comments], []
    for name, properties in elements.items():
        n = len(next(iter(properties.values()))[1])
        head.append(f"element {name} {n}")
        fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
        for key, (kind, values) in properties.items():
            is_list = values.ndim == 2
            head.append(f"property {'list uchar ' if is_list else ''}{_NAMES[kind]} {key}")
            fields += (
                [(f"count of {key}", "u1"), (key, f"<{kind}", values.shape[1:])]
                if is_list
                else [(key, f"<{kind}")]
            )
        rows = np.empty(n, np.dtype(fields))
        for key, (_, values) in properties.items():
            rows[key] = values
            if values.ndim == 2:
                rows[f"count of {key}"] = values.shape[1]
        body.append(rows.tobytes())
    return "\n".join([*head, "end_header", ""]).encode() + b"".join(body)
