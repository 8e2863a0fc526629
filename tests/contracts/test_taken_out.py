"""Whichever arm or camera is taken out, its data or its driver: all else goes on; who names it is told."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synth import doctor
from synth.cell.cameras import CAMERA_MODELS, DEFAULT_CAMERA
from synth.cell.template import write_template
from synth.cli import main
from synth.geometry.arms import ARM_MODELS, DEFAULT_ARM
from synth.hardware.arms import ARMS
from synth.hardware.cameras import CAMERAS
from synth.registry import Registry

DATA: tuple[Registry[Any], ...] = (ARM_MODELS, CAMERA_MODELS)
DRIVERS: tuple[Registry[Any], ...] = (ARMS, CAMERAS)

Type = Callable[[str], tuple[int, str]]


@pytest.fixture
def synth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """A command, typed beside a cell file; its exit code and all that it said."""
    write_template(tmp_path / "cell.yaml", force=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "check_blender", lambda: iter(()))  # It has no part in this, and takes long.

    def type_in(line: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["synth", *line.split()])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    return type_in


def take_out(registry: Registry[Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The member ``name`` is called ``another`` from now on."""
    others = {other: registry[other] for other in registry if other != name}
    # As `del`, but for the order when it comes back.
    monkeypatch.setattr(registry, "_members", {**others, "another": registry[name]})


def names(registries: tuple[Registry[Any], ...]) -> list[Any]:
    return [pytest.param(registry, name, id=name) for registry in registries for name in registry]


def of_the_template(registries: tuple[Registry[Any], ...]) -> list[Any]:
    """The members that the template of a cell file names."""
    default = {"arm": DEFAULT_ARM, "camera": DEFAULT_CAMERA}
    return [pytest.param(registry, default[registry.kind]) for registry in registries]


@pytest.mark.parametrize(("registry", "name"), [*names(DATA), *names(DRIVERS)])
def test_all_else_goes_on(
    registry: Registry[Any], name: str, synth: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Helps, status and doctor run without it."""
    take_out(registry, name, monkeypatch)
    for line in ("--help", "cell check --help", "capture --help", "status", "doctor"):
        assert synth(line)[0] == 0, line


@pytest.mark.parametrize(("registry", "name"), of_the_template(DATA))
def test_a_cell_of_an_unknown_make_is_told_which_are_known(
    registry: Registry[Any], name: str, synth: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the line of the file, from every command that reads it."""
    take_out(registry, name, monkeypatch)
    for line in ("cell check", "capture --dry-run", "cell show"):
        code, said = synth(line)
        assert code == 2
        assert said.startswith("synth: cell.yaml:")
        assert said.endswith(f".model: is '{name}'; allowed: {', '.join(registry)}.\n")


@pytest.mark.parametrize(("registry", "name"), of_the_template(DRIVERS))
def test_a_cell_of_a_make_without_a_driver_is_told_which_have_one(
    registry: Registry[Any], name: str, synth: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be checked and planned; capturing says the sentence and captures nothing."""
    take_out(registry, name, monkeypatch)
    assert synth("cell check")[0] == 0
    code, said = synth("capture --poses 2 --plates 0")
    assert code == 2
    assert said.endswith(f"synth: there is no {registry.kind} '{name}': choose among {', '.join(registry)}\n")
    assert not Path("data/real/dataset.json").exists()
