"""Mesh files as other programs write them: the same solid from each, or one sentence on what is wrong."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image

from synth.cell.mesh import describe_openings, read_mesh
from synth.errors import InputError
from synth.geometry.mesh import Mesh

DEPTH_MM = 40.0
PROFILES_MM: dict[str, tuple[list[tuple[float, float]], float]] = {
    "L": ([(0, 0), (60, 0), (60, 20), (20, 20), (20, 50), (0, 50)], 1800),
    "L from its inner corner on": ([(20, 20), (20, 50), (0, 50), (0, 0), (60, 0), (60, 20)], 1800),
    "channel": ([(0, 0), (60, 0), (60, 60), (50, 60), (50, 10), (10, 10), (10, 60), (0, 60)], 1600),
    "chevron": ([(0, 20), (30, 0), (0, 60), (-30, 0)], 1200),
    "chevron from its tip on": ([(30, 0), (0, 60), (-30, 0), (0, 20)], 1200),
    "corners on edges": ([(0, 0), (30, 0), (60, 0), (60, 20), (20, 20), (20, 50), (0, 50), (0, 25)], 1800),
    "doubled corners": ([(0, 0), (60, 0), (60, 0), (60, 20), (20, 20), (20, 20), (20, 50), (0, 50)], 1800),
    "hole at a seam": (
        [(0, 0), (60, 0), (60, 50), (0, 50), (0, 0), (10, 10), (10, 40), (50, 40), (50, 10), (10, 10)],
        1800,
    ),
}


def prism(profile_mm: list[tuple[float, float]]) -> tuple[NDArray[np.float64], list[list[int]]]:
    """Corners [V,3] and faces of a profile in x and z, drawn out along y; its ends are one polygon each."""
    n = len(profile_mm)
    places = np.array([(x, y, z) for y in (0.0, DEPTH_MM) for x, z in profile_mm])
    sides = [[i, i + n, (i + 1) % n + n, (i + 1) % n] for i in range(n)]
    return places, [list(range(n)), list(range(n, 2 * n))[::-1], *sides]


def to_obj(places: NDArray[np.float64], faces: list[list[int]]) -> bytes:
    lines = ["v {:g} {:g} {:g}".format(*p) for p in places]
    return "\n".join([*lines, *(" ".join(["f", *(str(i + 1) for i in face)]) for face in faces)]).encode()


def to_obj_backwards(places: NDArray[np.float64], faces: list[list[int]]) -> bytes:
    """Each face behind its own corners, with texture places and normals, as indices from the end; CR LF."""
    lines = []
    for face in faces:
        lines += ["\tv {:g} {:g} {:g}\r\nvt 0 0\r\nvn 0 0 1".format(*places[i]) for i in face]
        lines.append(" ".join(["f", *(f"{i}/{i}/{i}" for i in range(-len(face), 0))]))
    return "\r\n".join(lines).encode()


def to_ply(places: NDArray[np.float64], faces: list[list[int]], encoding: str) -> bytes:
    """With a colour a face, red for the first and grey for others, between count and corners."""
    kind = "float" if encoding == "ascii" else "double"
    head = ["ply", f"format {encoding} 1.0", f"element vertex {len(places)}"]
    head += [f"property {kind} {axis}" for axis in "xyz"]
    head += [f"element face {len(faces)}", *(f"property uchar {c}" for c in ("red", "green", "blue"))]
    head += ["property list uchar int vertex_indices", "end_header", ""]
    colours = [(200, 0, 0), *[(90, 90, 90)] * (len(faces) - 1)]
    rows = [(*colour, len(face), *face) for colour, face in zip(colours, faces, strict=True)]
    if encoding == "ascii":
        body = "\n".join(" ".join(f"{v:g}" for v in row) for row in [*places, *rows]).encode()
    else:
        order = "<" if encoding == "binary_little_endian" else ">"
        body = places.astype(f"{order}f8").tobytes()
        body += b"".join(struct.pack(f"{order}4B{len(row) - 4}i", *row) for row in rows)
    return "\n".join(head).encode() + body


WRITERS: dict[str, tuple[str, Callable[[NDArray[np.float64], list[list[int]]], bytes]]] = {
    "OBJ": (".obj", to_obj),
    "OBJ backwards": (".obj", to_obj_backwards),
    **{
        f"PLY {encoding}": (".ply", lambda places, faces, encoding=encoding: to_ply(places, faces, encoding))
        for encoding in ("ascii", "binary_little_endian", "binary_big_endian")
    },
}


def area_mm2(mesh: Mesh, axis: int) -> float:
    """All that faces one way along an axis; of a prism along it, its silhouette."""
    a, b, c = np.moveaxis(mesh.vertices_m[mesh.triangles] * 1000, 1, 0)
    along = np.cross(b - a, c - a)[:, axis] / 2
    return float(np.abs(along).sum() / 2)


def volume_mm3(mesh: Mesh) -> float:
    a, b, c = np.moveaxis(mesh.vertices_m[mesh.triangles] * 1000, 1, 0)
    return float(np.einsum("ti,ti->", a, np.cross(b, c)) / 6)


@pytest.mark.parametrize(("suffix", "write"), WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize(("profile_mm", "right_mm2"), PROFILES_MM.values(), ids=PROFILES_MM)
@pytest.mark.parametrize("is_turned", [False, True])
def test_a_prism_whose_ends_are_polygons_has_its_own_outline_from_every_format(
    tmp_path: Path,
    suffix: str,
    write: Callable[[NDArray[np.float64], list[list[int]]], bytes],
    profile_mm: list[tuple[float, float]],
    right_mm2: float,
    is_turned: bool,
) -> None:
    """Its silhouette and volume are the profile's, it is closed, whichever way its faces are wound."""
    places, faces = prism(profile_mm)
    path = tmp_path / f"prism{suffix}"
    path.write_bytes(write(places, [face[::-1] for face in faces] if is_turned else faces))
    file = read_mesh(path, "mm")
    assert area_mm2(file.mesh, axis=1) == pytest.approx(right_mm2)
    assert volume_mm3(file.mesh) == pytest.approx(right_mm2 * DEPTH_MM)
    assert describe_openings(file.mesh) == ""
    assert file.notes == ()
    if suffix == ".ply":
        assert file.mesh.corner_rgb is not None
        red = Mesh(file.mesh.vertices_m, file.mesh.triangles[file.mesh.corner_rgb[:, 0, 0] == 200])
        assert 2 * area_mm2(red, axis=1) == pytest.approx(right_mm2)


def test_a_byte_order_mark_moves_no_index(tmp_path: Path) -> None:
    """The first corner counts, also where a spare one hides that it is lost."""
    places, faces = prism([(0, 0), (60, 0), (0, 50)])
    (tmp_path / "a.obj").write_bytes(b"\xef\xbb\xbf" + to_obj(np.vstack([places, [[0, 0, 0]]]), faces))
    mesh = read_mesh(tmp_path / "a.obj", "mm").mesh
    assert np.ptp(mesh.vertices_m, axis=0) == pytest.approx([0.06, 0.04, 0.05])
    assert describe_openings(mesh) == ""


def test_a_comment_may_have_any_bytes(tmp_path: Path) -> None:
    """A name in Latin-1 in the head of a PLY."""
    ply = to_ply(*prism([(0, 0), (60, 0), (0, 50)]), "ascii")
    (tmp_path / "a.ply").write_bytes(ply.replace(b"\nelement", b"\ncomment by M\xfcller\nelement", 1))
    assert describe_openings(read_mesh(tmp_path / "a.ply", "mm").mesh) == ""


def test_a_polygon_that_is_not_flat_keeps_its_outline(tmp_path: Path) -> None:
    """An L whose inner corner lies 1 mm off the plane of the others covers what the flat one does."""
    places, faces = prism(PROFILES_MM["L"][0])
    places[3, 1] = 1.0
    (tmp_path / "l.obj").write_bytes(to_obj(places, faces))
    mesh = read_mesh(tmp_path / "l.obj", "mm").mesh
    assert area_mm2(mesh, axis=1) == pytest.approx(1800)
    assert describe_openings(mesh) == ""


@pytest.mark.parametrize("far", [9, 5])
def test_a_face_that_crosses_itself_is_said(tmp_path: Path, far: int) -> None:
    """Nobody knows what a bow tie covers."""
    (tmp_path / "bow.obj").write_text(f"v 0 0 0\nv 9 9 0\nv 9 0 0\nv 0 {far} 0\nf 1 2 3 4\nf 1 2 3\n")
    (note,) = read_mesh(tmp_path / "bow.obj", "mm").notes
    assert "it has 1 face whose outline crosses itself" in note
    assert "Triangulate" in note


@pytest.mark.parametrize(
    ("faces", "problem"),
    [
        ("f -5 -2 -1", "index -5 after 4 lines of v.*count from 1 on"),
        ("f 0 1 2", "index 0 after 4 lines of v"),
        ("f 1/-1 2/-1 3/-1", "index -1 after 0 lines of vt"),
        ("f 1 2 3 9", "vertices that it lacks"),
        ("f 1 2 x 4", "cannot be read as OBJ"),
    ],
)
def test_indices_that_lead_nowhere_are_refused(tmp_path: Path, faces: str, problem: str) -> None:
    """Not taken from the end of the file, nor from its beginning."""
    (tmp_path / "bad.obj").write_text(f"v 0 0 0\nv 9 0 0\nv 9 9 0\nv 0 9 0\n{faces}\n")
    with pytest.raises(InputError, match=problem):
        read_mesh(tmp_path / "bad.obj", "mm")


def test_a_textured_polygon_keeps_its_picture(tmp_path: Path) -> None:
    """An L of one face in text coordinates over a picture, half green and half yellow, in OBJ and PLY."""
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, :16], picture[:, 16:] = (0, 200, 0), (200, 200, 0)
    Image.fromarray(picture).save(tmp_path / "t.png")
    (tmp_path / "m.mtl").write_text("newmtl m\nmap_Kd C:\\old\\t.png\n")
    places = [(0, 0), (60, 0), (60, 20), (20, 20), (20, 50), (0, 50)]
    uv = [(0.9 * x / 60 + 0.05, 0.9 * z / 60 + 0.05) for x, z in places]
    lines = [f"v {x} {z} 0" for x, z in places] + [f"vt {u} {v}" for u, v in uv]
    obj = ["mtllib m.mtl", *lines, "usemtl m", "f " + " ".join(f"{i}/{i}" for i in range(-6, 0))]
    (tmp_path / "m.obj").write_text("\n".join(obj))
    flat = " ".join(f"{v}" for pair in uv for v in pair)
    ply = ["ply", "format ascii 1.0", "comment TextureFile t.png", "element vertex 6"]
    ply += [f"property float {axis}" for axis in "xyz"]
    ply += ["element face 1", "property list uchar int vertex_index", "property list uchar float texcoord"]
    ply += ["end_header", *(f"{x} {z} 0" for x, z in places), f"6 0 1 2 3 4 5 12 {flat}", ""]
    (tmp_path / "m.ply").write_text("\n".join(ply))
    for name in ("m.obj", "m.ply"):
        file = read_mesh(tmp_path / name, "mm")
        is_left = file.mesh.vertices_m[file.mesh.triangles][..., 0] < 0.03
        assert file.is_textured
        assert file.notes == ()
        assert area_mm2(file.mesh, axis=2) == pytest.approx(1800 / 2)  # It faces one way only.
        assert file.mesh.corner_rgb is not None
        assert {tuple(c) for c in file.mesh.corner_rgb[is_left].tolist()} == {(0, 200, 0)}
        assert {tuple(c) for c in file.mesh.corner_rgb[~is_left].tolist()} == {(200, 200, 0)}


def box_stl(folder: Path) -> bytes:
    trimesh.creation.box((60, 40, 20)).export(folder / "sound.stl")
    return (folder / "sound.stl").read_bytes()


def text_stl(folder: Path) -> bytes:
    box_stl(folder)
    text = trimesh.exchange.stl.export_stl_ascii(trimesh.load_mesh(folder / "sound.stl"))
    return str(text).encode()


def facet(*corners: tuple[float, float, float]) -> bytes:
    return struct.pack("<12fH", 0, 0, 0, *np.ravel(corners), 0)


@pytest.mark.parametrize("of_two", [(0, 0, 1), (0, 1, 1), (0, 0, 0)])
def test_facets_with_equal_corners_are_left_out(tmp_path: Path, of_two: tuple[int, ...]) -> None:
    """As CAD programs write them: they open no edge of a closed solid."""
    data = box_stl(tmp_path)
    ends = [(30.0, 20.0, 10.0), (-30.0, 20.0, 10.0)]
    data = data[:80] + struct.pack("<I", 13) + data[84:] + facet(*(ends[i] for i in of_two))
    (tmp_path / "box.stl").write_bytes(data)
    file = read_mesh(tmp_path / "box.stl", "mm")
    assert len(file.mesh.triangles) == 12
    assert describe_openings(file.mesh) == ""
    assert file.notes == ()


def test_bytes_behind_the_last_facet_are_left_out_and_said_where_they_could_be_one(tmp_path: Path) -> None:
    """A few bytes are nothing to speak of; fifty may be a facet that the head does not count."""
    for extra, notes in ((b"made by", ()), (b"x" * 50, ("it has 50 bytes after the 12 triangles",))):
        (tmp_path / "box.stl").write_bytes(box_stl(tmp_path) + extra)
        file = read_mesh(tmp_path / "box.stl", "mm")
        assert volume_mm3(file.mesh) == pytest.approx(60 * 40 * 20)
        assert [note[: len(start)] for note, start in zip(file.notes, notes, strict=True)] == list(notes)


@pytest.mark.parametrize(
    ("make", "cut", "problem"),
    [
        (
            text_stl,
            lambda data: data[: data.rindex(b"endsolid")],
            "ends early: its last line is not endsolid",
        ),
        (text_stl, lambda data: data[: len(data) // 2], "ends early: its last line is not endsolid"),
        (
            text_stl,
            lambda data: data.replace(b"3.0000000", b"3,0", 1).replace(b".", b",", 9),
            "cannot be read",
        ),
        (box_stl, lambda data: data[:-60], r"head says 12 triangles and 10 follow, so it ends early"),
    ],
)
def test_an_stl_that_is_not_whole_is_refused(
    tmp_path: Path, make: Callable[[Path], bytes], cut: Callable[[bytes], bytes], problem: str
) -> None:
    """The sentence says that the file ends early, not that it has no triangles."""
    (tmp_path / "box.stl").write_bytes(cut(make(tmp_path)))
    with pytest.raises(InputError, match=problem):
        read_mesh(tmp_path / "box.stl", "mm")


def test_what_keeps_a_solid_open_is_told_apart() -> None:
    """A missing triangle leaves three edges; a turned one leaves none, and is not called open."""
    box = Mesh.box([0, 0, 0], [1, 1, 1])
    turned = box.triangles.copy()
    turned[0] = turned[0, ::-1]
    assert describe_openings(box) == ""
    assert describe_openings(Mesh(box.vertices_m, box.triangles[1:])).startswith("3 of its edges have")
    assert "opposite ways" in describe_openings(Mesh(box.vertices_m, turned))


OBJ = "mtllib a.mtl\nv 0 0 0\nv 9 0 0\nv 9 9 0\nvt 0 0\nvt 1 0\nvt 1 1\nusemtl s\nf 1/1 2/2 3/3\n"
PLY = (
    "ply\nformat ascii 1.0\ncomment TextureFile gone.png\nelement vertex 3\nproperty float x\n"
    "property float y\nproperty float z\nproperty float s\nproperty float t\nelement face 1\n"
    "property list uchar int vertex_indices\nend_header\n0 0 0 0 0\n9 0 0 1 0\n9 9 0 1 1\n3 0 1 2\n"
)
LOST = {
    "PLY without its picture": ("m.ply", PLY, {}, "its texture is lost: the file 'gone.png' is missing"),
    "a picture out of the folder": (
        "m.ply",
        PLY.replace("gone", "../gone"),
        {},
        "its texture is lost: '../gone.png' leads out of its folder",
    ),
    "two pictures": (
        "m.ply",
        PLY.replace("element vertex", "comment TextureFile b.png\nelement vertex"),
        {},
        "it has 2 textures, and only one is allowed",
    ),
    "OBJ without its materials": (
        "m.obj",
        OBJ,
        {},
        "its materials and textures are lost: the file 'a.mtl' is missing",
    ),
    "without its picture": (
        "m.obj",
        OBJ,
        {"a.mtl": "newmtl s\nmap_Kd gone.png"},
        "its texture is lost: the file 'gone.png' is missing",
    ),
    "a path of Windows": (
        "m.obj",
        OBJ,
        {"a.mtl": "newmtl s\nmap_Kd C:\\tex\\gone.png"},
        r"its texture is lost: the file 'C:\tex\gone.png' is missing",
    ),
    "a broken picture": (
        "m.obj",
        OBJ,
        {"a.mtl": "newmtl s\nmap_Kd t.png", "t.png": "no png"},
        "its texture is lost: the file 't.png' cannot be read",
    ),
    "a face without coordinates": (
        "m.obj",
        OBJ + "f 1//1 3//1 2//1\n",
        {"a.mtl": "newmtl s\nmap_Kd t.png"},
        "its texture is not taken: 1 of 2 textured faces have no texture coordinates",
    ),
    "options": (
        "m.obj",
        OBJ,
        {"a.mtl": "newmtl s\nmap_Kd -s 2 2 2 t.png", "t.png": "no png"},
        "its texture is lost: '-s 2 2 2 t.png' names it with options, which are not read",
    ),
}


@pytest.mark.parametrize(("name", "text", "beside", "sentence"), LOST.values(), ids=LOST)
def test_a_lost_texture_is_one_sentence_and_costs_colours_alone(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    name: str,
    text: str,
    beside: dict[str, str],
    sentence: str,
) -> None:
    """It names the file, nothing else is printed or logged, and no colour is made up."""
    folder = tmp_path / "models"
    folder.mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "gone.png")
    for file, content in {name: text, **beside}.items():
        (folder / file).write_text(content)
    read = read_mesh(folder / name, "mm")
    (note,) = read.notes
    assert note == f"{sentence}. Its shape is read without those colours."
    assert (read.is_textured, read.mesh.corner_rgb) == (False, None)
    assert area_mm2(Mesh(read.mesh.vertices_m, read.mesh.triangles[:1]), axis=2) == pytest.approx(81 / 4)
    assert (*capsys.readouterr(), caplog.text) == ("", "", "")


def test_a_gltf_without_its_picture_says_so(tmp_path: Path) -> None:
    """Its shape is read all the same; a picture within the file is not missed."""
    for name, content in trimesh.exchange.gltf.export_gltf(trimesh.Scene(trimesh.creation.box())).items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "model.gltf"
    tree = json.loads(path.read_text()) | {"images": [{"uri": "gone.png"}, {"bufferView": 0}]}
    path.write_text(json.dumps(tree))
    file = read_mesh(path, "m")
    assert describe_openings(file.mesh) == ""
    assert [note.partition(". ")[0] for note in file.notes] == [
        "its texture is lost: the file 'gone.png' is missing"
    ]


@pytest.mark.parametrize(
    ("name", "text", "beside"),
    [
        ("m.obj", OBJ.replace("mtllib a.mtl\n", "").replace("usemtl s\n", ""), {}),
        ("m.obj", OBJ, {"a.mtl": "newmtl s\nKd 1 0 0\nnewmtl other\nmap_Kd gone.png"}),
        ("m.ply", PLY.replace("comment TextureFile gone.png\n", ""), {}),
    ],
)
def test_a_file_that_names_no_picture_has_lost_none(
    tmp_path: Path, name: str, text: str, beside: dict[str, str]
) -> None:
    """Texture coordinates alone, or materials that nothing uses, give neither a colour nor a sentence."""
    for file, content in {name: text, **beside}.items():
        (tmp_path / file).write_text(content)
    read = read_mesh(tmp_path / name, "mm")
    assert read.notes == ()
    assert read.mesh.corner_rgb is None
