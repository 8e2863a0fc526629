"""The models/ folder of BOP: meshes in mm, and their sizes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

from synth.cell.mesh import (
    METRES_PER_UNIT,
    cad_sha256,
    file_sha256,
    inside,
    load_body,
    read_mesh,
    to_ply,
)
from synth.cell.model import Cell
from synth.dataset.reader import DatasetReader
from synth.errors import DatasetError, InputError
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array
from synth.storage.atomic import write_bytes

_N_ROWS = 1000


def load_models(dataset: DatasetReader, cell: Cell | None) -> dict[str, Mesh]:
    """The known meshes by class, in metres: the dataset's own, and of a cell the part's.

    Raises InputError when the dataset shows another part than the cell's, or a mesh cannot be read;
    DatasetError when one was changed.
    """
    meshes = {}
    if cell is not None:
        part = dataset.info.part
        if part is None or part.cad_sha256 != cad_sha256(cell):
            raise InputError(
                f"the part of this cell is not the one that {dataset.root} shows (the hashes of their CAD "
                "files differ): give the cell file that made the dataset"
            )
        meshes[part.name] = load_body(cell.folder, cell.part)
    for model in dataset.info.models:
        path = inside(dataset.root, model.mesh)
        meshes[model.class_name] = read_mesh(path, model.units).mesh
        if file_sha256(path) != model.sha256:
            raise DatasetError(f"{path} is not the file that dataset.json names: its hash differs")
    return meshes


def write_models(meshes: Mapping[str, Mesh], classes: Sequence[str], folder: Path) -> None:
    """``obj_000001.ply`` … by the classes' order, and models_info.json; nothing where no mesh is known.

    Sizes are those of the files, whose numbers are float32.
    """
    infos = {}
    for number, class_name in enumerate(classes, start=1):
        if class_name not in meshes:
            continue
        mesh = meshes[class_name]
        write_bytes(folder / f"obj_{number:06d}.ply", to_ply(mesh, "mm"))
        vertices_mm = (mesh.vertices_m / METRES_PER_UNIT["mm"]).astype(np.float32).astype(float)
        low, size = vertices_mm.min(axis=0), np.ptp(vertices_mm, axis=0)
        infos[number] = {
            "diameter": diameter(vertices_mm),
            **{f"min_{axis}": float(v) for axis, v in zip("xyz", low, strict=True)},
            **{f"size_{axis}": float(v) for axis, v in zip("xyz", size, strict=True)},
        }
    if infos:
        write_bytes(folder / "models_info.json", to_json(infos))


def to_json(document: Mapping[int, Any]) -> bytes:
    """As bop_toolkit writes it, to the byte: a line an entry, keys sorted."""
    lines = (
        f'  "{n}": {json.dumps(entry, sort_keys=True, allow_nan=False)}' for n, entry in document.items()
    )
    return ("{\n" + ",\n".join(lines) + "\n}").encode()


def diameter(points: Array) -> float:
    """The largest distance between any two of the points [N,3]."""
    # Joggled (QJ), since a plate has no hull otherwise.
    corners = points[ConvexHull(points, qhull_options="QJ").vertices]
    rows = (corners[i : i + _N_ROWS] for i in range(0, len(corners), _N_ROWS))
    return max(float(cdist(part, corners).max()) for part in rows)
