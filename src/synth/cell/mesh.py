"""CAD files as meshes in metres, and the face whose normal is the label."""

import hashlib
import io
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from trimesh.exchange.ply import export_ply
from trimesh.triangles import closest_point
from trimesh.visual import ColorVisuals

from synth.cell.formats.faces import Prepared, refuse_odd_numbers
from synth.cell.formats.obj import prepare_obj
from synth.cell.formats.ply import prepare_ply
from synth.cell.formats.stl import prepare_stl
from synth.cell.formats.textures import OwnFolder, list_lost_textures
from synth.cell.model import Cell, MeshBody
from synth.errors import InputError
from synth.geometry.mesh import Mesh
from synth.geometry.se3 import Array

FORMATS = (".stl", ".ply", ".obj", ".gltf", ".glb")
_SOLIDS = (".step", ".stp", ".iges", ".igs")
METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": 0.001, "inch": 0.0254}
MAX_FILE_MB = 200
MAX_TRIANGLES = 5_000_000
FACE_DISTANCE_M = 0.002
EDGE_M = 5e-5
_INTO_FACE_M = 0.001
_SAME_FACE_COSINE = np.cos(np.radians(5))
_PREPARE = {".stl": prepare_stl, ".ply": prepare_ply, ".obj": prepare_obj}

logging.getLogger("trimesh").setLevel(logging.CRITICAL)  # What a file lacks is told once, in MeshFile.notes.


@dataclass(frozen=True, eq=False)
class MeshFile:
    """What a CAD file holds.

    mesh: in metres, with the file's own colours where it has some: of vertices or faces, or of a texture at
    each corner. is_textured: whether they come from another file. notes: what the maker of the file should
    know, a sentence each.
    """

    mesh: Mesh
    is_textured: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CellBodies:
    """The part in the part frame and the mount in the mount frame, in metres. notes: on their files."""

    part: Mesh
    mount: Mesh
    notes: tuple[str, ...] = ()


def inside(folder: Path, name: str) -> Path:
    """The path of a file named in a data file, which must stay in the folder of that file.

    Raises InputError when it leads out of the folder.
    """
    path = Path(os.path.realpath(folder / name))  # Path.resolve would fail at a link to itself.
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"'{name}' leads out of {folder}: copy the file beside the one that names it.")
    return path


def load_mesh(path: Path, units: str) -> Mesh:
    """The mesh of a CAD file without its colours, as ``read_mesh``."""
    return _without_colours(read_mesh(path, units).mesh)


def read_mesh(path: Path, units: str) -> MeshFile:
    """A CAD file as one mesh in metres.

    Reads STL, PLY, OBJ and glTF/GLB. The bodies of a scene become one mesh, polygons become triangles, equal
    vertices become one, triangles with two equal corners are left out, a closed mesh that is inside out is
    turned. The axes stay those of the file: a glTF is y-up by its specification and stays so; T_tool_part is
    the place to turn it. What a file names (buffers, materials) is read from its own folder only, never from
    a network.

    units: what one unit of the file is: ``m``, ``cm``, ``mm`` or ``inch``; of a glTF always ``m``.

    Raises InputError for a file that is absent, too large, of another format, broken, or without triangles.
    """
    if units not in METRES_PER_UNIT:
        raise InputError(f"'{units}' is not a unit of length: use one of {', '.join(METRES_PER_UNIT)}.")
    if path.suffix.lower() not in FORMATS:
        solid = " STEP and IGES hold no triangles." if path.suffix.lower() in _SOLIDS else ""
        raise InputError(f"{path.name} is of another format: export it as {', '.join(FORMATS)}.{solid}")
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    size_mb = path.stat().st_size / 1e6
    if size_mb > MAX_FILE_MB:
        raise InputError(
            f"{path.name} has {size_mb:.0f} MB; at most {MAX_FILE_MB} are read: export coarser facets."
        )
    loaded, notes = _read(path)
    refuse_odd_numbers(loaded.vertices, loaded.faces, path.name)
    corner_rgb = _corner_colours(loaded)
    is_textured = loaded.visual.kind == "texture" and corner_rgb is not None
    loaded.merge_vertices(merge_tex=True, merge_norm=True)
    triangles = np.asarray(loaded.faces)
    a, b, c = triangles.T
    is_face = (a != b) & (b != c) & (c != a)
    if len(loaded.faces) > MAX_TRIANGLES:
        raise InputError(
            f"{path.name} has {len(loaded.faces):,} triangles; at most {MAX_TRIANGLES:,} are read: "
            "export coarser facets."
        )
    if not is_face.any():
        raise InputError(
            f"{path.name} has no triangles: export the solid as a surface mesh, not points or lines."
        )
    mesh = Mesh(
        np.asarray(loaded.vertices) * METRES_PER_UNIT[units],
        triangles[is_face],
        None if corner_rgb is None else corner_rgb[is_face],
    )
    if is_closed(mesh) and _signed_volume_m3(mesh) < 0:
        mesh = _turned(mesh)
    return MeshFile(mesh, is_textured, notes)


def _without_colours(mesh: Mesh) -> Mesh:
    return Mesh(mesh.vertices_m, mesh.triangles)


def _turned(mesh: Mesh) -> Mesh:
    flipped = None if mesh.corner_rgb is None else mesh.corner_rgb[:, ::-1]
    return Mesh(mesh.vertices_m, mesh.triangles[:, ::-1], flipped)


def to_coloured_ply(mesh: Mesh, units: str) -> bytes:
    """A mesh with its colours as one PLY file that needs no other, a vertex for every corner."""
    assert mesh.corner_rgb is not None
    corners = trimesh.Trimesh(
        mesh.vertices_m[mesh.triangles].reshape(-1, 3) / METRES_PER_UNIT[units],
        np.arange(3 * len(mesh.triangles)).reshape(-1, 3),
        vertex_colors=mesh.corner_rgb.reshape(-1, 3),
        process=False,
    )
    ply = corners.export(file_type="ply")
    assert isinstance(ply, bytes)
    return ply


def to_ply(mesh: Mesh, units: str) -> bytes:
    """A mesh as a binary PLY file with normals, and with its colours where it has some: a vertex for each
    colour that its corners have.
    """
    vertices_m, triangles, colours = mesh.vertices_m, mesh.triangles, None
    if mesh.corner_rgb is not None:
        corners = np.column_stack([triangles.reshape(-1), mesh.corner_rgb.reshape(-1, 3)])
        kept, place = np.unique(corners, axis=0, return_inverse=True)
        vertices_m, colours = vertices_m[kept[:, 0]], kept[:, 1:].astype(np.uint8)
        triangles = place.reshape(-1, 3).astype(np.int32)
    surface = trimesh.Trimesh(
        vertices_m / METRES_PER_UNIT[units], triangles, vertex_colors=colours, process=False
    )
    ply = export_ply(surface, vertex_normal=True)
    assert isinstance(ply, bytes)
    return ply


def _corner_colours(loaded: Any) -> NDArray[np.uint8] | None:
    """sRGB [T,3,3] of a trimesh.Trimesh; None where the file gives no colours."""
    visual = loaded.visual
    if visual.kind == "face":
        return np.asarray(np.repeat(visual.face_colors[:, None, :3], 3, axis=1), np.uint8)
    if visual.kind == "texture":
        material = visual.material
        picture = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
        uv = visual.uv
        if picture is None or uv is None or uv.shape[1] < 2 or not np.isfinite(uv).all():
            return None
        visual = visual.to_color()
    if visual.kind != "vertex":
        return None
    return np.asarray(visual.vertex_colors[loaded.faces][..., :3], np.uint8)


def _read(path: Path) -> tuple[Any, tuple[str, ...]]:
    """The file as one trimesh.Trimesh, in its own units, and what there is to say of it."""
    suffix, data = path.suffix.lower(), path.read_bytes()
    try:
        prepared = _PREPARE[suffix](data, path.name) if suffix in _PREPARE else Prepared(data)
        folder = OwnFolder(str(path))
        scene = trimesh.load_scene(
            io.BytesIO(prepared.data), file_type=suffix[1:], resolver=folder, process=False
        )
        lost = tuple(list_lost_textures(path.name, data, folder))
        mesh = scene.to_mesh()
        if lost or all(_has_stand_in(g) for g in scene.geometry.values()):
            mesh.visual = mesh.visual if mesh.visual.kind in ("vertex", "face") else ColorVisuals(mesh)
        return mesh, (*prepared.notes, *lost)
    except (MemoryError, InputError):
        raise
    except Exception as error:
        raise InputError(
            f"{path.name} cannot be read as {path.suffix[1:].upper()}: export it again."
        ) from error


def _has_stand_in(geometry: Any) -> bool:
    """Whether a trimesh.Trimesh has texture coordinates alone, for which trimesh makes up a grey picture."""
    picture = getattr(getattr(getattr(geometry, "visual", None), "material", None), "image", None)
    return picture is not None and picture.format is None


def is_closed(mesh: Mesh) -> bool:
    """Whether the mesh bounds a solid."""
    return not describe_openings(mesh)


def describe_openings(mesh: Mesh) -> str:
    """What keeps the mesh from bounding a solid; empty where every edge is passed as often in one direction
    as in the other.
    """
    edges = mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    forwards = edges[:, 0] < edges[:, 1]
    keys = edges.min(axis=1) * len(mesh.vertices_m) + edges.max(axis=1)
    _, index = np.unique(keys, return_inverse=True)
    uneven = np.bincount(index, weights=np.where(forwards, 1, -1)) != 0
    n_open = int((uneven & (np.bincount(index) == 1)).sum())
    if n_open:
        return f"{n_open} of its edges {'has' if n_open == 1 else 'have'} a triangle on one side only"
    return "neighbouring triangles face opposite ways" if uneven.any() else ""


def _signed_volume_m3(mesh: Mesh) -> float:
    a, b, c = np.moveaxis(mesh.vertices_m[mesh.triangles], 1, 0)
    return float(np.einsum("ti,ti->", a, np.cross(b, c)) / 6)


def load_bodies(cell: Cell) -> CellBodies:
    """Part and mount of a cell, without colours, which the cell file tells. Raises as ``read_mesh``."""
    part, mount = (read_mesh(inside(cell.folder, b.mesh), b.units) for b in (cell.part, cell.mount))
    noted = [(cell.part.mesh, part.notes), (cell.mount.mesh, mount.notes)]
    notes = tuple(dict.fromkeys(f"{name}: {note}" for name, of_file in noted for note in of_file))
    return CellBodies(_without_colours(part.mesh), _without_colours(mount.mesh), notes)


def load_body(folder: Path, body: MeshBody) -> Mesh:
    """A body of a cell, its mesh looked up in ``folder``, in its own frame and in metres."""
    return load_mesh(inside(folder, body.mesh), body.units)


def face_of_interest(part_mesh: Mesh, point_m: ArrayLike) -> tuple[NDArray[np.int64], Array]:
    """The flat face under a point: indices of its connected coplanar triangles [F] and its unit normal [3].

    point_m: [3] in the mesh's frame; the normal is in that frame too, pointing out of the solid.

    Raises InputError when the point is farther than 2 mm from the surface, or on an edge between two faces;
    it names the nearest point that is neither.
    """
    point = np.asarray(point_m, dtype=float)
    corners = part_mesh.vertices_m[part_mesh.triangles]  # [T,3,3]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    near = (corners.min(axis=1) <= point + FACE_DISTANCE_M) & (corners.max(axis=1) >= point - FACE_DISTANCE_M)
    candidates = np.flatnonzero(near.all(axis=1) & (lengths > 0))
    normals /= np.maximum(lengths, 1e-300)[:, None]
    distances = np.full(len(candidates), np.inf)
    if len(candidates):
        nearest = closest_point(corners[candidates], np.tile(point, (len(candidates), 1)))  # type: ignore[no-untyped-call]
        distances = np.linalg.norm(nearest - point, axis=1)
    if not len(candidates) or distances.min() > FACE_DISTANCE_M:
        raise InputError(
            f"The point {_in_m(point)} is more than {FACE_DISTANCE_M * 1000:g} mm away from the surface: the "
            f"nearest point on a face is {_in_m(_nearest_on_face(corners, normals, lengths, point))}."
        )
    touching = candidates[distances < distances.min() + EDGE_M]
    seed = touching[lengths[touching].argmax()]
    if (normals[touching] @ normals[seed] < _SAME_FACE_COSINE).any():
        raise InputError(
            f"The point {_in_m(point)} lies on an edge between two faces: move it 1 mm into one of them, to "
            f"{_in_m(_nearest_on_face(corners, normals, lengths, point))} say."
        )
    off_plane_m = np.abs((corners - corners[seed, 0]) @ normals[seed]).max(axis=1)
    flat = np.flatnonzero((off_plane_m < 2e-5) & (normals @ normals[seed] > np.cos(np.radians(0.5))))
    pairs = part_mesh.triangles[flat][:, [0, 1, 1, 2]].reshape(-1, 2)
    n = len(part_mesh.vertices_m)
    _, group = connected_components(coo_array((np.ones(len(pairs)), pairs.T), shape=(n, n)), directed=False)
    face = flat[group[part_mesh.triangles[flat, 0]] == group[part_mesh.triangles[seed, 0]]]
    normal = np.average(normals[face], axis=0, weights=lengths[face])
    return face, np.asarray(normal / np.linalg.norm(normal))


def _nearest_on_face(corners_m: Array, normals: Array, sizes: Array, point_m: Array) -> Array:
    """The point [3] of triangles [T,3,3] nearest to one; where that is an edge of the solid, 1 mm beside it.

    normals: [T,3]. sizes: [T], 0 of triangles without a normal.
    """
    off = np.maximum(corners_m.min(axis=1) - point_m, point_m - corners_m.max(axis=1)).clip(min=0)
    at_most = np.linalg.norm(corners_m - point_m, axis=2).min()
    near = np.flatnonzero((np.linalg.norm(off, axis=1) <= at_most + EDGE_M) & (sizes > 0))
    found = closest_point(corners_m[near], np.tile(point_m, (len(near), 1)))  # type: ignore[no-untyped-call]
    nearest = np.asarray(found[np.linalg.norm(found - point_m, axis=1).argmin()])
    touching = np.flatnonzero(np.linalg.norm(found - nearest, axis=1) < EDGE_M)
    k = touching[sizes[near[touching]].argmax()]
    if (normals[near[touching]] @ normals[near[k]] < _SAME_FACE_COSINE).any():
        inwards = corners_m[near[k]].mean(axis=0) - nearest
        nearest = nearest + inwards * min(1.0, _INTO_FACE_M / float(np.linalg.norm(inwards)))
    return nearest.round(5) + 0.0


def _in_m(point_m: Array) -> str:
    return f"[{', '.join(f'{v:g}' for v in point_m)}] m"


def label_normal_part(cell: Cell, part_mesh: Mesh) -> Array:
    """The unit normal [3], in the part frame, that is the label. Raises as ``face_of_interest``."""
    if cell.part.normal == "face":
        return face_of_interest(part_mesh, cell.part.point_of_interest_m)[1]
    axis = np.asarray(cell.part.normal, dtype=float)
    return np.asarray(axis / np.linalg.norm(axis))


def cad_sha256(cell: Cell) -> str:
    """SHA-256 of the part's CAD file, hexadecimal."""
    return file_sha256(inside(cell.folder, cell.part.mesh))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, and of the buffers that a .gltf names."""
    digest = hashlib.sha256(path.read_bytes())
    if path.suffix.lower() == ".gltf":
        for buffer in json.loads(path.read_bytes()).get("buffers", []):
            if not buffer.get("uri", "data:").startswith("data:"):
                digest.update(inside(path.parent, buffer["uri"]).read_bytes())
    return digest.hexdigest()
