"""`synth train`, `evaluate` and `predict` on label maps, as they are typed."""

import json
from pathlib import Path

import cv2
import pytest
from street_sets import CLASSES, write_street
from typed_commands import files_in

from synth.train.tasks.segmentation.maps import read_answer
from typed import synth

TINY = ("--side", 48, "--images", 8, "--device", "cpu")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A street, another one of other classes, and a training on the first."""
    folder = tmp_path_factory.mktemp("desk")
    write_street(folder / "street")
    write_street(folder / "town", classes=(*CLASSES, "tram"))
    train = ("train", "segmentation", "--data", "street", "--test", "street")
    done = synth(*train, *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Learns 4 classes: sky, road, turn_left, turn_right" in done.stdout
    return folder


def test_evaluate_breaks_figures_down(desk: Path) -> None:
    """Four scores, a line a class with how many pictures show it, its share, IoU and F1; the JSON has the
    same, and its mean is that of the classes.
    """
    words = ("evaluate", "--run", "runs/train/segmentation", "--data", "street")
    figures = json.loads(synth(*words, "--json", cwd=desk).stdout)
    assert [name for name in figures if name != "by_class"] == [
        "miou",
        "mf1",
        "pixel_accuracy",
        "boundary_f1",
    ]
    assert list(figures["by_class"]) == list(CLASSES)
    ious = [line["iou"]["value"] for line in figures["by_class"].values()]
    assert figures["miou"]["value"] == pytest.approx(sum(ious) / 4)
    assert sum(line["share"]["value"] for line in figures["by_class"].values()) == pytest.approx(1)
    row = next(r for r in synth(*words, cwd=desk).stdout.splitlines() if r.startswith("sky"))
    assert row.split()[1:3] == ["5", "*"]


def test_predict_draws_a_map_beside_the_picture(desk: Path) -> None:
    """predictions.json holds the map as a PNG of ids with the names of its classes, at the picture's size."""
    picture = sorted((desk / "street/images").iterdir())[0]
    done = synth("predict", picture, "--run", "runs/train/segmentation", "--out", "drawn", cwd=desk)
    assert done.returncode == 0, done.stderr
    (said,) = json.loads((desk / "drawn/predictions.json").read_text()).values()
    assert said["classes"] == list(CLASSES)
    assert read_answer(said).shape == cv2.imread(str(picture)).shape[:2]
    assert files_in(desk / "drawn") == {"predictions.json", f"{picture.stem}.png"}


def test_what_does_not_fit_is_one_sentence(desk: Path) -> None:
    """A network of other classes, a test of other classes, a word that no setting takes."""
    for words in (
        ("evaluate", "--run", "runs/train/segmentation", "--data", "town"),
        ("train", "segmentation", "--data", "street", "--test", "town", "--out", "no", *TINY),
    ):
        done = synth(*words, cwd=desk)
        assert done.returncode == 2
        assert "the label maps of town have other classes than the network: it has tram" in done.stderr
    words = ("train", "segmentation", "--data", "street", "--test", "street", "--out", "no", *TINY)
    done = synth(*words, "--set", "sampling=seldom", cwd=desk)
    assert done.returncode == 2
    assert "sampling must be 'uniform' or 'rare', got 'seldom'" in done.stderr
    assert not (desk / "no").exists()
