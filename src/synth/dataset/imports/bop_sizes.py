"""A mesh held against the size that models_info.json gives it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from synth.cell.formats.faces import MAX_COORDINATE
from synth.errors import InputError
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

INFO_FILE = "models_info.json"
_TOLERANCE = 0.02
"""Of the diameter: coarser facets and rounding stay below."""
_OTHER_SHAPE = "it is another mesh or a part of it: look at its shape"
_MM = 0.001
_DIRECTIONS = 300


def check_size(path: Path, mesh: Mesh, number: int) -> None:
    """Hold a mesh [m] against models_info.json beside its file; nothing is said where that does not name it.

    Raises InputError where diameter, size or place contradict, and for a models_info.json that is no JSON.
    """
    info = _read_info(path.parent, number)
    way_out = f"or take {INFO_FILE} away if it is wrong"
    low_mm, size_mm = (_row_of(info, kind) for kind in ("min", "size"))
    own_low_mm, own_high_mm = mesh.vertices_m.min(axis=0) / _MM, mesh.vertices_m.max(axis=0) / _MM
    own_size_mm = own_high_mm - own_low_mm
    limit_mm = _TOLERANCE * float(np.linalg.norm(own_size_mm))
    diameter_mm, own_diameter_mm = _number(info, "diameter"), _diameter_m(mesh.vertices_m) / _MM
    if diameter_mm and own_diameter_mm and abs(own_diameter_mm / diameter_mm - 1) > _TOLERANCE:
        scale = diameter_mm / own_diameter_mm
        is_scaled = size_mm is None or np.abs(own_size_mm - size_mm / scale).max() < limit_mm
        cause = f"it is in other units: scale it by {scale:.4g}" if is_scaled else _OTHER_SHAPE
        raise InputError(
            f"{path.name}: the mesh's diameter is {own_diameter_mm:.4g} mm, {INFO_FILE} says "
            f"{diameter_mm:.4g} mm; likely {cause}, {way_out}"
        )
    if size_mm is not None and np.abs(own_size_mm - size_mm).max() > limit_mm:
        is_turned = np.abs(np.sort(own_size_mm) - np.sort(size_mm)).max() < limit_mm
        cause = "its axes are turned: export it with those of the poses" if is_turned else _OTHER_SHAPE
        raise InputError(
            f"{path.name}: the mesh measures {_row(own_size_mm)} mm along x, y, z, {INFO_FILE} says "
            f"{_row(size_mm)} mm; likely {cause}, {way_out}"
        )
    if low_mm is not None and np.abs(own_low_mm - low_mm).max() > limit_mm:
        raise InputError(
            f"{path.name}: the mesh begins at {_row(own_low_mm)} mm, {INFO_FILE} says {_row(low_mm)} mm; "
            "likely its origin is another than that of the poses: move it by "
            f"{_row(low_mm - own_low_mm)} mm, {way_out}"
        )


def _read_info(folder: Path, number: int) -> Mapping[str, Any]:
    """What it says of one object; nothing without the file or the object."""
    path = folder / INFO_FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON that can be read: mend it, or take it away") from error
    entry = content.get(str(number)) if isinstance(content, dict) else None
    return entry if isinstance(entry, dict) else {}


def _row_of(info: Mapping[str, Any], kind: str) -> Array | None:
    """Along x, y, z; None where one is missing."""
    values = [_number(info, f"{kind}_{axis}") for axis in "xyz"]
    return None if None in values else np.array(values, dtype=float)


def _number(info: Mapping[str, Any], key: str) -> float | None:
    value = info.get(key)
    return float(value) if isinstance(value, int | float) and abs(value) < MAX_COORDINATE else None


def _diameter_m(vertices_m: Array) -> float:
    """The greatest distance between two vertices [V,3], of those that reach farthest along some direction; at
    most 1 % short of it.
    """
    k = np.arange(_DIRECTIONS) + 0.5
    z, angle = 1 - 2 * k / _DIRECTIONS, np.pi * (1 + np.sqrt(5)) * k
    r = np.sqrt(1 - z**2)
    ends = set[int]()
    for direction in np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1):
        along = vertices_m @ direction
        ends |= {int(along.argmin()), int(along.argmax())}
    return float(pdist(vertices_m[sorted(ends)]).max(initial=0))


def _row(values: Array) -> str:
    return " ".join(f"{v:.4g}" for v in np.round(values, 3) + 0.0)
