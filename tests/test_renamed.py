"""Words of the command line that are old: answered with the new one, and never taken for something else."""

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from synth.cli import app, main
from synth.renamed import OPTION_OF_ARGUMENT, RENAMED


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old words that no verb has, so that the tests hold whatever is renamed next."""
    old_verbs = {"look": "status", "dataset figures": "dataset stats"}
    monkeypatch.setitem(RENAMED, "synth", RENAMED["synth"] | old_verbs)
    monkeypatch.setitem(RENAMED, "dataset stats", {"--table": "--json", "everything": "data/real"})


def say(*words: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["synth", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), capsys.readouterr().err


@pytest.mark.usefixtures("renamed")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("look",), "synth look is called synth status now: say synth status"),
        (("--verbose", "look"), "synth look is called synth status now: say synth status"),
        (
            ("dataset", "info"),
            "synth dataset info is called synth dataset stats now: say synth dataset stats",
        ),
        (
            ("dataset", "figures", "data/real", "--json"),
            "synth dataset figures is called synth dataset stats now: say synth dataset stats",
        ),
        (("dataset", "stats", "--table"), "--table of synth dataset stats is called --json now: say --json"),
        (
            ("dataset", "stats", "a", "--json", "--table"),
            "--table of synth dataset stats is called --json now: say --json",
        ),
        (
            ("dataset", "stats", "--table=1"),
            "--table of synth dataset stats is called --json now: say --json",
        ),
        (
            ("dataset", "stats", "everything"),
            "everything of synth dataset stats is called data/real now: say data/real",
        ),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)
def test_an_old_word_is_answered_with_the_new_one(
    words: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """One sentence that says what to write, and exit code 2."""
    assert say(*words, monkeypatch=monkeypatch, capsys=capsys) == (2, f"synth: {sentence}\n")


@pytest.mark.usefixtures("renamed")
@pytest.mark.parametrize(
    "words",
    [
        ("dataset", "sheet", "--out", "--table"),
        ("dataset", "sheet", "figures"),
        ("dataset", "reject", "look", "--reason", "info"),
        ("dataset", "verify", "everything", "--json"),
        ("dataset", "stats", "data/everything"),
        ("dataset", "stats", "--", "--table"),
        ("status", "--table"),
    ],
    ids=" ".join,
)
def test_the_same_word_elsewhere_is_left_alone(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Any
) -> None:
    """A value of an option, an argument, another verb's option: the verb itself judges them."""
    monkeypatch.chdir(tmp_path)
    _, said = say(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert said
    assert "is called" not in said


def test_a_value_of_the_verbs_own_option_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Any
) -> None:
    """What follows an option of the very verb whose word is old."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(RENAMED, "dataset sheet", {"--rows": "--count", "old": "new"})
    for words in (
        ("--out", "--rows"),
        ("--out", "old"),
        ("--out=--rows",),
        ("--beside", "old", "--only", "old"),
    ):
        _, said = say("dataset", "sheet", *words, monkeypatch=monkeypatch, capsys=capsys)
        assert "there is no dataset" in said
    code, said = say("dataset", "sheet", "--out", "a", "--rows", "3", monkeypatch=monkeypatch, capsys=capsys)
    assert (code, said) == (2, "synth: --rows of synth dataset sheet is called --count now: say --count\n")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("evaluate runs/x", "runs/x of synth evaluate is given as --run now: say --run runs/x"),
        (
            "evaluate --data data/real runs/x --json",
            "runs/x of synth evaluate is given as --run now: say --run runs/x",
        ),
        ("predict runs/x a.png", "runs/x of synth predict is given as --run now: say --run runs/x"),
        (
            "predict --out o w.safetensors a.png",
            "w.safetensors of synth predict is given as --run now: say --run w.safetensors",
        ),
        (
            "export-model a.pt --reverse",
            "a.pt of synth export-model is given as --checkpoint now: say --checkpoint a.pt",
        ),
    ],
)
def test_a_network_that_was_an_argument_is_answered_with_its_option(
    line: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    """One sentence, exit code 2, wherever the argument stands."""
    (tmp_path / "runs" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert say(*line.split(), monkeypatch=monkeypatch, capsys=capsys) == (2, f"synth: {sentence}\n")


@pytest.mark.parametrize(
    "line",
    [
        "predict a.png",
        "predict a.png --run runs/x",
        "predict runs --run runs/x",
        "predict a.png runs",
        "predict -- runs",
        "evaluate --data runs",
        "evaluate --run=runs/x --data runs",
        "evaluate runs --run runs/x",
        "train runs",
    ],
)
def test_other_arguments_are_left_alone(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    """Pictures, values of options, a network that is given as it is now."""
    (tmp_path / "runs" / "x").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    code, said = say(*line.split(), monkeypatch=monkeypatch, capsys=capsys)
    assert code == 2
    assert "is given as" not in said


@pytest.mark.usefixtures("renamed")
def test_completion_is_not_disturbed_by_old_words(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Tab after an old option offers what the verb takes, without a word on stderr."""
    for name, value in {
        "_SYNTH_COMPLETE": "complete_bash",
        "COMP_WORDS": "synth dataset stats --table --",
        "COMP_CWORD": "4",
        "SHELL": "/bin/bash",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        app(prog_name="synth")
    said = capsys.readouterr()
    assert said.err == ""
    assert "--json" in said.out


def test_what_is_written_now_exists() -> None:
    """A new word is one of the verb's own; an old one is none of them any more."""

    def find(verb: str) -> Any:
        command: Any = get_command(app)
        for word in verb.split():
            command = command.commands[word]
        return command

    for old, new in RENAMED["synth"].items():
        find(new)
        with pytest.raises(KeyError):
            find(old)
    for verb, words in RENAMED.items():
        if verb == "synth":
            continue
        options = {name for param in find(verb).params for name in param.opts}
        for old, new in words.items():
            assert old not in options, (verb, old)
            if new.startswith("-"):
                assert new.split()[0].partition("=")[0] in options, (verb, new)
    for verb, option in OPTION_OF_ARGUMENT.items():
        assert option in {name for param in find(verb).params for name in param.opts}
