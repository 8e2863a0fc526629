"""`--blender PATH`: which Blenders are taken, which refused, and that one in /usr/bin really renders."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from blender_scene import IDEAL, WHOLE, make_scene

from synth.errors import InputError
from synth.sim.blender import Blender, Quality
from synth.sim.installed import OLDEST, command_line, find_installed

OURS = list(sys.version_info[:2])


def _write_blender(folder: Path, answer: str) -> Path:
    """A program called blender that says this, whatever it is asked."""
    folder.mkdir()
    program = folder / "blender"
    program.write_text(f"#!/bin/sh\necho 'Blender 9'\necho '{answer}'\n")
    program.chmod(0o755)
    return program


def _answer(version: list[int], python: list[int], *, denoises: bool = True) -> str:
    return json.dumps({"version": version, "python": python, "denoises": denoises})


@pytest.mark.parametrize("version", [[*OLDEST, 0], [4, 2, 1], [4, 5, 15]])
def test_a_blender_is_taken_by_program_or_folder(version, tmp_path):
    """From the oldest on, if its Python is ours."""
    program = _write_blender(tmp_path / "b", _answer(version, OURS, denoises=False))
    found = find_installed(program)
    assert found == find_installed(program.parent)
    assert (found.program, found.version) == (program, ".".join(map(str, version)))
    assert not found.denoises


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_answer([3, 3, 21], OURS), r"is Blender 3\.3\.21: give --blender one from 3\.4 on"),
        (_answer([5, 0, 1], OURS), r"is Blender 5\.0\.1: .* before 5\.0"),
        (_answer([4, 3, 2], [3, 13]), r"runs Python 3\.13 and synth 3\.\d+, so it cannot load"),
        ("what is a version?", "does not start as a Blender would"),
    ],
)
def test_a_blender_that_cannot_be_used_is_refused(answer, words, tmp_path):
    """Too old, too new, another Python, no Blender at all: a sentence with what was got."""
    with pytest.raises(InputError, match=words):
        find_installed(_write_blender(tmp_path / "b", answer))


def test_where_there_is_no_blender(tmp_path):
    """An empty folder, and a file that cannot be run."""
    (tmp_path / "blender").mkdir()
    note = tmp_path / "note.txt"
    note.write_text("blender")
    for path in (tmp_path, note, tmp_path / "absent"):
        with pytest.raises(InputError, match="there is no Blender at"):
            find_installed(path)


def test_blenderproc_gets_the_folder_that_it_wants(tmp_path):
    """One with a version's name beside the program is given as it is; else a stand-in that links to it."""
    (tmp_path / "4.2").mkdir()
    program = _write_blender(tmp_path / "of_a_distribution", "")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    home = _option(command_line(tmp_path / "blender", scratch), "--custom-blender-path")
    assert home == tmp_path
    assert not any(scratch.iterdir())
    home = _option(command_line(program, scratch), "--custom-blender-path")
    assert home.parent == scratch
    assert (home / "blender").resolve() == program
    assert [p.name for p in home.iterdir() if p.is_dir()] == ["0"]


def _option(words: list[str], name: str) -> Path:
    return Path(words[words.index(name) + 1])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("blender") is None, reason="no Blender is installed")
def test_an_installed_blender_sees_what_the_wheel_sees(tmp_path):
    """Ids and depth are the same, the light is alike, and nothing is left behind."""
    ball = trimesh.creation.icosphere(3, 0.05)
    np.savez(
        tmp_path / "ball.npz",
        vertices_m=ball.vertices.astype(np.float32),
        triangles=ball.faces.astype(np.int32),
        smooth=np.bool_(True),
    )
    drawn = []
    for program in (None, Path(str(shutil.which("blender")))):
        with Blender(tmp_path, program) as blender:
            scratch = Path(blender._running().hello["scratch"])
            drawn.append(blender.render(make_scene(), IDEAL, WHOLE, Quality(4), ("ids", "depth")))
        assert not scratch.exists()
    wheel, installed = drawn
    assert np.array_equal(wheel.layers["ids"], installed.layers["ids"])
    np.testing.assert_allclose(wheel.layers["depth"], installed.layers["depth"], atol=1e-5)
    ratio = installed.rgb.mean() / wheel.rgb.mean()
    assert 0.8 < ratio < 1.25
