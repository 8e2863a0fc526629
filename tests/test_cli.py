"""The command line: fast help, honest exit codes, no traceback."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SYNTH = Path(sys.executable).with_name("synth")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SYNTH, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120)


def test_help_loads_nothing_heavy() -> None:
    """`synth --help` stays fast because no numeric library is imported before a verb runs."""
    code = (
        "import sys; sys.argv = ['synth', '--help']\n"
        "from synth.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'open3d', 'pydantic', 'scipy', 'trimesh', 'torch'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert answer.stdout.splitlines()[-1] == "HEAVY []", answer.stdout + answer.stderr


@pytest.mark.parametrize("verb", ["translate", "compare"])
@pytest.mark.parametrize("package", ["torch", "jinja2"])
def test_an_absent_extra_is_one_sentence(verb: str, package: str, tmp_path: Path) -> None:
    """Without the packages of an extra its verbs say what to install; without any other they are a bug."""
    code = (
        f"import sys; sys.argv = ['synth', {verb!r}]; sys.modules[{package!r}] = None\n"
        "from synth.cli import main\n"
        "main()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    if (verb, package) != ("translate", "jinja2"):  # It does without.
        assert answer.stderr == (
            f"synth: this command needs {package}, which is not installed: "
            'pip install "synth-robotics[train]"\n'
        )


def test_help_fits_one_screen_and_names_every_verb(tmp_path: Path) -> None:
    """The first help a newcomer sees has all verbs on one screen."""
    answer = run("--help", cwd=tmp_path)
    assert answer.returncode == 0
    assert len(answer.stdout.splitlines()) <= 40
    for verb in ("capture", "cell", "dataset", "status", "doctor"):
        assert verb in answer.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("capture", "--help"),
        ("cell", "init", "--help"),
        ("cell", "check", "--help"),
        ("cell", "show", "--help"),
        ("dataset", "info", "--help"),
        ("dataset", "verify", "--help"),
        ("dataset", "sheet", "--help"),
        ("dataset", "view", "--help"),
        ("dataset", "reject", "--help"),
        ("status", "--help"),
        ("doctor", "--help"),
    ],
)
def test_every_verb_shows_an_example(words: tuple[str, ...], tmp_path: Path) -> None:
    """Help of every verb carries a command that can be copied."""
    answer = run(*words, cwd=tmp_path)
    assert answer.returncode == 0
    text = " ".join(answer.stdout.split())
    assert f"synth {words[0]}" in text.replace("Usage: synth", "", 1)


def test_status_of_an_empty_folder_names_the_first_command(tmp_path: Path) -> None:
    """A newcomer in an empty folder is told to capture."""
    answer = run("status", "--json", cwd=tmp_path)
    report = json.loads(answer.stdout)
    assert report["next"].startswith("synth capture")
    assert report["stages"][0]["state"] == "absent"


def test_doctor_finds_the_pinned_camera_wheel(tmp_path: Path) -> None:
    """Doctor lists the wheels with their versions and judges the L515's wheel."""
    answer = run("doctor", "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    rows = {row["part"]: row for row in json.loads(answer.stdout)}
    assert rows["pyrealsense2"]["verdict"] == "ok"
    assert rows["pyrealsense2"]["found"].startswith("2.54.2")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("capture", "--poses", "0"), "0"),
        (("capture", "--cell", "absent.yaml"), "absent.yaml"),
        (("cell", "check", "absent.yaml"), "absent.yaml"),
        (("dataset", "verify", "nothing-here"), "nothing-here"),
        (("dataset", "info", "nothing-here"), "nothing-here"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_two(
    arguments: tuple[str, ...], hint: str, tmp_path: Path
) -> None:
    """What a user can get wrong ends with exit code 2, names the thing, and shows no traceback."""
    answer = run(*arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
    assert hint in answer.stderr
    assert not (tmp_path / "data").exists()
