"""`synth cell` writes, checks and draws."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from typer.testing import CliRunner

from synth.capture.run import make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.commands import app
from synth.cell.load import load_cell
from synth.cell.template import write_template
from synth.errors import CellError, InputError, StorageError
from synth.geometry.pinhole import Pinhole

from .conftest import Break


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_written_template_is_a_sound_cell(tmp_path: Path) -> None:
    """After `synth cell init` the new file passes `synth cell check`, and nothing else lies beside it."""
    path = tmp_path / "bench" / "cell.yaml"
    assert str(path) in run("init", str(path))
    assert {file.name for file in path.parent.iterdir()} == {"cell.yaml", "bracket.stl", "mount.stl"}
    output = run("check", str(path))
    assert "OK" in output
    assert "SIMULATED" in output


def test_check_says_what_a_mesh_has_lost(break_cell: Break, tmp_path: Path) -> None:
    """A picture that did not come along is one sentence behind the figures, which are those of the shape."""
    ply = trimesh.load_mesh(tmp_path / "bracket.stl").export(file_type="ply")
    head, comment, body = ply.partition(b"comment ")
    (tmp_path / "bracket.ply").write_bytes(head + b"comment TextureFile gone.png\n" + comment + body)
    output = run("check", str(break_cell({"part.mesh": "bracket.ply"})))
    assert output.count("bracket.ply: its texture is lost: the file 'gone.png' is missing.") == 1
    assert "Traceback" not in output


def test_check_says_that_the_face_looks_elsewhere(break_cell: Break) -> None:
    """A point on a side wall while the normal is along the part's axis; nothing of it where the two agree."""
    words = " ".join(run("check", str(break_cell({"part.normal": [0.0, 1.0, 0.0]}))).split())
    assert "mm² around the point of interest: it looks 90° away from part.normal; take a point on" in words
    assert "looks" not in run("check", str(break_cell({"part.normal": "face"})))


def test_init_overwrites_only_when_told(tmp_path: Path) -> None:
    """A file that is there stays as it is, unless --force."""
    (tmp_path / "mount.stl").write_text("mine")
    with pytest.raises(InputError, match=r"mount\.stl in .* would be overwritten.*--force"):
        run("init", str(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == {"mount.stl"}
    run("init", str(tmp_path), "--force")
    assert load_cell(tmp_path / "cell.yaml").is_simulated


def test_a_full_disk_leaves_no_half_of_a_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing fails, no cell file and no partial file is left."""

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_template(tmp_path / "cell.yaml")
    assert list(tmp_path.iterdir()) == []


def test_check_takes_the_cell_of_the_folder_first(
    break_cell: Break, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path ./cell.yaml is checked, and its errors end with exit code 2."""
    break_cell({"robot.payload_kg": 350})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CellError, match="payload_kg") as caught:
        run("check")
    assert caught.value.exit_code == 2


def test_a_real_robot_is_said_loudly_and_odd_names_are_harmless(break_cell: Break) -> None:
    """The address that will move is in the output, also that a simulated camera does not fit it; markup in a
    name is printed, not obeyed.
    """
    output = run("check", str(break_cell({"robot.address": "192.168.1.20", "name": "odd [/bold] name"})))
    assert "REAL ROBOT at 192.168.1.20" in output
    assert "SIMULATED camera" in output
    assert "HALF REAL: robot and camera must both be" in " ".join(output.split())
    assert "odd [/bold] name" in " ".join(output.split())


def test_show_draws_part_and_poses(tmp_path: Path) -> None:
    """The picture holds the part's orange and the marks of poses; without poses it has fewer colours."""
    pictures = {}
    for poses in ("0", "12"):
        out = tmp_path / f"{poses}.png"
        assert "SIMULATED" in run("show", "--out", str(out), "--poses", poses)
        pictures[poses] = cv2.imread(str(out)).astype(int)
    b, g, r = np.moveaxis(pictures["12"], -1, 0)
    assert ((r > 150) & (g > 60) & (g < 130) & (b < 60)).sum() > 3000
    assert (pictures["0"] != pictures["12"]).any(axis=-1).sum() > 300
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.png", "12.png"]


def test_show_draws_through_the_lens_that_a_capture_is_planned_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One nominal lens for poses, for their picture and for the camera's view in it."""
    cell = load_cell()
    lenses = [cell.camera.pinhole]

    def plan_poses(_cell: Any, _bodies: Any, pinhole: Pinhole, *_: Any, **__: Any) -> Any:
        lenses.append(pinhole)
        return SimpleNamespace(poses=[])

    for module in ("poses", "run"):
        monkeypatch.setattr(f"synth.capture.{module}.plan_poses", plan_poses)
    for name in ("mesh.load_bodies", "drawing.draw_cell"):
        monkeypatch.setattr(f"synth.cell.{name}", lambda *_: None)
    run("show", "--out", str(tmp_path / "cell.png"))
    bodies: Any = None
    make_plan(CaptureSettings(cell=cell, out=tmp_path / "real"), bodies)
    assert [lens.K.tolist() for lens in lenses] == 3 * [lenses[0].K.tolist()]


def test_show_needs_a_folder_to_write_to(tmp_path: Path) -> None:
    """A folder that is not there is named before anything is drawn."""
    with pytest.raises(StorageError, match="does not exist"):
        run("show", "--out", str(tmp_path / "nowhere" / "cell.png"))
