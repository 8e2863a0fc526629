"""`synth train`, `evaluate` and `predict` on several classes, as they are typed."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from toy_sets import write_class_set
from typer.testing import CliRunner, Result

from synth.cli import app
from synth.compute.checkpoint import save_weights
from synth.dataset.imports.folders import FoldersSettings, import_folders
from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.train.run import load_result
from synth.train.tasks import TASKS
from synth.train.tasks.classification.settings import ClassificationSettings
from typed import synth

CLASSES = ("left", "right", "stop")
TINY = ("--side", "32", "--images", "8", "--device", "cpu")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with signs of three classes, stops and bumps alone, and a training on the first two."""
    folder = tmp_path_factory.mktemp("desk")
    write_class_set(folder / "signs", CLASSES, n=28)
    write_class_set(folder / "stops", ("stop",), seed=1, n=8)
    write_class_set(folder / "bumps", ("bump",), seed=2, n=20)
    said = run(folder, "train", "detection", "--data", "signs", "--data", "stops", "--test", "signs", *TINY)
    assert "Learns 3 classes: left, right, stop" in said.output
    return folder


def run(folder: Path, *words: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_evaluate_breaks_figures_down(desk: Path) -> None:
    """A line a class with its truths, few of them marked as an indication, and a line an IoU; --json has the
    same, and its means are those of the classes.
    """
    words = ("evaluate", "--run", "runs/train/detection", "--data", "signs")
    figures = json.loads(run(desk, *words, "--json").output)
    test = DatasetReader(desk / "signs").of_split("test")
    n_true = {name: sum(i.class_name == name for s in test for i in s.instances) for name in CLASSES}
    assert {name: line["n_true"] for name, line in figures["by_class"].items()} == n_true
    assert min(n_true.values()) < 10
    assert list(figures["by_iou"]) == [f"{0.5 + i / 20:.2f}" for i in range(10)]
    for metric, of_class in (("standard_map50", "ap50"), ("standard_map50_95", "ap50_95")):
        each = [line[of_class]["value"] for line in figures["by_class"].values()]
        assert figures[metric]["value"] == pytest.approx(sum(each) / 3)
    assert figures["by_iou"]["0.50"]["ap"] == figures["standard_map50"]
    output = run(desk, *words).output
    for name, n in n_true.items():
        row = next(line.split() for line in output.splitlines() if line.startswith(name))
        assert row[1] == str(n)
        assert (row[2] == "*") == (n < 10)
    assert "* An indication: fewer than 10 truths." in output


def test_predictions_name_their_class(desk: Path) -> None:
    """predictions.json holds the name last; a picture is drawn for each."""
    picture = sorted((desk / "signs/images").iterdir())[0]
    run(desk, "predict", str(picture), "--run", "runs/train/detection", "--confidence", "0", "--out", "drawn")
    (boxes,) = json.loads((desk / "drawn/predictions.json").read_text()).values()
    assert boxes
    assert all(len(box) == 6 and box[5] in CLASSES for box in boxes)
    assert (desk / "drawn" / f"{picture.stem}.png").is_file()


def test_weights_know_their_classes(desk: Path) -> None:
    """config.json names them; data of which none is known are refused by name."""
    config = json.loads((desk / "runs/train/detection/config.json").read_text())
    assert config["settings"]["classes"] == list(CLASSES)
    with pytest.raises(InputError, match="bumps has the class bump, and the network knows none of them"):
        run(desk, "evaluate", "--run", "runs/train/detection", "--data", "bumps")
    known = json.loads(
        run(
            desk, "evaluate", "--run", "runs/train/detection", "--data", "stops", "--split", "train", "--json"
        ).output
    )
    assert list(known["by_class"]) == ["stop"]


def test_what_tells_other_classes_apart_is_not_measured(desk: Path) -> None:
    """A network of classes that no crop has would be right of none: that is said, not an accuracy of 0."""
    settings = ClassificationSettings(side_px=16, classes=("cat", "dog"))
    words = {"task": "classification", "settings": json.dumps(settings.to_config())}
    net = TASKS["classification"].make_net(settings)
    save_weights(desk / "pets.safetensors", net.state_dict(), words)
    answer = synth("evaluate", "--run", "pets.safetensors", "--data", "signs", cwd=desk)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "signs has the classes left, right, stop, and the network knows none of them" in answer.stderr
    assert "it knows cat, dog; give a dataset that" in answer.stderr


def test_what_is_mixed_in_needs_no_val_images(desk: Path, tmp_path: Path) -> None:
    """Those of the others choose; where none of several has any, that is one sentence."""
    for seed, root in enumerate(("a", "b"), 7):
        write_class_set(tmp_path / root, CLASSES, seed=seed, n=4, train_alone=True)
    mixed = ("train", "classification", "--data", desk / "signs", "--data", "a", "--test", desk / "signs")
    done = synth(*mixed, *TINY, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    n_val = sum(len(sample.instances) for sample in DatasetReader(desk / "signs").of_split("val"))
    assert load_result(tmp_path / "run").n_val == n_val
    alone = ("train", "classification", "--data", "a", "--data", "b", "--test", desk / "signs")
    done = synth(*alone, *TINY, cwd=tmp_path)
    assert done.returncode == 2
    assert "none of a, b has val images, by which a network is chosen" in done.stderr


@pytest.mark.parametrize("absent", ["val", "test"])
def test_without_val_or_test_images_nothing_is_trained(absent: str, tmp_path: Path) -> None:
    """What is absent is named, and what deals splits anew."""
    for i, split in enumerate(x for x in ("train", "val", "test") if x != absent):
        for name, light in (("a", 20 + 20 * i), ("b", 90 + 110 * i)):
            path = tmp_path / "pictures" / split / name / "0.png"
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), np.full((8, 8, 3), light, np.uint8))
    import_folders(FoldersSettings(tmp_path / "pictures", tmp_path / "set"))
    done = synth("train", "classification", "--data", "set", "--test", "set", *TINY, cwd=tmp_path)
    assert done.returncode == 2
    assert f"set has no {absent} images" in done.stderr
    assert "synth dataset split set" in done.stderr
