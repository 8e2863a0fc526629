"""The files that a mesh file takes its colours from, and those of them that did not come along."""

import io
import json
import re
from collections.abc import Iterator

from PIL import Image
from trimesh.resolvers import FilePathResolver

_NAMED_IN_PLY = re.compile(rb"^comment[ \t]+texturefile[ \t]+(.*?)[ \t\r]*$", re.MULTILINE | re.IGNORECASE)
_LIBRARY = re.compile(rb"^mtllib[ \t]+(.*?)[ \t\r]*$", re.MULTILINE)
_USED = re.compile(rb"^usemtl[ \t]+(.*?)[ \t\r]*$", re.MULTILINE)
_SHAPE_ONLY = ". Its shape is read without those colours."
_HAS_UV = re.compile(rb"^vt[ \t]", re.MULTILINE)


class OwnFolder(FilePathResolver):
    """What a mesh file names, from its own folder alone; a path of another machine for its last part."""

    def get(self, name: str) -> bytes:
        """The content. Raises OSError for a file that is absent, ValueError for one outside."""
        return bytes(super().get(name.replace("\\", "/")))


def list_lost_textures(name: str, data: bytes, folder: OwnFolder) -> Iterator[str]:
    """One sentence for every file of colours that a mesh file names and that cannot be read.

    One is enough to leave out all its textures. name: of the mesh file, by whose ending its format is known.
    data: its content.
    """
    pictures: list[str] = []
    match name.lower().rpartition(".")[2]:
        case "ply":
            head = data[: max(data.find(b"end_header"), 0)]
            pictures = [_text(picture) for picture in _NAMED_IN_PLY.findall(head)]
            if len(set(pictures)) > 1:
                yield f"it has {len(pictures)} textures, and only one is allowed{_SHAPE_ONLY}"
                return
        case "gltf":
            uris = [image.get("uri", "data:") for image in json.loads(data).get("images", [])]
            pictures = [uri for uri in uris if not uri.startswith("data:")]
        case "obj" if (used := {_text(material) for material in _USED.findall(data)}) and (
            library := _LIBRARY.search(data)
        ):
            try:
                content = folder.get(_text(library[1]))
            except (OSError, ValueError) as error:
                why = _why(_text(library[1]), error)
                yield f"its materials and textures are lost: {why}{_SHAPE_ONLY}"
                return
            if _HAS_UV.search(data):  # Else no picture lies on it.
                pictures = _named_in_materials(content, used)
    for picture in dict.fromkeys(pictures):
        try:
            Image.open(io.BytesIO(folder.get(picture))).load()
        except Exception as error:  # noqa: BLE001 - Pillow raises whatever its readers raise.
            yield f"its texture is lost: {_why(picture, error)}{_SHAPE_ONLY}"


def _named_in_materials(content: bytes, used: set[str]) -> list[str]:
    """The pictures of the used materials of an MTL file."""
    named = {}
    material = ""
    for line in content.splitlines():
        match line.split(maxsplit=1):
            case [key, value] if key.lower() == b"newmtl":
                material = _text(value.strip())
            case [key, value] if key.lower() == b"map_kd":
                named[material] = _text(value.strip())
    return [picture for material, picture in named.items() if material in used]


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
