"""The commands that messages give for installing work where they are given."""

import importlib.util
import json
import re
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

import synth
from synth import extras

CLONE = Path(synth.__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One in a folder of its own, which is not activated and has pip; this folder is another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "env" / "bin" / "python"))
    monkeypatch.setattr(extras.shutil, "which", {}.get)
    _has_pip(monkeypatch, True)
    return tmp_path / "env" / "bin"


def _has_pip(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object() if has else None)


def _came_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str | None) -> None:
    """As if this synth were no clone but installed from a place, None for a registry."""
    monkeypatch.setattr(extras, "_CLONE", tmp_path / "env" / "lib")
    written = None if url is None else json.dumps({"url": url})
    monkeypatch.setattr(extras, "distribution", lambda _: SimpleNamespace(read_text=lambda _: written))


def test_the_environment_that_runs_is_the_one_that_is_changed(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own pip where it is activated, else its Python's; uv, told which Python, where it has none."""
    monkeypatch.setattr(extras, "_CLONE", tmp_path)
    assert extras.how_to_install_package("bpy==4.2.*") == 'env/bin/python -m pip install "bpy==4.2.*"'
    monkeypatch.setattr(extras.shutil, "which", {"pip": str(environment / "pip")}.get)
    assert extras.how_to_install_package("bpy==4.2.*") == 'pip install "bpy==4.2.*"'
    _has_pip(monkeypatch, False)
    assert extras.how_to_install_package("captum") == 'uv pip install --python env/bin/python "captum"'
    assert extras.how_to_remove("captum") == "uv pip uninstall --python env/bin/python captum"


def test_a_uv_that_only_the_clone_has_is_found(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `make` brought its own uv, which stands on no path, the command names it."""
    _has_pip(monkeypatch, False)
    monkeypatch.setattr(extras, "_CLONE", tmp_path)
    uv = tmp_path / ".tools" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.touch()
    assert extras.how_to_install_package("captum").startswith(".tools/bin/uv pip install --python env/bin")


def test_a_clone_is_installed_from_its_folder(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There as ``.``, elsewhere by its path."""
    assert extras.how_to_install("train", "onnx").endswith(f'pip install -e "{CLONE}[train,onnx]"')
    monkeypatch.chdir(CLONE)
    assert extras.how_to_install("train").endswith('pip install -e ".[train]"')


def test_what_was_installed_from_a_file_is_so_again(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the folder or wheel that it came from while that is there, else by its name."""
    wheel = tmp_path / "a wheel.whl"
    _came_from(monkeypatch, tmp_path, wheel.as_uri())
    assert extras.how_to_install("view").endswith('pip install "synth-robotics[view]"')
    wheel.touch()
    assert extras.how_to_install("view").endswith(f'pip install "{wheel}[view]"')
    _came_from(monkeypatch, tmp_path, None)
    assert extras.how_to_install("view").endswith('pip install "synth-robotics[view]"')

    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "distribution", absent)
    assert extras.how_to_install("view").endswith('pip install "synth-robotics[view]"')


def test_all_hints_are_made_in_one_place() -> None:
    """No message elsewhere spells out how to install something."""
    folder = Path(synth.__file__).parent
    spelled = [path.name for path in folder.rglob("*.py") if re.search(r"pip (un)?install", path.read_text())]
    assert spelled == []
