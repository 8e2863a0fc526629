"""`synth status` names a command that really goes on."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from synth.dataset.info import DatasetInfo, MadeBy, ModelRecord
from synth.dataset.store import DatasetWriter
from synth.status import COMPARISON, STAGES, print_status
from understood import refuse_misunderstood

SHARES = {"twin": 3, "fresh": 2, "bin": 0}
PLAIN = {"look": "matched", "quality": {"name": "normal"}, "randomize": 0.0, "layers": False}
RICH = {"look": "plain", "quality": {"name": "draft"}, "randomize": 0.5, "layers": True, "test_twins": True}


@pytest.mark.parametrize(
    ("config", "seed", "command"),
    [
        (PLAIN, 0, "synth render --share twin=3 --share fresh=2   (goes on"),
        (
            RICH,
            4,
            "synth render --share twin=3 --share fresh=2 --quality draft --look plain --randomize "
            "--strength 0.5 --layers --test-twins --seed 4   (goes on",
        ),
        (
            {"shares": SHARES, "quality": {"name": "normal"}, "over": "0" * 64},
            0,
            "synth render --over data/real --share twin=3 --share fresh=2   (goes on",
        ),
        (PLAIN | {"randomize": 1.0}, 0, "synth render --share twin=3 --share fresh=2 --randomize   (goes on"),
    ],
)
def test_an_unfinished_rendering_is_gone_on_with_by_its_own_command(
    config, seed, command, tmp_path: Path, monkeypatch, capsys
):
    """Every setting that differs from the default is in it, else the run would be refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    for folder, made_by in (
        ("data/real", MadeBy(verb="capture", simulated=True, config={"poses": None})),
        (
            "data/synthetic",
            MadeBy(
                verb="render",
                simulated=True,
                config={"shares": SHARES, **config},
                seed=seed,
                parents=("real",),
            ),
        ),
    ):
        kind = "real" if folder == "data/real" else "rendered"
        DatasetWriter.create_or_resume(
            Path(folder), DatasetInfo(kind=kind, classes=("part",), made_by=made_by)
        ).close()
    print_status(as_json=False)
    printed = capsys.readouterr().out
    assert command in printed
    assert "0 of 5" in printed


def test_a_translation_that_refused_frames_is_complete(tmp_path: Path, monkeypatch, capsys):
    """Frames whose labels moved are refused, not missing: nothing is left to do for them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    made_by = MadeBy(verb="translate", simulated=True, config={"source": {"samples": 1}})
    info = DatasetInfo(kind="translated", classes=("part",), made_by=made_by)
    with DatasetWriter.create_or_resume(Path("data/translated"), info) as writer:
        print_status(as_json=False)
        assert "0 of 1   unfinished" in capsys.readouterr().out
        writer.add_rejected(reason="box drift", name="000000")
    print_status(as_json=False)
    assert "0 of 1   complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("with_models", "command"),
    [(True, "synth render --over data/real"), (False, "without poses and models nothing can be rendered")],
)
def test_imported_images_are_rendered_over(with_models, command, tmp_path: Path, monkeypatch, capsys):
    """After an import with models comes a rendering over it; without, status says why there is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    model = ModelRecord(
        class_name="part", mesh="models/obj_000001.ply", units="mm", sha256="0" * 64, point_part_m=(0, 0, 0)
    )
    info = DatasetInfo(
        kind="imported",
        classes=("part",),
        models=(model,) if with_models else (),
        made_by=MadeBy(verb="import bop", simulated=False),
    )
    DatasetWriter.create_or_resume(Path("data/real"), info).close()
    print_status(as_json=False)
    assert command in capsys.readouterr().out


def next_command(capsys: Any) -> str:
    """What status says comes next, without the remark behind it."""
    print_status(as_json=True)
    return json.loads(capsys.readouterr().out)["next"].partition("   (")[0]


def test_every_command_that_comes_next_is_understood(tmp_path: Path, monkeypatch, capsys):
    """From the empty folder to the report the command line takes each as it is typed."""
    monkeypatch.chdir(tmp_path)
    said = [next_command(capsys)]
    for verb, kind in zip(STAGES, ("real", "rendered", "translated"), strict=True):
        info = DatasetInfo(kind=kind, classes=("part",), made_by=MadeBy(verb=verb, simulated=True))
        DatasetWriter.create_or_resume(STAGES[verb].folder, info).close()
        said.append(next_command(capsys))
    COMPARISON.parent.mkdir(parents=True)
    COMPARISON.touch()
    said.append(next_command(capsys))
    assert [line.split()[1] for line in said] == ["capture", "render", "translate", "compare", "dataset"]
    for line in said:
        refuse_misunderstood(line)


@pytest.mark.parametrize("verb", STAGES)
def test_every_command_that_goes_on_is_understood(verb):
    """Whatever a stage's dataset was begun with."""
    config = {"poses": 5, "over": "0" * 64, "shares": SHARES, **RICH}
    line = STAGES[verb].go_on(MadeBy(verb=verb, simulated=True, config=config, seed=4, parents=("real",)))
    assert line.split()[1] == verb
    refuse_misunderstood(line)


def test_a_translation_is_gone_on_with_by_the_command_that_it_recorded():
    """As typed, quotes included; one from before it recorded any by what its configuration tells."""
    old = {"method": "cyclegan", "direction": "real2sim"}
    words = ("translate", "--checkpoint", "my runs/step_000400.safetensors")
    for config, command, line in (
        (old, words, "synth translate --checkpoint 'my runs/step_000400.safetensors'"),
        (old, None, "synth translate --method cyclegan --reverse"),
        ({}, None, "synth translate"),
    ):
        made_by = MadeBy(verb="translate", simulated=True, config=config, command=command)
        assert STAGES["translate"].go_on(made_by) == line
        refuse_misunderstood(line)


def test_every_command_that_is_told_next_is_understood():
    """All sentences of the program that begin with Next; what is filled in is a word."""
    texts = set()
    for path in (Path(__file__).parents[1] / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                filled = (p.value if isinstance(p, ast.Constant) else "some.yaml" for p in node.values)
                texts.update(re.findall(r"Next: (synth .*)", "".join(map(str, filled))))
    assert len(texts) > 4
    for line in texts:
        refuse_misunderstood(line)
