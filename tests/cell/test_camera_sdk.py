"""The SDK that is installed against the camera that a cell names."""

import importlib.metadata
from pathlib import Path

import pytest

from synth import doctor
from synth.cell.camera_sdk import wrong_sdk
from synth.cell.edit import edit_cell
from synth.cell.load import default_cell, load_cell
from synth.cell.model import CameraCell
from synth.cell.template import write_template
from synth.extras import how_to_install, how_to_install_package
from typed import synth

L515_WHEEL = "pyrealsense2==2.54.2.5684"
NEWER = "2.59.1.11053"
"""What the extra `realsense` brings (constraints-realsense.txt)."""


def camera(model: str, serial: str = "f0000001") -> CameraCell:
    return default_cell().camera.model_copy(update={"model": model, "serial": serial})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Sets the version of pyrealsense2 that is found, None for none."""
    really = importlib.metadata.version

    def install(version: str | None) -> None:
        def found(name: str) -> str:
            if name != "pyrealsense2":
                return really(name)
            if version is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return version

        monkeypatch.setattr(importlib.metadata, "version", found)

    return install


@pytest.mark.parametrize(
    ("model", "version", "command"),
    [
        ("l515", NEWER, how_to_install_package(L515_WHEEL)),
        ("l515", None, how_to_install("hardware")),
        ("d435", None, how_to_install("realsense")),
    ],
)
def test_a_wrong_pair_is_one_sentence_with_the_command(installed, model, version, command) -> None:
    """Which camera, which SDK, and what to type."""
    installed(version)
    said = wrong_sdk(camera(model))
    assert said is not None
    assert said.startswith(f"camera.model is {model}, and pyrealsense2 ")
    assert command in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("l515", "2.54.2.5684"),
        ("l515", "2.50.0.3785"),
        ("d435", "2.54.2.5684"),
        ("d455", NEWER),
        ("uvc", None),
    ],
)
def test_a_right_pair_is_not_spoken_of(installed, model, version) -> None:
    """Either SDK drives a D400, the old one an L515, and a UVC camera needs none."""
    installed(version)
    assert wrong_sdk(camera(model)) is None


def test_a_simulated_camera_goes_with_every_sdk(installed) -> None:
    """Its device is librealsense's own software."""
    installed(NEWER)
    assert wrong_sdk(camera("l515", "simulated")) is None


def test_check_and_doctor_say_it_of_the_cell_they_read(
    installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same sentence from `synth cell check`, which finds the file itself sound, and in doctor's table."""
    file = write_template(tmp_path / "cell.yaml")[-1]
    edit_cell(file, {("robot", "address"): "127.0.9.9", ("camera", "serial"): "f0000001"})
    installed(NEWER)
    monkeypatch.chdir(tmp_path)  # The command that mends it is told as it is typed here.
    said = wrong_sdk(load_cell(file).camera)
    assert said is not None
    checked = synth("cell", "check", "cell.yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert said in " ".join(checked.stdout.split())
    (row,) = [row for row in doctor.check_cell(file) if row.part == "Camera's SDK"]
    assert (row.verdict, row.advice) == ("bad", said)
