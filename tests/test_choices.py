"""Words that are chosen among are set in one place each."""

import ast
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from synth.capture.choices import LabelSource, Paper
from synth.cell.choices import BoardKind
from synth.cli import app
from synth.dataset.choices import BoxKind, Criterion, CropKind, SplitMode
from synth.sim.choices import HardPreset, LookKind, QualityName

SOURCES = Path(__file__).parents[1] / "src/synth"
OPTIONS = [
    (("capture",), "--split", SplitMode),
    (("capture",), "--label", LabelSource),
    (("capture",), "--crop", CropKind),
    (("render",), "--look", LookKind),
    (("render",), "--quality", QualityName),
    (("compose",), "--preset", HardPreset),
    (("translate",), "--choose", Criterion),
    (("dataset", "merge"), "--boxes", BoxKind),
    (("calibrate", "board"), "--kind", BoardKind),
    (("calibrate", "board"), "--paper", Paper),
]


def test_no_set_of_words_is_written_down_twice() -> None:
    """Neither as a Literal again, nor as an Enum of words."""
    found: dict[Any, list[str]] = {}
    for path in sorted(SOURCES.rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "Literal[" in text or "StrEnum" in text else ():
            if isinstance(node, ast.ClassDef):
                assert not any("StrEnum" in ast.unparse(base) for base in node.bases), (path, node.name)
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
                words = ast.literal_eval(node.slice)
                key = frozenset(words) if isinstance(words, tuple) else words
                found.setdefault(key, []).append(f"{path.relative_to(SOURCES)}:{node.lineno}")
    for _, _, words in OPTIONS:
        assert len(found[frozenset(get_args(words))]) == 1, found[frozenset(get_args(words))]


@pytest.mark.parametrize(("verb", "option", "words"), OPTIONS, ids=lambda x: x if isinstance(x, str) else "")
def test_a_command_takes_just_those_words(verb: tuple[str, ...], option: str, words: Any) -> None:
    """What is offered in answer to a wrong word is what the program knows."""
    answer = CliRunner().invoke(app, [*verb, option, "wrong"])
    assert answer.exit_code == 2
    said = " ".join(answer.stderr.split())
    assert f"'wrong' is not one of {', '.join(map(repr, get_args(words)))}" in said
