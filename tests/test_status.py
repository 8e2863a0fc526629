"""`synth status` names a command that really goes on."""

import ast
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from synth.compute.run_dir import RunDir
from synth.dataset.folder import read_info
from synth.dataset.info import DatasetInfo, MadeBy, ModelRecord
from synth.dataset.store import DatasetWriter
from synth.status import STAGES, WAY, print_status
from synth.storage.command import Command, at_work, command_at_work
from typed import synth
from understood import refuse_misunderstood

RENDER = ("render", "--share", "twin=3", "--cell", "my cell.yaml", "--out", "data/synthetic")


def make_dataset(folder: Path, kind: str, **made_by: Any) -> None:
    made_by = {"verb": "render", "simulated": True} | made_by
    info = DatasetInfo(kind=kind, classes=("part",), made_by=MadeBy(**made_by))
    DatasetWriter.create_or_resume(folder, info).close()


def status(capsys: Any) -> dict[str, Any]:
    """What it says as JSON."""
    capsys.readouterr()
    print_status(as_json=True)
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def test_what_is_unfinished_is_gone_on_with_by_the_command_that_began_it(tmp_path, monkeypatch, capsys):
    """Every option is in it as it was typed, ready to be pasted, else the run would be refused."""
    monkeypatch.chdir(tmp_path)
    make_dataset(Path("data/real"), "real", verb="capture", config={"poses": None})
    with at_work(RENDER):
        make_dataset(Path("data/synthetic"), "rendered", config={"shares": {"twin": 3, "fresh": 2}})
    line = "synth render --share twin=3 --cell 'my cell.yaml' --out data/synthetic"
    assert next_command(capsys) == line
    refuse_misunderstood(line)
    assert shlex.split(line)[1:] == list(RENDER)
    assert [(d["samples"], d["planned"]) for d in status(capsys)["datasets"]][1] == (0, 5)


def test_a_command_is_remembered_by_what_it_makes(tmp_path: Path):
    """Its words reach the folder that it made, and where they were typed; no folder outlives the command."""
    (tmp_path / "my photos").mkdir()
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[10:30, 10:30] = (0, 120, 255)
    cv2.imwrite(str(tmp_path / "my photos/one.png"), picture)
    words = ("import", "images", "my photos", "--hsv", "5,25,120,255,60,255", "--out", "made/two")
    answer = synth(*words, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    made_by = read_info(tmp_path / "made/two").made_by
    assert (made_by.command, made_by.typed_in) == (words, "../..")
    assert command_at_work(tmp_path) is None


def test_a_run_is_gone_on_with_by_its_command(tmp_path, monkeypatch, capsys):
    """A training that was stopped comes before stages that nobody began; a finished one is complete."""
    monkeypatch.chdir(tmp_path)
    make_dataset(Path("data/real"), "real", verb="capture")
    with at_work(("train", "normals", "--images", "300")):
        RunDir.create_or_resume(Path("runs/train/normals"), {"seed": 0}).close()
    assert next_command(capsys) == "synth train normals --images 300"
    (tmp_path / "runs/train/normals/result.json").touch()
    said = status(capsys)
    assert [(run["folder"], run["made_by"], run["state"]) for run in said["runs"]] == [
        ("runs/train/normals", "train", "complete")
    ]
    assert said["next"].startswith("synth render")


def test_a_run_that_was_given_up_does_not_lead(tmp_path, monkeypatch, capsys):
    """One that another training has outlived is left alone; a later one that was stopped is gone on with."""
    monkeypatch.chdir(tmp_path)
    make_dataset(Path("data/real"), "real", verb="capture")
    for name, at_s in (("first", 1e9), ("second", 2e9), ("third", 3e9)):
        folder = Path("runs") / name
        with at_work(("train", "normals", "--out", str(folder))):
            RunDir.create_or_resume(folder, {"seed": 0}).close()
        if name == "second":
            (folder / "result.json").touch()
            assert next_command(capsys).startswith("synth render")
        for path in folder.iterdir():
            os.utime(path, (at_s, at_s))
    assert next_command(capsys) == "synth train normals --out runs/third"


def test_every_dataset_and_run_under_the_folder_is_found(tmp_path, monkeypatch, capsys):
    """Wherever they lie; what is hidden, an environment of Python or inside of another is not looked at."""
    monkeypatch.chdir(tmp_path)
    for folder in ("b/sets/mine", "a", "a/inside", ".hidden/set", "env/lib/set", "b/run/trials/set"):
        make_dataset(tmp_path / folder, "real", verb="import coco")
    (tmp_path / "env/pyvenv.cfg").touch()
    RunDir.create_or_resume(tmp_path / "b/run/trials/one", {}).close()
    (tmp_path / "b/run/config.json").touch()
    (tmp_path / "b/run/.lock").touch()
    (tmp_path / "foreign").mkdir()
    for name in ("config.json", "dataset.json"):
        (tmp_path / "foreign" / name).write_text("{}")
    (tmp_path / "link").symlink_to("b/sets/mine")
    (tmp_path / "b/round").symlink_to("..")
    (tmp_path / "itself").symlink_to("itself")
    said = status(capsys)
    assert [d["folder"] for d in said["datasets"]] == ["a", "link", "b/sets/mine"]
    assert [run["folder"] for run in said["runs"]] == ["b/run"]
    assert said["next"].startswith("synth dataset stats a ")


def test_a_large_tree_costs_moments_and_it_says_what_was_left_out(tmp_path, monkeypatch, capsys):
    """Only so many files are looked at, the nearest first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("synth.status.MAX_ENTRIES", 40)
    make_dataset(tmp_path / "near", "real", verb="capture")
    for i in range(50):
        (tmp_path / f"pictures/{i}").mkdir(parents=True)
    said = status(capsys)
    assert [d["folder"] for d in said["datasets"]] == ["near"]
    assert not said["looked_everywhere"]


def test_a_person_s_yes_is_not_repeated_for_them(tmp_path: Path):
    """Whoever pastes the command is asked again before an arm moves."""
    command = Command(("capture", "--yes", "--poses", "400"))
    assert command.to_line(tmp_path) == "synth capture --poses 400"


def test_a_command_that_was_typed_elsewhere_begins_with_the_way_there(tmp_path, monkeypatch, capsys):
    """From above the project, and also after it was moved as a whole."""
    (tmp_path / "old").mkdir()
    monkeypatch.chdir(tmp_path / "old")
    with at_work(RENDER):
        make_dataset(Path("data/synthetic"), "rendered", config={"shares": {"twin": 3}})
    monkeypatch.chdir(tmp_path)
    Path("old").rename("a new place")
    words = " ".join(RENDER).replace("my cell.yaml", "'my cell.yaml'")
    assert next_command(capsys) == f"cd 'a new place' && synth {words}"


def test_what_python_began_is_no_command(tmp_path, monkeypatch, capsys):
    """No command is made up for it."""
    monkeypatch.chdir(tmp_path)
    make_dataset(Path("data/real"), "real", verb="capture", config={"poses": 5})
    assert next_command(capsys) == "synth dataset stats data/real"
    assert status(capsys)["datasets"][0]["go_on"] == ""


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
    [(True, "synth render --over data/real"), (False, "synth dataset stats data/real")],
)
def test_imported_images_are_rendered_over(with_models, command, tmp_path: Path, monkeypatch, capsys):
    """After an import with models comes a rendering over it; without, status leads to what else can
    come.
    """
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


@pytest.mark.parametrize("photographs", ["data/real", "photographs"])
def test_nobody_with_photographs_and_composites_is_sent_to_an_arm(
    photographs: str, tmp_path: Path, monkeypatch, capsys
):
    """Neither captures nor renderings are offered; what stands is listed, and stats says what can come."""
    monkeypatch.chdir(tmp_path)
    make_dataset(Path(photographs), "imported", verb="import yolo")
    make_dataset(Path("data/composited"), "composited", verb="compose")
    make_dataset(Path("data/translated"), "translated", verb="translate")
    said = status(capsys)
    assert {d["folder"] for d in said["datasets"]} == {photographs, "data/composited", "data/translated"}
    assert said["next"].startswith(f"synth dataset stats {photographs} ")


def test_a_part_over_photographs_leads_to_a_detector_and_its_figures(tmp_path, monkeypatch, capsys):
    """Nobody with a CAD file and photographs is sent to an arm."""
    monkeypatch.chdir(tmp_path)
    make_dataset(Path("data/cups"), "imported", verb="import yolo")
    make_dataset(Path("data/others"), "imported", verb="import coco")
    make_dataset(Path("data/synthetic"), "rendered", simulated=False, parents=("cups",))
    make_dataset(Path("a/far/capture"), "real", verb="capture")
    said = status(capsys)
    assert not [d for d in said["datasets"] if d["state"] == "absent"]
    assert said["next"] == "synth train detection --preset quick --data data/synthetic --test data/cups"
    with at_work(("train", "detection")):
        RunDir.create_or_resume(Path("runs/cup"), {}).close()
    Path("runs/cup/result.json").write_text("{}")
    assert status(capsys)["next"] == "synth evaluate --run runs/cup --data data/cups"


def next_command(capsys: Any) -> str:
    """What status says comes next, without the remark behind it."""
    return str(status(capsys)["next"]).partition("   (")[0]


def test_every_command_that_comes_next_is_understood(tmp_path: Path, monkeypatch, capsys):
    """From the empty folder to the report the command line takes each as it is typed."""
    monkeypatch.chdir(tmp_path)
    said = [next_command(capsys)]
    for verb, kind in zip(WAY, ("real", "rendered", "translated"), strict=True):
        info = DatasetInfo(kind=kind, classes=("part",), made_by=MadeBy(verb=verb, simulated=True))
        DatasetWriter.create_or_resume(STAGES[verb].folder, info).close()
        said.append(next_command(capsys))
    RunDir.create_or_resume(Path("runs/compare"), {}).close()
    Path("runs/compare/report.html").touch()
    said.append(next_command(capsys))
    assert [line.split()[1] for line in said] == ["capture", "render", "translate", "compare", "dataset"]
    for line in said:
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
