"""The meshes of a BOP dataset: which belongs to which object, and what is labelled on it."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synth.cell.mesh import (
    FORMATS,
    METRES_PER_UNIT,
    face_of_interest,
    file_sha256,
    read_mesh,
    to_coloured_ply,
)
from synth.cell.units import MeshUnits
from synth.dataset.imports.bop_sizes import check_size
from synth.dataset.imports.intake import Note
from synth.dataset.info import ModelRecord
from synth.dataset.posed import PartLabel
from synth.dataset.record import to_class_name
from synth.errors import InputError
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

UNITS: MeshUnits = "mm"
_IN_METRES = (".glb",)
_TAKEN_AS_METRES = "is glTF, whose unit is the metre: taken as metres, not millimetres"
_SUFFIXES = tuple(suffix for suffix in FORMATS if suffix != ".gltf")  # Which is more than one file.
_MIN_SIZE_M = 0.003
_FOLDERS = ("models", "model", "../models", "../../models")
_NUMBERED = re.compile(r"obj_0*(\d+)")

Row3 = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class BopModel:
    """One object's mesh, in metres in the model's axes, and its record in dataset.json.

    content: its file, to be linked; or, where it takes its colours from a texture beside it, one that needs
    none. notes: on its file.
    """

    content: Path | bytes
    mesh: Mesh
    label: PartLabel
    record: ModelRecord
    notes: tuple[Note, ...]


def find_models(
    folder: Path,
    models: Path | None,
    object_ids: Mapping[int, object],
    names: Mapping[int, str],
    *,
    normal: Row3 | None,
    face: Row3 | None,
) -> dict[int, BopModel]:
    """The models of the objects that have one, by object number.

    A file belongs to an object by its number (obj_000001.ply), by the name that the ground truth gives the
    object, or because there is one file and one object. object_ids: number → name or None.

    Raises InputError for a folder that is absent, a file that is no mesh or whose units are not millimetres,
    or a face that is none; and as `check_size` does.
    """
    files = _assign(list(_list_meshes(folder, models)), object_ids)
    return {i: _load(i, path, object_ids[i], names, normal, face) for i, path in sorted(files.items())}


def _list_meshes(folder: Path, models: Path | None) -> Iterator[Path]:
    if models is not None and not models.is_dir():
        raise InputError(f"there is no folder {models} of models")
    places = [models] if models is not None else [folder / name for name in _FOLDERS]
    for place in places:
        if place.is_dir() and (found := sorted(p for p in place.iterdir() if p.suffix.lower() in _SUFFIXES)):
            yield from found
            return


def list_model_folders(folder: Path) -> list[Path]:
    """Folders beside the scene or above it that hold meshes: models_cad, models_eval, …"""
    found = {p for up in (".", "..", "../..") for p in (folder / up).glob("model*") if p.is_dir()}
    return [p for p in sorted(found) if any(f.suffix.lower() in _SUFFIXES for f in p.iterdir())]


def _assign(files: list[Path], object_ids: Mapping[int, object]) -> dict[int, Path]:
    assigned: dict[int, Path] = {}
    for path in files:
        match = _NUMBERED.match(path.stem)
        for number, name in object_ids.items():
            by_number = match is not None and int(match[1]) == number
            by_name = isinstance(name, str) and name and path.stem.startswith(name)
            if by_number or by_name:
                assigned.setdefault(number, path)
    if not assigned and len(files) == len(object_ids) == 1:
        return {next(iter(object_ids)): files[0]}
    return assigned


def _load(
    number: int,
    path: Path,
    given_name: object,
    names: Mapping[int, str],
    normal: Row3 | None,
    face: Row3 | None,
) -> BopModel:
    units: MeshUnits = "m" if path.suffix.lower() in _IN_METRES else UNITS
    file = read_mesh(path, units)
    mesh = Mesh(file.mesh.vertices_m, file.mesh.triangles)
    check_size(path, mesh, number)
    low, high = mesh.vertices_m.min(axis=0), mesh.vertices_m.max(axis=0)
    if (size_m := float((high - low).max())) < _MIN_SIZE_M:
        size, advice = size_m / METRES_PER_UNIT[units], "scale it to its true size"
        told = f"{size:.2g} m large, since glTF is in metres"
        if units == UNITS:
            told = f"{size:.2g} mm large if its units are millimetres, as BOP's are"
            advice = "scale it by 1000 if it is in metres, by 25.4 if it is in inches"
        raise InputError(f"{path.name} is {told}: {advice}")
    point_part_m: Array = (low + high) / 2
    normal_part: Array | None = None
    if face is not None:
        point_part_m = np.asarray(face) * METRES_PER_UNIT[UNITS]
        try:
            normal_part = face_of_interest(mesh, point_part_m)[1]
        except InputError as error:
            raise InputError(f"{path.name}: {error} --face takes these numbers in millimetres.") from error
    elif normal is not None:
        length = float(np.linalg.norm(normal))
        if not 0 < length < np.inf:
            raise InputError(f"--normal must be an axis of the model such as 0,0,1, got {normal}")
        normal_part = np.asarray(normal) / length
    class_name = names.get(number) or _class_name(given_name, path, number)
    content: Path | bytes = path
    suffix, sha256 = path.suffix.lower(), file_sha256(path)
    if file.is_textured:
        content = to_coloured_ply(file.mesh, units)
        suffix, sha256 = ".ply", hashlib.sha256(content).hexdigest()
    notes = file.notes if units == UNITS else (*file.notes, _TAKEN_AS_METRES)
    return BopModel(
        content,
        mesh,
        PartLabel(class_name, normal_part, point_part_m),
        ModelRecord(
            class_name=class_name,
            mesh=f"models/obj_{number:06d}{suffix}",
            units=units,
            sha256=sha256,
            normal_part=None if normal_part is None else normal_part.tolist(),
            point_part_m=point_part_m.tolist(),
        ),
        tuple(Note(path.name, text) for text in notes),
    )


def _class_name(given: object, path: Path, number: int) -> str:
    """What the ground truth calls it, else its file, else its number."""
    name = given if isinstance(given, str) else "" if _NUMBERED.match(path.stem) else path.stem
    return to_class_name(name) or f"obj_{number:06d}"
