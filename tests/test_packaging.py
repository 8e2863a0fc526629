"""What is shipped: a wheel that runs alone, a tree that names no machine."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from synth.demo import EXTRAS as DEMO_EXTRAS
from synth.extras import EXTRAS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return next(out.glob("*.whl"))


def test_the_wheel_carries_the_default_cell(wheel: Path) -> None:
    """An installed synth has its simulated cell, with meshes, and its licence."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "synth/cell/default/cell.yaml" in names
    assert sum(name.endswith(".stl") for name in names) >= 2
    assert any(name.endswith("LICENSE") for name in names)


def test_the_wheel_tells_type_checkers_that_it_is_typed(wheel: Path) -> None:
    """py.typed is in it (PEP 561), and so is the front."""
    assert {"synth/py.typed", "synth/front/__init__.py"} <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
def test_the_wheel_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Installed beside nothing else, `synth --help` and `synth cell check` work without any extra."""
    uv = subprocess.run(
        ["bash", "scripts/bootstrap.sh"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    program = uv.stdout.strip()
    subprocess.run([program, "venv", "-q", "--python", sys.executable, "env"], cwd=tmp_path, check=True)
    subprocess.run(
        [
            program,
            "pip",
            "install",
            "-q",
            "--python",
            "env/bin/python",
            "-c",
            ROOT / "constraints.txt",
            wheel,
        ],
        cwd=tmp_path,
        check=True,
        timeout=280,
    )
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for words in (["--help"], ["cell", "check"]):
        answer = subprocess.run(
            [tmp_path / "env/bin/synth", *words],
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert answer.returncode == 0, answer.stderr


def _tree(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "file.md").write_text(text)
    subprocess.run(["git", "add", "file.md"], cwd=tmp_path, check=True)
    script = ROOT / "scripts" / "check_tree.py"
    return subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize(
    "text", ["see https://pypi" + ".org/simple", "cd /home" + "/ana/synth", "--index-" + "url x"]
)
def test_the_tree_check_refuses(text: str, tmp_path: Path) -> None:
    """A registry address or a machine's path in a tracked file fails the check and is named with its line."""
    answer = _tree(tmp_path, f"fine\n{text}\n")
    assert answer.returncode == 1
    assert "file.md:2" in answer.stdout


def test_the_tree_check_passes_plain_text(tmp_path: Path) -> None:
    """Ordinary links and relative paths are allowed."""
    assert _tree(tmp_path, "docs/home/page.md and https://github.com/a/b\n").returncode == 0


def _docker_steps(word: str) -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.removeprefix(word).strip() for line in text.splitlines() if line.startswith(f"{word} ")]


def test_the_image_is_built_by_targets_of_the_makefile_and_files_that_are_there() -> None:
    """Every target that the Dockerfile makes exists and brings extras that exist; all it copies is there."""
    targets = [t for step in _docker_steps("RUN") for t in re.findall(r"(?:^|&&)\s*make (\S+)", step)]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert targets
    for target in targets:
        answer = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stderr
        if name := re.fullmatch(r"\.venv/\.ready-(\w+)", target):
            assert name[1] in extras
    copied = [path for step in _docker_steps("COPY") for path in step.split()[:-1]]
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert "pyproject.toml" in copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert path not in ignored


def test_the_image_starts_the_synth_that_was_built() -> None:
    """The entrypoint is the program of the environment that stands where make was run."""
    place = _docker_steps("WORKDIR")[0]
    assert _docker_steps("ENTRYPOINT") == [f'["{place}/.venv/bin/synth"]']


@pytest.mark.parametrize("target", ["demo", "test", "check"])
def test_make_has_the_targets_that_newcomers_are_told(target: str) -> None:
    """README's and CONTRIBUTING's commands are targets, and each begins with the environment it needs."""
    answer = subprocess.run(
        ["make", "-n", "-W", "pyproject.toml", target], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    extras = "demo" if target == "demo" else "dev"
    assert f"touch .venv/.ready-{extras}" in answer.stdout


def test_make_demo_brings_what_the_demo_needs() -> None:
    """The demo's environment has every extra that `synth demo` demands before it begins, and those of all
    commands that the pages show it leads to.
    """
    recipe = (ROOT / "Makefile").read_text()
    asked = re.search(r"demo\) extras=(\S+)", recipe)
    assert asked is not None
    brought = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (whole,) = brought["all"]
    expanded = asked[1].replace("all", whole.partition("[")[2].rstrip("]")).split(",")
    assert set(DEMO_EXTRAS) <= set(expanded)
    assert set(expanded) == set(EXTRAS) - {"realsense"}  # Which `hardware` excludes.
