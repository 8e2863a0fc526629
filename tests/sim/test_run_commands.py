"""What a user can get wrong with `synth render`: one sentence, exit code 2, nothing written."""

import shutil
import subprocess
from pathlib import Path

import pytest
import trimesh
from captured_set import write_captured

from synth.cell.load import DEFAULT_CELL
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
