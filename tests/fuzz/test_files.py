"""Single files of somebody else's, of every kind that is read alone: meshes and checkpoints."""

import io
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
import torch
import trimesh
from damage import damage_bytes, damage_words
from guard import attempt, bounded, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from synth.cell.mesh import read_mesh
from synth.train.models.pretrained import open_pt

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(3600)]

OUTLINE_XY = ((0, 0), (40, 0), (40, 10), (10, 10), (10, 30), (0, 30))
CORNERS = "".join(f"{x} {y} {z}\n" for z in (0, 5) for x, y in OUTLINE_XY)
N = len(OUTLINE_XY)
SIDES = [[i, (i + 1) % N, N + (i + 1) % N, N + i] for i in range(N)]
FACES = [list(range(N))[::-1], list(range(N, 2 * N)), *SIDES]


def obj_of_polygons() -> bytes:
    """An L whose faces are polygons, with relative indices, a material and texture coordinates."""
    vertices = "".join(f"v {line}\n" for line in CORNERS.splitlines())
    faces = "".join("f " + " ".join(f"{i - 12}/1" for i in face) + "\n" for face in FACES)
    return f"mtllib part.mtl\n{vertices}vt 0 0\nusemtl steel\n{faces}".encode()


def ply_of_polygons() -> bytes:
    """The same as an ASCII PLY with a texture that is gone."""
    header = (
        "ply\nformat ascii 1.0\ncomment TextureFile gone.png\nelement vertex 12\nproperty float x\n"
        f"property float y\nproperty float z\nelement face {len(FACES)}\n"
        "property list uchar int vertex_indices\nend_header\n"
    )
    faces = "".join(f"{len(face)} {' '.join(map(str, face))}\n" for face in FACES)
    return (header + CORNERS + faces).encode()


def binary_ply() -> bytes:
    """A box as trimesh writes it."""
    content = trimesh.creation.box(extents=(60, 40, 22)).export(file_type="ply")
    assert isinstance(content, bytes)
    return content


def ascii_stl() -> bytes:
    """A box in words."""
    content = trimesh.creation.box(extents=(60, 40, 22)).export(file_type="stl_ascii")
    return content.encode() if isinstance(content, str) else content


def checkpoint() -> bytes:
    """A small network's tensors as torch saves them."""
    file = io.BytesIO()
    torch.save({"model": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict()}, file)
    return file.getvalue()


KINDS: dict[str, tuple[Callable[[], bytes], Callable[[Path], object]]] = {
    "polygons.obj": (obj_of_polygons, lambda path: read_mesh(path, "mm")),
    "polygons.ply": (ply_of_polygons, lambda path: read_mesh(path, "mm")),
    "binary.ply": (binary_ply, lambda path: read_mesh(path, "mm")),
    "words.stl": (ascii_stl, lambda path: read_mesh(path, "mm")),
    "weights.pt": (checkpoint, open_pt),
}


@pytest.mark.parametrize("name", KINDS)
def test_any_file_is_read_or_refused_in_a_sentence(name: str) -> None:
    """No other exception, no hang, nothing written."""
    make, read = KINDS[name]
    sound = make()

    @settings(settings.get_profile("fuzz"))
    @given(seed=st.integers(0, 2**62))
    def holds(seed: int) -> None:
        rng = Random(seed)
        is_text = name in ("polygons.obj", "polygons.ply", "words.stl")
        change = rng.choice((damage_words, damage_bytes)) if is_text else damage_bytes
        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(change(sound, rng))
            before = snapshot(path.parent)
            with bounded():
                attempt(lambda: read(path))
            assert snapshot(path.parent) == before

    holds()
