"""STL: binary, with or without bytes behind it, or text that runs to its ``endsolid``."""

import re

import numpy as np

from synth.cell.formats.faces import Prepared
from synth.errors import InputError

_HEAD_BYTES, _FACET_BYTES = 84, 50
_BEGINNING_BYTES = 4096
_VERTEX = re.compile(rb"^\s*vertex\s+(\S+)\s+(\S+)\s+(\S+)", re.MULTILINE | re.IGNORECASE)


def prepare_stl(data: bytes, name: str) -> Prepared:
    """An STL file with as many facets as it says, and nothing behind them.

    Raises InputError for one that ends early, ValueError for what is no STL.
    """
    if _is_text(data):
        return _prepare_text(data, name)
    if len(data) < _HEAD_BYTES:
        raise ValueError("shorter than the head of a binary STL")
    n = int.from_bytes(data[_HEAD_BYTES - 4 : _HEAD_BYTES], "little")
    n_there, end = (len(data) - _HEAD_BYTES) // _FACET_BYTES, _HEAD_BYTES + n * _FACET_BYTES
    if n > n_there:
        raise InputError(
            f"{name} is no whole STL: read as a binary one, its head says {n:,} triangles and {n_there:,} "
            "follow, so it ends early. Copy or export it again."
        )
    notes: tuple[str, ...] = ()
    if len(data) - end >= _FACET_BYTES:  # Enough for a facet that its head forgot.
        notes = (
            f"it has {len(data) - end:,} bytes after the {n:,} triangles of its head: they are left out.",
        )
    return Prepared(data[:end], notes)


def _is_text(data: bytes) -> bool:
    beginning = data[:_BEGINNING_BYTES].lower()
    return beginning.lstrip().startswith(b"solid") and b"\0" not in beginning


def _prepare_text(data: bytes, name: str) -> Prepared:
    lower = data.lower()
    if not lower.rstrip().rpartition(b"\n")[2].lstrip().startswith(b"endsolid"):
        raise InputError(f"{name} ends early: its last line is not endsolid. Copy or export it again.")
    vertices = np.array(
        _VERTEX.findall(data), dtype=float
    )  # trimesh would stop at the first that is no number.
    if len(vertices) != 3 * lower.count(b"endfacet") or len(vertices) != lower.count(b"vertex "):
        raise ValueError("facets that are not of three vertices")
    return Prepared(data)
