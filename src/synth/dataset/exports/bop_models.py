"""The models/ folder of BOP: meshes in mm, and their sizes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist
from trimesh.exchange.ply import export_ply

from synth.cell.mesh import cad_sha256, file_sha256, inside, load_body, load_mesh
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
        meshes[model.class_name] = load_mesh(path, model.units)
        if file_sha256(path) != model.sha256:
            raise DatasetError(f"{path} is not the file that dataset.json names: its hash differs")
    return meshes


def write_models(meshes: Mapping[str, Mesh], classes: Sequence[str], folder: Path) -> None:
    """``obj_000001.ply`` … by the classes' order, and models_info.json; nothing where no mesh is known."""
    infos = {}
    for number, class_name in enumerate(classes, start=1):
        if class_name not in meshes:
            continue
        mesh = meshes[class_name]
        vertices_mm = mesh.vertices_m * 1000
        surface = trimesh.Trimesh(vertices_mm, mesh.triangles, process=False)
        write_bytes(folder / f"obj_{number:06d}.ply", export_ply(surface, vertex_normal=True))
        low, size = vertices_mm.min(axis=0), np.ptp(vertices_mm, axis=0)
        infos[str(number)] = {
            "diameter": diameter(vertices_mm),
            **{f"min_{axis}": float(v) for axis, v in zip("xyz", low, strict=True)},
            **{f"size_{axis}": float(v) for axis, v in zip("xyz", size, strict=True)},
        }
    if infos:
        write_bytes(folder / "models_info.json", json.dumps(infos, indent=2, allow_nan=False).encode())


def diameter(points: Array) -> float:
    """The largest distance between any two of the points [N,3]."""
    # Joggled (QJ), since a plate has no hull otherwise.
    corners = points[ConvexHull(points, qhull_options="QJ").vertices]
    rows = (corners[i : i + _N_ROWS] for i in range(0, len(corners), _N_ROWS))
    return max(float(cdist(part, corners).max()) for part in rows)
