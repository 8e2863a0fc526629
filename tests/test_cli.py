"""The command line: fast help, honest exit codes, no traceback, quiet where nobody looks on."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from synth.cli import app, main
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.store import DatasetWriter
from synth.extras import EXTRAS
from typed import synth

SYNTH = Path(sys.executable).with_name("synth")
ESCAPE = "\x1b"


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SYNTH, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def list_verbs(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every verb that does something, such as ("dataset", "stats")."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from list_verbs(command, (*words, name))
        else:
            yield (*words, name)


def make_empty_dataset(root: Path) -> None:
    info = DatasetInfo(kind="real", classes=("part",), made_by=MadeBy(verb="capture", simulated=True))
    DatasetWriter.create_or_resume(root, info).close()


VERBS = tuple(list_verbs(get_command(app)))


def help_of(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: Any, columns: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as end:
        app([*words, "--help"])
    assert end.value.code == 0
    return str(capsys.readouterr().out)


def test_help_loads_nothing_heavy() -> None:
    """`synth --help` stays fast because no numeric library is imported before a verb runs."""
    code = (
        "import sys; sys.argv = ['synth', '--help']\n"
        "from synth.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'open3d', 'pydantic', 'scipy', 'trimesh', 'torch', 'ray'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert answer.stdout.splitlines()[-1] == "HEAVY []", answer.stdout + answer.stderr


ABSENT = (
    (("translate",), "torch", "train"),
    (("compare",), "torch", "train"),
    (("train", "normals"), "torch", "train"),
    (("evaluate", "--run", "x"), "safetensors", "train"),
    (("predict", "y.png", "--run", "x"), "torch", "train"),
    (("export-model", "--checkpoint", "x"), "onnx", "onnx"),
    (("export-model", "--checkpoint", "x"), "onnxscript", "onnx"),
    (("capture", "--poses", "3", "--plates", "0"), "pyrealsense2", "hardware"),
    (("capture", "--poses", "3", "--plates", "0"), "rtde_control", "hardware"),
    (("calibrate", "run", "--views", "6"), "pyrealsense2", "hardware"),
    (("render", "--share", "fresh=1", "--look", "plain"), "bpy", "render"),
    (("render", "--share", "fresh=1", "--look", "plain"), "blenderproc", "render"),
    (("render", "--share", "fresh=1", "--look", "plain", "--engine", "ray"), "ray", "cluster"),
    (("dataset", "view"), "rerun", "view"),
    (("import", "video", "y.mp4"), "av", "video"),
    (("demo",), "ultralytics", "hardware,render,train,onnx"),
    (("demo",), "onnxscript", "hardware,render,train,onnx"),
)
"""A verb, a module that is not there, the extra that brings it."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """Exit code and errors of each."""
    folders = [tmp_path_factory.mktemp(module) for _, module, _ in ABSENT]
    cases = []
    for (verb, module, _), folder in zip(ABSENT, folders, strict=True):
        if verb == ("dataset", "view"):
            make_empty_dataset(folder / "data" / "real")
        cases.append((str(folder), module, verb))
    script = Path(__file__).with_name("absent_modules.py")
    subprocess.run([sys.executable, script], input=json.dumps(cases), text=True, check=True, timeout=240)
    return [(int((f / "code.txt").read_text()), (f / "err.txt").read_text()) for f in folders]


@pytest.mark.slow
@pytest.mark.parametrize("i", range(len(ABSENT)), ids=lambda i: f"{ABSENT[i][0][0]}-{ABSENT[i][1]}")
def test_an_absent_extra_is_one_sentence(answers: list[tuple[int, str]], i: int) -> None:
    """Without the packages of an extra its verbs say what to install, in children that they start too."""
    code, said = answers[i]
    assert code == 2, said
    assert said.startswith("synth: ")
    assert said.count("\n") == 1, said
    assert f'[{ABSENT[i][2]}]"' in said


def test_extras_name_modules_of_their_packages() -> None:
    """Every module whose absence is explained can be imported where everything is installed."""
    code = (
        f"import importlib.util as u; print([m for m in {sum(EXTRAS.values(), ())!r} if not u.find_spec(m)])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == "[]", answer.stderr


def test_help_fits_one_screen_and_names_every_verb(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The first help a newcomer sees has all verbs, whole sentences and the exit codes on one screen."""
    text = help_of((), monkeypatch, capsys)
    lines = text.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "..." not in text.partition("\n\n")[2]
    for verb in {words[0] for words in VERBS}:
        assert re.search(rf"^  {verb}  ", text, re.MULTILINE), verb
    for code in ("0 done", "2 input", "3 device", "4 unsafe", "5 disk", "6 damaged", "130 interrupted"):
        assert code in " ".join(text.split())


@pytest.mark.parametrize("words", sorted({words[:-1] for words in VERBS if len(words) > 1}), ids=" ".join)
def test_help_of_a_group_cuts_no_sentence(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """What each verb of a group does can be read whole in 80 columns."""
    assert "..." not in help_of(words, monkeypatch, capsys).partition("\n\n")[2]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_verb_shows_an_example(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Help of every verb carries a command that can be copied, and no line is wider than the terminal."""
    text = help_of(words, monkeypatch, capsys)
    assert f"Example: synth {' '.join(words)}" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_help_of_many_options_has_a_heading_for_each_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Those of synth compose stand under what they are for, at most forty lines each, and all are there."""
    text = help_of(("compose",), monkeypatch, capsys)
    parts = dict(re.findall(r"^(\S.*):\n((?:  .*\n)+)", text, re.MULTILINE))
    options = {title: re.findall(r"^  --([a-z-]+)", part, re.MULTILINE) for title, part in parts.items()}
    assert list(options) == [
        "Arguments",
        "Options",
        "Parts that are cut out",
        "Only with a --place that goes by a trained network",
        "Templates laid into photographs",
    ]
    assert [under[0] for under in options.values() if under] == ["count", "plates", "run", "templates"]
    assert max(part.count("\n") for part in parts.values()) <= 40
    root: Any = get_command(app)
    known = {param.opts[0] for param in root.commands["compose"].params if param.opts[0].startswith("--")}
    told = {f"--{name}" for under in options.values() for name in under}
    assert told - {"--help"} == known - {"--help"}


def test_help_says_which_methods_learn_from_crops(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Before anything is translated: they take pictures of any size, and need labels."""
    text = " ".join(help_of(("translate",), monkeypatch, capsys).split())
    assert "From crops of labelled parts or signs: mtgan; the others from whole pictures." in text


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_examples_are_commands_that_the_verb_takes(words: tuple[str, ...]) -> None:
    """An example that is copied out of the help is understood: its options and arguments exist."""
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    example = shlex.split(command.help.partition("Example: synth ")[2].split("\n")[0])
    assert example[: len(words)] == list(words)
    command.make_context("synth", example[len(words) :])


def test_status_of_an_empty_folder_names_the_first_command(tmp_path: Path) -> None:
    """A newcomer in an empty folder is told to capture."""
    answer = synth("status", "--json", cwd=tmp_path)
    report = json.loads(answer.stdout)
    assert report["next"].startswith("synth capture")
    assert report["datasets"][0]["state"] == "absent"


def test_verify_says_as_json_what_it_says_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Findings are on stdout as data, the exit code says whether there are any."""
    root = tmp_path / "real"
    make_empty_dataset(root)
    monkeypatch.setattr(sys, "argv", ["synth", "dataset", "verify", str(root), "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert json.loads(capsys.readouterr().out) == {"folder": str(root), "ok": True, "findings": []}
    (root / "images").mkdir(exist_ok=True)
    (root / "images" / "000007.png").touch()
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 6
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert said["findings"][0]["where"] == "images/000007.png"


def test_doctor_finds_the_pinned_camera_wheel(tmp_path: Path) -> None:
    """Doctor lists the wheels with their versions and judges the L515's wheel."""
    answer = synth("doctor", "--json", cwd=tmp_path)
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
        (("dataset", "stats", "nothing-here"), "nothing-here"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_two(
    arguments: tuple[str, ...], hint: str, tmp_path: Path
) -> None:
    """What a user can get wrong ends with exit code 2, names the thing, and shows no traceback."""
    answer = synth(*arguments, cwd=tmp_path)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
    assert hint in answer.stderr
    assert not (tmp_path / "data").exists()


def test_a_reader_that_goes_away_ends_a_verb_quietly(tmp_path: Path) -> None:
    """`synth cell check | head -1` gives no traceback, and the verb does not claim to have ended well."""
    for words in (("cell", "check"), ("status", "--json"), ("--help",)):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as closed:
            answer = subprocess.run(
                [SYNTH, *words], cwd=tmp_path, stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60
            )
        assert answer.returncode == 1, words
        assert answer.stderr == ""


def test_ctrl_c_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    """A verb that is interrupted, here while it makes its plan, says so in one line without a traceback."""
    with subprocess.Popen(
        [SYNTH, "capture", "--poses", "400"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as verb:
        assert verb.stdout is not None
        verb.stdout.readline()
        os.killpg(verb.pid, signal.SIGINT)
        out, err = verb.communicate(timeout=60)
    assert verb.returncode == 130, out + err
    assert "Traceback" not in err
    assert len(re.findall("stopped", out + err, re.IGNORECASE)) == 1, out + err


def test_a_scripts_background_job_does_not_hear_ctrl_c(tmp_path: Path) -> None:
    """Begun with SIGINT ignored, as shells begin a script's background jobs, a command goes on to its end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        verb = subprocess.Popen([SYNTH, "cell", "check"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    finally:
        signal.signal(signal.SIGINT, before)
    while verb.poll() is None:
        verb.send_signal(signal.SIGINT)
        time.sleep(0.02)
    assert verb.returncode == 0


def test_no_colour_where_it_is_not_wanted(tmp_path: Path) -> None:
    """Nothing but text goes into a pipe, whatever the terminal behind it can show."""
    for words in (("cell", "check"), ("status",), ("--help",)):
        answer = run(*words, cwd=tmp_path, TERM="xterm-256color", COLORTERM="truecolor")
        assert answer.returncode == 0, answer.stderr
        assert ESCAPE not in answer.stdout + answer.stderr


def test_a_command_is_never_broken_over_two_lines(tmp_path: Path) -> None:
    """What status tells to type can be copied from a narrow terminal."""
    answer = run("status", cwd=tmp_path, COLUMNS="20")
    assert "Next: synth capture --poses 400\n" in answer.stdout


def test_completion_knows_the_verbs(tmp_path: Path) -> None:
    """Tab after `synth da` completes to dataset."""
    answer = run(
        cwd=tmp_path,
        _SYNTH_COMPLETE="complete_bash",
        COMP_WORDS="synth da",
        COMP_CWORD="1",
        SHELL="/bin/bash",
    )
    assert answer.stdout.split() == ["dataset"]


@pytest.mark.parametrize(
    "words", [["--verbose", "status"], ["status", "--verbose"], ["status"]], ids=" ".join
)
def test_verbose_counts_before_and_after_the_verb(words: list[str], tmp_path: Path) -> None:
    """--verbose is taken wherever it stands and shows debug lines on stderr; without it there are none."""
    code = (
        "import logging\n"
        "from synth.cli import app\n"
        f"try: app({words!r})\n"
        "except SystemExit as end: print('END', end.code)\n"
        "logging.getLogger('synth.hardware').debug('the arm moves')"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert "END 0" in answer.stdout, answer.stderr
    assert answer.stderr == ("synth: the arm moves\n" if "--verbose" in words else "")
