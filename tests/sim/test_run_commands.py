"""`synth render` as it is typed: what a user can get wrong, in a sentence, and maps without Blender."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh
from captured_set import write_captured

from synth.cell.load import DEFAULT_CELL
from synth.dataset.imports.semantic import SemanticSettings, import_semantic
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.geometry.pinhole import Pinhole
from typed import synth


def _render(cwd: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return synth("render", *words, cwd=cwd)


def _refused(answer: subprocess.CompletedProcess[str], words: str, cwd: Path) -> None:
    assert answer.returncode == 2, answer.stderr
    assert words in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr
    assert not (cwd / "data").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--count", "0"), "--count must be 1 or more, got 0"),
        (("--preview", "0"), "--preview must be 1 or more, got 0"),
        (("--share", "twin=99"), "--share twin=99 is more than the 4 samples"),
        (("--twins", "3"), "--twins of synth render is called --share twin=N now"),
        (("--share", "fresh=1", "--blender", "."), "no Blender"),
        (("--share", "fresh=1", "--strength", "2"), "--strength says how far --randomize goes: give both"),
        (("--share", "fresh=1", "--randomize", "--strength", "0"), "--strength must be above 0"),
        (("--share", "composites=2", "--look", "plain"), "cut out of a dataset by synth compose"),
        (("--share", "fresh=1", "--engine", "cloud"), "there is no engine 'cloud': choose among local"),
        (("--share", "fresh=1", "--workers", "0"), "--workers must be 1 or more"),
        (("--share", "bin=1", "--maps-only"), "lets parts fall in Blender, and --maps-only starts none"),
        (("--share", "composites=2", "--maps-only"), "cut out of a dataset by synth compose"),
        (("--share", "fresh=1", "--maps-only", "--layers"), "--layers is about pictures, and --maps-only"),
        (("--preview", "2", "--maps-only"), "--preview is about pictures, and --maps-only makes none"),
    ],
)
def test_options_that_cannot_be(options, words, captured, tmp_path):
    """Numbers and paths that cannot be used."""
    _refused(_render(tmp_path, "--real", captured, *options), words, tmp_path)


def test_without_a_captured_dataset(tmp_path):
    """The sentence names the command that comes first."""
    for words in (("--count", "3"), ("--share", "twin=3"), ("--share", "fresh=3")):
        _refused(_render(tmp_path, *words), "run synth capture first", tmp_path)


def test_without_poses_to_twin(tmp_path):
    """A dataset that does not say where the arm stood."""
    real = write_captured(tmp_path / "real", with_poses=False)
    _refused(_render(tmp_path, "--real", real), "no samples with poses to twin", tmp_path)


@pytest.mark.parametrize("damage", ["absent", "empty", "open"])
def test_a_part_that_is_no_solid(damage, captured, tmp_path):
    """An absent, empty or open CAD file of the part."""
    folder = tmp_path / "cell"
    shutil.copytree(DEFAULT_CELL.parent, folder)
    part = folder / "bracket.stl"
    assert part.is_file()
    if damage == "absent":
        part.unlink()
    elif damage == "empty":
        part.write_bytes(b"")
    else:
        mesh = trimesh.load_mesh(part)
        mesh.update_faces(list(range(len(mesh.faces) - 40)))
        mesh.export(part)
    answer = _render(tmp_path, "--real", captured, "--share", "fresh=1", "--cell", folder / "cell.yaml")
    _refused(answer, "bracket.stl", tmp_path)


@pytest.mark.usefixtures("in_this_process")
def test_maps_alone(captured, tmp_path, monkeypatch):
    """Label map, depth, normals and mask of each twin, which verify and go out and in again value for value.

    Blender is not started; the same command has nothing to add; readers of pictures say what is missing.
    """
    monkeypatch.setattr("synth.sim.blender.Blender.__init__", None)
    words = ("--real", captured, "--maps-only", "--share", "twin=2")
    assert "data/maps will hold 2 twins" in _render(tmp_path, *words).stdout
    assert "has all 2 samples already" in _render(tmp_path, *words).stdout
    assert verify(tmp_path / "data/maps") == []
    maps = DatasetReader(tmp_path / "data/maps")
    assert (maps.info.kind, len(maps)) == ("maps", 2)
    for sample in maps:
        assert set(sample.layers) == {"semantic", "depth", "normals", "mask"}
        assert sample.instances[0].T_cam_part is not None
        ids, normals = maps.load_semantic(sample), maps.load_layer(sample, "normals")
        assert (ids[maps.load_mask(sample) > 0] == 0).all()
        assert {"arm", "bench"} <= {maps.info.semantic.names[i] for i in np.unique(ids)}
        rays = Pinhole(sample.size_wh, np.array(sample.K), np.array(sample.dist)).rays
        assert ((normals * rays).sum(axis=-1) <= 1e-4).all()
        np.testing.assert_array_equal(normals.any(axis=-1), maps.load_depth_m(sample) > 0)
    sheet = synth("dataset", "sheet", "data/maps", cwd=tmp_path)
    assert sheet.returncode == 0, sheet.stderr
    refused = synth("dataset", "export", "coco", "data/maps", cwd=tmp_path)
    assert "000000 is a label map without an image: give a dataset of images" in refused.stderr
    out = synth("dataset", "export", "semantic", "data/maps", "--out", "out", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    shutil.copytree(tmp_path / "out/labels", tmp_path / "images")
    palette = str(tmp_path / "out/classes.json")
    import_semantic(
        SemanticSettings(tmp_path / "images", tmp_path / "out/labels", tmp_path / "again", palette)
    )
    again = DatasetReader(tmp_path / "again")
    for sample in maps:
        (same,) = [s for s in again if s.quality["source"] == f"{sample.name}.png"]
        np.testing.assert_array_equal(again.load_semantic(same), maps.load_semantic(sample))
