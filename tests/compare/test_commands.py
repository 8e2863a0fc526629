"""`synth compare` as it is typed: what it says, where, and what it refuses before anything trains."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from crop_sets import write_crop_set

from synth.cli import main
from synth.compare.collect import Results
from synth.compare.plan import Plan
from synth.compare.verdict import Sentence
from synth.dataset.choices import BoxKind
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind
from synth.dataset.sample import Draft, Instance
from synth.dataset.split import assign_splits
from synth.dataset.store import DatasetWriter

TINY = ("--preset", "quick", "--seeds", "1", "--images", "32", "--device", "cpu")
KINDS: dict[str, Kind] = {"real": "real", "synthetic": "rendered", "translated": "translated"}

Type = Callable[..., tuple[int, str, str]]


def write_box_set(root: Path, kind: Kind, *, seed: int, box_kind: BoxKind = "square", n: int = 20) -> None:
    """A bright square a picture, on noise."""
    rng = np.random.default_rng(seed)
    info = DatasetInfo(
        kind=kind, classes=("cover",), box_kind=box_kind, made_by=MadeBy(verb="test", simulated=True)
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(assign_splits(n, rng=rng)):
            x, y = (int(v) for v in rng.integers(0, (60, 40)))
            picture = rng.integers(0, 90, (10, 12, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            picture[y : y + 30, x : x + 30] = 240
            box = (x, y, x + 30, y + 30)
            part = Instance(class_name="cover", box_xyxy_px=box, square_xyxy_px=box, visib_fract=1.0)
            draft = Draft(name=f"{i:06d}", split=split, size_wh=(96, 80), instances=(part,))
            writer.append(draft, layers={"image": picture})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/real, data/synthetic and data/translated, and three sets of boxes beside."""
    folder = tmp_path_factory.mktemp("desk")
    for seed, (name, kind) in enumerate(KINDS.items()):
        write_crop_set(folder / "data" / name, kind, seed=seed, n=20)
    write_box_set(folder / "boxes", "real", seed=3)
    write_box_set(folder / "rendered", "rendered", seed=5)
    write_box_set(folder / "tight", "rendered", seed=4, box_kind="tight")
    return folder


@pytest.fixture
def synth(desk: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Type:
    """`synth compare`, typed on the desk: exit code, output, errors, those of child processes too."""
    monkeypatch.chdir(desk)
    monkeypatch.setenv("COLUMNS", "120")

    def type_in(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["synth", "compare", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    return type_in


@pytest.mark.slow
def test_a_comparison_ends_with_its_verdict(desk: Path, synth: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    """--json has JSON alone on the output and everything else on the errors; the same command without it
    trains nothing again and says the same sentences, then where the report is.
    """
    words = (
        *TINY,
        "--tasks",
        "detection",
        "--mixes",
        "real,synthetic",
        "--workers",
        "1",
        "--out",
        "runs/tiny",
    )
    words = (*words, "--data", "real=boxes", "--data", "synthetic=rendered")
    monkeypatch.setattr("synth.compare.report.write.export_best", lambda *_: [])  # It has a test of its own.
    code, out, err = synth(*words, "--json")
    assert code == 0, err
    said = json.loads(out)
    assert "SIMULATED" in err
    assert "No test image among 30 train and val images" in " ".join(err.split())
    assert said["report"] == "runs/tiny/report.html"
    assert (desk / said["report"]).is_file()
    content = json.loads((desk / "runs/tiny/report.json").read_text())
    assert said["verdict"] == content["verdict"]
    assert said["verdict"][0]["text"].startswith("Detection (yolov5n): no network learned anything")
    assert said["verdict"][1]["text"].startswith("Detection (yolov5n), mAP50-95 on 5 held-out captured")
    results = sorted((desk / "runs/tiny/trials").glob("*/result.json"))
    stamps = [path.stat().st_mtime_ns for path in results]
    assert [path.parent.name for path in results] == [
        "detection_yolov5n_real_seed0",
        "detection_yolov5n_synthetic_seed0",
    ]

    def read_report(plan: Plan, found: Results) -> tuple[Path, list[Sentence]]:
        assert [trial.name for trial, _ in found] == [path.parent.name for path in results]
        return plan.out / "report.html", [Sentence(sentence["text"], ()) for sentence in said["verdict"]]

    monkeypatch.setattr("synth.compare.report.write.write_report", read_report)
    code, out, err = synth(*words)
    assert code == 0, err
    assert [path.stat().st_mtime_ns for path in results] == stamps
    lines = out.splitlines()
    assert lines[-1] == "Report: runs/tiny/report.html"
    for sentence in said["verdict"]:
        assert sentence["text"] in lines


@pytest.mark.slow
def test_a_plan_is_printed_and_nothing_is_trained(synth: Type, tmp_path: Path) -> None:
    """A row for each network of each task with trainings, images and minutes, and their sum; no folder."""
    code, out, err = synth(
        *("--preset", "quick", "--plan-only", "--seeds", 2, "--images", 64, "--device", "cpu"),
        *("--out", tmp_path / "run"),
    )
    assert code == 0, err
    rows = [line.split() for line in out.splitlines() if line.rstrip().endswith(" min")]
    assert [row[:2] for row in rows] == [["normals", "paper"], ["detection", "yolov5n"]]
    for row in rows:
        assert row[2:5] == ["real,", "synthetic,", "translated"]
        assert row[5:8] == ["2", "6", "64"]
        assert float(row[8]) >= 0
    assert "12 trainings, about" in out
    assert " min on cpu" in out
    assert not (tmp_path / "run").exists()


def test_what_is_mixed_in_needs_no_val_images(
    synth: Type, crop_sets: dict[str, DatasetReader], tmp_path: Path
) -> None:
    """Those of what it stands beside choose; alone it is refused, unless captured ones choose."""
    made = write_crop_set(tmp_path / "made", "rendered", seed=9, train_alone=True)
    words = ("--data", f"real={crop_sets['real'].root}", "--data", f"made={made.root}", "--plan-only")
    words += ("--tasks", "normals", "--preset", "quick", "--images", "64", "--no-baseline")
    for mixes, code in (
        (("real,real+made",), 0),
        (("real,made",), 2),
        (("real,made", "--choose", "real-val"), 0),
    ):
        ended, _, err = synth(*words, "--mixes", *mixes)
        assert ended == code, err
        assert code == 0 or "made has 0 val images for normals" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--quick",), ("--quick of synth compare is called --preset quick now",)),
        (("--preset", "slow"), ("no preset 'slow'", "quick, default, paper")),
        (("--preset", "paper-faster-rcnn"), ("no preset 'paper-faster-rcnn' of normals",)),
        (("--nets", ""), ("--nets names no network", "leave it out for paper, yolov5n")),
        (("--nets", "yolov5n,yolov5s"), ("--nets are of one task, got normals, detection", "--tasks")),
        (("--nets", "yolov5n,frcnn", "--tasks", "detection"), ("no detector 'frcnn'", "ssd300_vgg16")),
        (("--choose", "test"), ("own-val, real-val",)),
        (("--ask", "real:rendered"), ("--ask takes two different mixes", "real, synthetic, translated")),
        (("--data", "boxes"), ("NAME=PATH",)),
        (("--data", "real=data/real,boxes", "--mixes", "real,synthetic"), ("real must be one dataset",)),
        (("--data", "more=boxes,rendered"), ("more has 2 datasets", "--seeds 2")),
        (("--tasks", "poses"), ("no task 'poses'", "normals, detection")),
        (("--tasks", ","), ("no task", "normals, detection")),
        (("--mixes", "real,rendered"), ("no mix 'rendered'", "synthetic", "real@40")),
        (("--mixes", "real,real@3"), ("no mix 'real@3'", "5 or more")),
        (("--mixes", "synthetic,translated"), ("give the mix real",)),
        (("--mixes", "real"), ("give two",)),
        (("--mixes", "real,synthetic,synthetic"), ("must differ",)),
        (("--mixes", "real,real@16", "--tasks", "normals"), ("15 train and val images", "16")),
        (("--data", "real=absent"), ("no dataset at absent: synth capture --out absent",)),
        (("--data", "real=absent", "--curve"), ("absent",)),
        (
            ("--data", "translated=absent"),
            ("no dataset at absent: synth translate --out absent",),
        ),
        (
            ("--data", "real=boxes", "--mixes", "real,mine"),
            ("no mix 'mine'", "--data NAME=PATH"),
        ),
        (
            ("--composed",),
            ("no dataset at data/real_composed", "run synth compose data/real --out data/real_composed"),
        ),
        (
            ("--data", "real=boxes", "--data", "synthetic=tight", "--tasks", "detection"),
            ("tight is labelled with tight boxes", "square"),
        ),
        (
            ("--data", "real=boxes", "--mixes", "real,synthetic", "--tasks", "normals"),
            ("boxes has 0 train images for normals",),
        ),
        (("--tasks", "detection", "--pretrained", "absent.pt"), ("no checkpoint at absent.pt",)),
        (("--device", "abacus"), ("abacus",)),
    ],
)
def test_comparisons_that_cannot_be(
    desk: Path, synth: Type, tmp_path: Path, words: tuple[str, ...], says: tuple[str, ...]
) -> None:
    """One sentence that says what to do, exit code 2, and no network is trained."""
    options = () if "--preset" in words else TINY
    code, out, err = synth(*options, *words, "--workers", 1, "--out", tmp_path / "run")
    assert code == 2, out + err
    assert "Traceback" not in err
    said = " ".join(err.split())
    assert said.startswith("synth: ")
    for part in says:
        assert part in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("spelt", [".", "images/.."])
def test_composites_lie_beside_the_folder_that_one_stands_in(
    desk: Path, synth: Type, monkeypatch: pytest.MonkeyPatch, spelt: str
) -> None:
    """They are looked for under its name, which . and .. do not tell."""
    monkeypatch.chdir(desk / "boxes")
    code, _, err = synth("--composed", "--data", f"real={spelt}", "--tasks", "detection", "--plan-only")
    assert code == 2, err
    assert f"there is no dataset at {desk / 'boxes_composed'}: run synth compose" in " ".join(err.split())


def test_what_is_missing_is_named_with_what_makes_it(
    desk: Path, synth: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A usual folder that is absent: the verb that makes it, the option that names another, and how to do
    without, unless real images would be alone then.
    """
    monkeypatch.chdir(tmp_path)
    code, _, err = synth(*TINY)
    assert code == 2
    assert "there is no dataset at data/real: run synth capture" in " ".join(err.split())
    shutil.copytree(desk / "data/real", "data/real")
    code, _, err = synth(*TINY)
    assert code == 2
    assert "run synth render" in err
    assert "do without" not in err
    shutil.copytree(desk / "data/synthetic", "data/synthetic")
    code, _, err = synth(*TINY)
    assert code == 2
    said = " ".join(err.split())
    assert "run synth translate, or name another folder with --data translated=PATH" in said
    assert "do without: --mixes real,synthetic" in said


def test_what_was_refused_can_be_mended_and_begun(synth: Type, tmp_path: Path) -> None:
    """Too few test images leave no folder that would refuse the next try on more of them."""
    few = tmp_path / "few"
    write_crop_set(few, "real", seed=8, n=8)
    words = (
        "--data",
        f"real={few}",
        "--mixes",
        "real,synthetic",
        "--tasks",
        "normals",
        "--workers",
        1,
        "--out",
        tmp_path / "run",
    )
    code, _, err = synth(*TINY, *words)
    assert code == 2
    assert "has 2 test images for normals, and 5 are the least" in err
    assert not (tmp_path / "run").exists()
    assert len(DatasetReader(few).of_split("test")) == 2


def test_images_without_normals_are_advised_to_leave_those_out(synth: Type, tmp_path: Path) -> None:
    """What was imported with boxes alone cannot be made more of; the option that helps is named."""
    write_box_set(tmp_path / "boxes", "real", seed=3, n=40)
    words = ("--data", f"real={tmp_path / 'boxes'}", "--mixes", "real,synthetic", "--out", tmp_path / "run")
    code, _, err = synth(*TINY, *words)
    assert code == 2
    assert "--tasks detection" in err
