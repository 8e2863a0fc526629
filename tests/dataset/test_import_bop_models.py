"""Models of BOP scenes as other programs write them give the masks of their own shape."""

import numpy as np
import pytest
from typer.testing import CliRunner

from bop_scene import read_json, write_json, write_scene
from synth.dataset.imports.commands import app
from synth.dataset.reader import DatasetReader

L_MM = [(0, 0), (60, 0), (60, 20), (20, 20), (20, 50), (0, 50)]
PLY = "\n".join(
    [
        "ply\nformat ascii 1.0\ncomment TextureFile gone.png\nelement vertex 6",
        *(f"property float {name}" for name in ("x", "y", "z", "texture_u", "texture_v")),
        "element face 1\nproperty list uchar int vertex_indices\nend_header",
        *(f"{x} {y} 0 {x / 60} {y / 60}" for x, y in L_MM),
        "6 5 4 3 2 1 0\n",
    ]
)
OBJ = "\n".join(["mtllib gone.mtl", *(f"v {x} {y} 0" for x, y in L_MM), "usemtl m", "f -1 -2 -3 -4 -5 -6\n"])


@pytest.mark.parametrize(
    ("suffix", "text", "lost"),
    [
        (".ply", PLY, "its texture is lost: the file 'gone.png' is missing"),
        (".obj", OBJ, "its materials and textures are lost: the file 'gone.mtl' is missing"),
    ],
)
def test_a_model_of_one_polygon_without_its_texture(tmp_path, suffix, text, lost):
    """An L of 1800 mm² at 600 mm before a camera of 400 px covers 800 px; lost colours are said once."""
    scene = write_scene(tmp_path / "scene", 1)
    (scene / "models" / "obj_000001.obj").unlink()
    (scene / "models" / f"obj_000001{suffix}").write_text(text)
    _, cameras = read_json(scene)
    level = {"cam_R_m2c": np.eye(3).ravel().tolist(), "cam_t_m2c": [-30.0, -25.0, 600.0], "obj_id": 1}
    write_json(scene, {0: [level]}, cameras)
    answer = CliRunner().invoke(app, ("bop", str(scene), "--out", str(tmp_path / "out")))
    assert answer.exit_code == 0, answer.output
    assert answer.output.count(" lost: ") == 1
    assert f"obj_000001{suffix}: {lost}" in answer.output
    dataset = DatasetReader(tmp_path / "out")
    assert int((dataset.load_mask(dataset.samples[0]) == 1).sum()) == pytest.approx(800, abs=20)
    (tmp_path / "out" / "models" / f"obj_000001{suffix}").stat()  # It is kept as it came.
