"""The files that a mesh file takes its colours from, and those of them that did not come along."""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping

from PIL import Image
from trimesh.resolvers import FilePathResolver

_NAMED_IN_PLY = re.compile(rb"^comment[ \t]+texturefile[ \t]+(.*?)[ \t\r]*$", re.MULTILINE | re.IGNORECASE)
_LIBRARY = re.compile(rb"^mtllib[ \t]+(.*?)[ \t\r]*$", re.MULTILINE)
_USED = re.compile(rb"^usemtl[ \t]+(.*?)[ \t\r]*$", re.MULTILINE)
_SHAPE_ONLY = ". Its shape is read without those colours."
_FACE = re.compile(rb"^\s*f[ \t]", re.MULTILINE)
_PLACED = re.compile(rb"^\s*f[ \t]+-?\d+/-?\d", re.MULTILINE)


class OwnFolder(FilePathResolver):
    """What a mesh file names, from its own folder alone; a path of another machine for its last part."""

    def get(self, name: str) -> bytes:
        """The content. Raises OSError for a file that is absent, ValueError for one outside."""
        return bytes(super().get(name.replace("\\", "/")))


class _LostError(Exception):
    """All colours of other files are lost; its text says why."""


def list_lost_textures(name: str, data: bytes, folder: OwnFolder) -> Iterator[str]:
    """One sentence for every file of colours that a mesh file names and that cannot be read.

    One is enough to leave out all its textures. name: of the mesh file, by whose ending its format is known.
    data: its content.
    """
    list_pictures = _PICTURES.get(name.lower().rpartition(".")[2])
    try:
        pictures = [] if list_pictures is None else list_pictures(data, folder)
    except _LostError as lost:
        yield f"{lost}{_SHAPE_ONLY}"
        return
    for picture in dict.fromkeys(pictures):
        try:
            Image.open(io.BytesIO(folder.get(picture))).load()
        except Exception as error:  # noqa: BLE001 - Pillow raises whatever its readers raise.
            yield f"its texture is lost: {_why(picture, error)}{_SHAPE_ONLY}"


def _of_ply(data: bytes, folder: OwnFolder) -> list[str]:
    pictures = [_text(name) for name in _NAMED_IN_PLY.findall(data[: max(data.find(b"end_header"), 0)])]
    if len(set(pictures)) > 1:
        raise _LostError(f"it has {len(pictures)} textures, and only one is allowed")
    return pictures


def _of_gltf(data: bytes, folder: OwnFolder) -> list[str]:
    uris = [image.get("uri", "data:") for image in json.loads(data).get("images", [])]
    return [uri for uri in uris if not uri.startswith("data:")]


def _of_obj(data: bytes, folder: OwnFolder) -> list[str]:
    used = {_text(material) for material in _USED.findall(data)}
    if not used or not (library := _LIBRARY.search(data)):
        return []
    try:
        named = _named_in_materials(folder.get(_text(library[1])))
    except (OSError, ValueError) as error:
        why = _why(_text(library[1]), error)
        raise _LostError(f"its materials and textures are lost: {why}") from error
    n_faces, n_placed = _count_faces(data, named)
    if 0 < n_placed < n_faces:
        missing = f"{n_faces - n_placed} of {n_faces} textured faces have no texture coordinates"
        raise _LostError(f"its texture is not taken: {missing}")
    return [picture for material, picture in named.items() if n_placed and material in used]


def _count_faces(data: bytes, named: Mapping[str, str]) -> tuple[int, int]:
    """How many faces of an OBJ file have a material with a picture, and how many of them a place in it."""
    parts = _USED.split(data)
    textured = [faces for name, faces in zip(parts[1::2], parts[2::2], strict=True) if _text(name) in named]
    return sum(len(_FACE.findall(f)) for f in textured), sum(len(_PLACED.findall(f)) for f in textured)


def _named_in_materials(content: bytes) -> dict[str, str]:
    """The pictures of an MTL file by material."""
    named = {}
    material = ""
    for line in content.splitlines():
        match line.split(maxsplit=1):
            case [key, value] if key.lower() == b"newmtl":
                material = _text(value.strip())
            case [key, value] if key.lower() == b"map_kd":
                named[material] = _text(value.strip())
    return named


def _why(name: str, error: Exception) -> str:
    if name.startswith("-"):
        return f"'{name}' names it with options, which are not read"
    if isinstance(error, FileNotFoundError):
        return f"the file '{name}' is missing"
    if isinstance(error, ValueError):
        return f"'{name}' leads out of its folder"
    return f"the file '{name}' cannot be read"


def _text(name: bytes) -> str:
    return name.decode("utf-8", errors="replace")


_PICTURES: dict[str, Callable[[bytes, OwnFolder], list[str]]] = {
    "ply": _of_ply,
    "gltf": _of_gltf,
    "obj": _of_obj,
}
