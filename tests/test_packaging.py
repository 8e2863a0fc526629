"""What is shipped: a wheel that runs alone, a tree that names no machine."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
