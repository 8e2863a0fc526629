"""Parts from CAD files, for photographs that bring none along."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from synth.cell.mesh import METRES_PER_UNIT, read_mesh, to_ply
from synth.cell.units import MeshUnits
from synth.dataset.info import ModelRecord
from synth.dataset.posed import PartLabel
from synth.dataset.record import to_class_name
from synth.errors import InputError
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array
from synth.sim.photographs.objects import Objects

_METRES_ALONE = (".glb", ".gltf")
_PLAUSIBLE_M = 0.001, 10.0


@dataclass(frozen=True)
class CadFile:
    """The surface of a class. units: of its numbers; of a glTF always metres."""

    class_name: str
    path: Path
    units: MeshUnits


def name_files(words: Sequence[str], units: MeshUnits, classes: Sequence[str] = ()) -> tuple[CadFile, ...]:
    """``part.stl`` or ``bolt=part.stl``, each. classes: of the photographs' labels, where they have some.

    A file without a name is of the only class there is, or of one that is called as the file. Raises
    InputError for a class that the labels do not know, and for one that is named twice.
    """
    files = [_name(word, units, classes, is_alone=len(words) == 1) for word in words]
    names = [file.class_name for file in files]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two --mesh are of class {name}: name each, such as --mesh bolt=part.stl")
        if classes and name not in classes:
            raise InputError(
                f"the photographs label {', '.join(classes)}, and no {name}: say of which class the file is, "
                f"such as --mesh {classes[0]}=part.stl"
            )
    return tuple(files)


def _name(word: str, units: MeshUnits, classes: Sequence[str], *, is_alone: bool) -> CadFile:
    name, equals, file = word.partition("=")
    path = Path(file)
    if not equals or Path(word).is_file():
        name, path = "", Path(word)
    if not name:
        name = classes[0] if is_alone and len(classes) == 1 else to_class_name(path.stem) or "part"
    if to_class_name(name) != name:
        raise InputError(f"{name!r:.70} cannot name a class: use letters, digits, spaces, _ . and -")
    return CadFile(name, path, "m" if path.suffix.lower() in _METRES_ALONE else units)


def load_parts(files: Sequence[CadFile]) -> Objects:
    """Their surfaces, each labelled by its box alone, its axes moved into the middle of its bounds: in a file
    the origin may lie anywhere.

    Raises InputError for a file that does not do, or whose size says that its units are others.
    """
    meshes: dict[str, Mesh] = {}
    labels: dict[str, PartLabel] = {}
    records: list[ModelRecord] = []
    contents: dict[str, bytes] = {}
    notes: list[str] = []
    for number, file in enumerate(files, start=1):
        read = read_mesh(file.path, file.units)
        low, high = read.mesh.vertices_m.min(axis=0), read.mesh.vertices_m.max(axis=0)
        mesh = replace(read.mesh, vertices_m=read.mesh.vertices_m - (low + high) / 2)
        if not _PLAUSIBLE_M[0] <= (high - low).max() <= _PLAUSIBLE_M[1]:
            raise InputError(
                f"{say_size(file.path.name, mesh, file.units)} Say the right one with "
                f"--units{_say_others(high - low, file.units)}."
            )
        content = to_ply(mesh, file.units)
        record = ModelRecord(
            class_name=file.class_name,
            mesh=f"models/obj_{number:06d}.ply",
            units=file.units,
            sha256=hashlib.sha256(content).hexdigest(),
            point_part_m=(0.0, 0.0, 0.0),
        )
        meshes[file.class_name] = mesh
        labels[file.class_name] = PartLabel(file.class_name, None, np.zeros(3))
        records.append(record)
        contents[record.mesh] = content
        notes += [f"{file.path.name}: {note}" for note in read.notes]
    return Objects(meshes, labels, tuple(records), contents, tuple(notes))


def _say_others(sides_m: Array, units: MeshUnits) -> str:
    """How large it would be in others."""
    longest = float(sides_m.max()) / METRES_PER_UNIT[units]
    return "".join(
        f"; in {other} it would be {1000 * longest * metres:,.4g} mm long"
        for other, metres in METRES_PER_UNIT.items()
        if _PLAUSIBLE_M[0] <= longest * metres <= _PLAUSIBLE_M[1]
    )


def say_size(name: str, mesh: Mesh, units: str) -> str:
    """How large a part is as it was read: whoever knows it sees at once whether the units are right."""
    sides_m = np.ptp(mesh.vertices_m, axis=0)
    in_metres = sides_m.max() >= 2
    x, y, z = sides_m * (1 if in_metres else 1000)
    unit = "m" if in_metres else "mm"
    return f"{name} is {x:,.4g} × {y:,.4g} × {z:,.4g} {unit} large, as its file has it in {units}."
