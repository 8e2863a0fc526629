"""CAD files of every format become the same mesh in metres, and the face under a point is found."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from synth.cell import mesh as cell_mesh
from synth.cell.mesh import (
    METRES_PER_UNIT,
    face_of_interest,
    file_sha256,
    inside,
    is_closed,
    load_mesh,
    read_mesh,
    to_coloured_ply,
)
from synth.errors import InputError
from synth.geometry import se3
from synth.geometry.mesh import Mesh

SIZE = (80.0, 60.0, 20.0)


def box_file(folder: Path, suffix: str, size: tuple[float, ...] = SIZE) -> Path:
    path = folder / f"box{suffix}"
    trimesh.creation.box(size).export(path)
    return path


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj", ".glb"])
@pytest.mark.parametrize("units", METRES_PER_UNIT)
def test_every_format_in_every_unit_is_the_same_box_in_metres(
    tmp_path: Path, suffix: str, units: str
) -> None:
    """A box of 8 corners and 12 triangles comes out of each format, scaled by its unit, axes untouched."""
    mesh = load_mesh(box_file(tmp_path, suffix), units)
    assert len(mesh.vertices_m) == 8
    assert len(mesh.triangles) == 12
    assert np.ptp(mesh.vertices_m, axis=0) == pytest.approx(np.array(SIZE) * METRES_PER_UNIT[units])
    assert is_closed(mesh)


def test_a_gltf_with_its_buffer_beside_it_keeps_its_axes_and_hashes_both_files(tmp_path: Path) -> None:
    """The bodies of a scene become one closed mesh; another byte in the buffer is another hash."""
    scene = trimesh.Scene()
    for i in range(2):
        place = trimesh.transformations.translation_matrix([0.2 * i, 0, 0])
        scene.add_geometry(trimesh.creation.box((0.1, 0.2, 0.3)), transform=place)
    for name, content in trimesh.exchange.gltf.export_gltf(scene).items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "model.gltf"
    mesh = load_mesh(path, "m")
    assert np.ptp(mesh.vertices_m, axis=0) == pytest.approx([0.3, 0.2, 0.3])
    assert is_closed(mesh)
    before = file_sha256(path)
    buffer = tmp_path / json.loads(path.read_text())["buffers"][0]["uri"]
    buffer.write_bytes(buffer.read_bytes()[:-1] + b"\x01")
    assert file_sha256(path) != before


def test_a_gltf_cannot_reach_out_of_its_folder(tmp_path: Path) -> None:
    """A buffer that is named with ../ is not read."""
    folder = tmp_path / "cad"
    folder.mkdir()
    for name, content in trimesh.exchange.gltf.export_gltf(trimesh.Scene(trimesh.creation.box())).items():
        (folder / name).write_bytes(content)
    path = folder / "model.gltf"
    tree = json.loads(path.read_text())
    name = tree["buffers"][0]["uri"]
    (folder / name).rename(tmp_path / name)
    tree["buffers"][0]["uri"] = f"../{name}"
    path.write_text(json.dumps(tree))
    with pytest.raises(InputError, match="cannot be read"):
        load_mesh(path, "m")
    with pytest.raises(InputError, match="leads out"):
        file_sha256(path)


@pytest.mark.parametrize("name", ["../a.stl", "/a.stl", "x/../../a.stl"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever leads out of the folder of the file that names it is an error that says so."""
    with pytest.raises(InputError, match="leads out"):
        inside(tmp_path / "cell", name)


def test_a_mesh_that_is_inside_out_is_turned(tmp_path: Path) -> None:
    """Normals point out of the solid, whichever way the file winds its triangles."""
    box = trimesh.creation.box(SIZE)
    box.invert()
    box.export(tmp_path / "box.stl")
    mesh = load_mesh(tmp_path / "box.stl", "mm")
    assert face_of_interest(mesh, [0, 0, 0.01])[1] == pytest.approx([0, 0, 1])


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj", ".gltf", ".glb"])
@pytest.mark.parametrize("content", [b"", b"\x00" * 200, b"no mesh at all", b"\xff\xfe{["])
def test_a_broken_file_of_any_format_is_one_sentence(tmp_path: Path, suffix: str, content: bytes) -> None:
    """Junk under the name of a mesh raises InputError and nothing else."""
    path = tmp_path / f"junk{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"junk{suffix}"):
        load_mesh(path, "mm")


def test_too_large_files_and_meshes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both limits name the figure and the way out."""
    path = box_file(tmp_path, ".stl")
    monkeypatch.setattr(cell_mesh, "MAX_TRIANGLES", 11)
    with pytest.raises(InputError, match=r"12 triangles.*coarser"):
        load_mesh(path, "mm")
    monkeypatch.setattr(cell_mesh, "MAX_FILE_MB", 0)
    with pytest.raises(InputError, match=r"MB; at most 0 .*coarser"):
        load_mesh(path, "mm")


def test_vertices_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """A NaN in a file does not become a mesh."""
    path = tmp_path / "nan.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n")
    with pytest.raises(InputError, match="not finite"):
        load_mesh(path, "m")


def test_a_unit_that_is_none_is_refused(tmp_path: Path) -> None:
    """The message lists the units there are."""
    with pytest.raises(InputError, match="m, cm, mm, inch"):
        load_mesh(box_file(tmp_path, ".stl"), "feet")


def test_closed_means_every_edge_is_passed_both_ways() -> None:
    """Two boxes that share a corner are closed; one triangle missing, or one turned, is not."""
    box = Mesh.box([0, 0, 0], [1, 1, 1])
    assert is_closed(Mesh.merge([box, Mesh.box([1, 1, 1], [2, 2, 2])]))
    assert not is_closed(Mesh(box.vertices_m, box.triangles[1:]))
    turned = box.triangles.copy()
    turned[0] = turned[0, ::-1]
    assert not is_closed(Mesh(box.vertices_m, turned))


angle = st.floats(-3.0, 3.0)


@settings(deadline=None)
@given(st.tuples(angle, angle, angle), st.tuples(*[st.floats(-0.5, 0.5)] * 3), st.floats(-0.03, 0.03))
def test_the_face_turns_with_the_solid(rotvec: tuple[float, ...], t_m: tuple[float, ...], x_m: float) -> None:
    """Wherever a box stands, the point on its top finds the top's two triangles and the turned normal."""
    T = se3.from_rotvec(rotvec, t_m)
    box = Mesh.box([-0.04, -0.03, 0], [0.04, 0.03, 0.02])
    face, normal = face_of_interest(box.transformed(T), se3.transform(T, [x_m, 0.01, 0.02]))
    assert sorted(face) == sorted(face_of_interest(box, [0, 0, 0.02])[0])
    assert len(face) == 2
    assert normal == pytest.approx(T[:3, :3] @ [0, 0, 1], abs=1e-9)


def test_only_the_connected_part_of_a_plane_is_the_face() -> None:
    """Two towers of one height are two faces."""
    towers = Mesh.merge([Mesh.box([0, 0, 0], [1, 1, 1]), Mesh.box([2, 0, 0], [3, 1, 1])])
    face, _ = face_of_interest(towers, [0.5, 0.4, 1.0])
    assert len(face) == 2
    assert towers.vertices_m[towers.triangles[face], 0].max() == 1


@pytest.mark.parametrize(("z_m", "is_found"), [(0.0219, True), (0.0221, False)])
def test_the_point_may_be_two_millimetres_off(z_m: float, is_found: bool) -> None:
    """Up to 2 mm from the surface the face is meant; beyond, the point is refused."""
    box = Mesh.box([-0.04, -0.03, 0], [0.04, 0.03, 0.02])
    if is_found:
        assert len(face_of_interest(box, [0.001, 0, z_m])[0]) == 2
    else:
        with pytest.raises(InputError, match="more than 2 mm"):
            face_of_interest(box, [0.001, 0, z_m])


def test_colours_of_a_file_come_with_its_corners(tmp_path):
    """Vertex colours stay at their corners though vertices merge; a cell's bodies have none."""
    box = trimesh.creation.box((0.02, 0.02, 0.02))
    red_above = np.where(box.vertices[:, 2:] > 0, [[200, 10, 10]], [[10, 10, 200]]).astype(np.uint8)
    box.visual.vertex_colors = red_above
    box.export(tmp_path / "box.ply")
    mesh = read_mesh(tmp_path / "box.ply", "m").mesh
    above = mesh.vertices_m[mesh.triangles][..., 2] > 0
    np.testing.assert_array_equal(mesh.corner_rgb[above], np.tile([200, 10, 10], (above.sum(), 1)))
    np.testing.assert_array_equal(mesh.corner_rgb[~above], np.tile([10, 10, 200], ((~above).sum(), 1)))
    assert load_mesh(tmp_path / "box.ply", "m").corner_rgb is None
    assert not read_mesh(tmp_path / "box.ply", "m").is_textured


def test_a_texture_is_baked_into_a_file_that_needs_none(tmp_path):
    """An OBJ with a picture beside it becomes a PLY of the same shape and the picture's colours."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (0, 200, 0), (200, 200, 0)
    Image.fromarray(picture).save(tmp_path / "t.png")
    (tmp_path / "m.mtl").write_text("newmtl m\nmap_Kd t.png\n")
    (tmp_path / "m.obj").write_text(
        "mtllib m.mtl\nusemtl m\nv 0 0 0\nv 10 0 0\nv 10 10 0\nv 0 10 0\n"
        "vt 0.1 0.1\nvt 0.9 0.1\nvt 0.9 0.9\nvt 0.1 0.9\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
    )
    assert read_mesh(tmp_path / "m.obj", "mm").is_textured
    mesh = read_mesh(tmp_path / "m.obj", "mm").mesh
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "m.ply").write_bytes(to_coloured_ply(mesh, "mm"))
    again = read_mesh(tmp_path / "alone" / "m.ply", "mm").mesh
    for found in (mesh, again):
        corners = found.vertices_m[found.triangles]
        is_left = corners[..., 0] < 0.005
        assert np.ptp(corners.reshape(-1, 3), axis=0) == pytest.approx([0.01, 0.01, 0.0])
        np.testing.assert_array_equal(found.corner_rgb[is_left], np.tile([0, 200, 0], (is_left.sum(), 1)))
        np.testing.assert_array_equal(
            found.corner_rgb[~is_left], np.tile([200, 200, 0], ((~is_left).sum(), 1))
        )


OFF_THE_BOX = {
    "above": ([0.005, 0.004, 0.05], [0.005, 0.004, 0.02]),
    "just above": ([0.005, 0.004, 0.0221], [0.005, 0.004, 0.02]),
    "below": ([0.005, 0.004, -0.3], [0.005, 0.004, 0]),
    "beyond a corner": ([0.2, 0.3, 0.5], [0.04, 0.03, 0.02]),
    "on an edge": ([0.04, 0.004, 0.02], [0.04, 0.004, 0.02]),
    "inside": ([0.005, 0.004, 0.014], [0.005, 0.004, 0.02]),
}


@pytest.mark.parametrize(("point_m", "nearest_m"), OFF_THE_BOX.values(), ids=OFF_THE_BOX)
def test_a_point_off_the_surface_is_answered_with_the_nearest(
    point_m: list[float], nearest_m: list[float]
) -> None:
    """The coordinates in the sentence mark a face: they are the nearest point, 1 mm beside an edge of it."""
    box = Mesh.box([-0.04, -0.03, 0], [0.04, 0.03, 0.02])
    with pytest.raises(InputError) as caught:
        face_of_interest(box, point_m)
    (told,) = re.findall(r"(?:is|to) \[(.+?)\] m", str(caught.value))
    told_m = [float(word) for word in told.split(", ")]
    assert len(face_of_interest(box, told_m)[0]) == 2
    is_at_edge = nearest_m[0] == 0.04
    assert np.linalg.norm(np.subtract(told_m, nearest_m)) == pytest.approx(0.001 * is_at_edge, abs=2e-5)
