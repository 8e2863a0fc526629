"""`synth export-model` of trainings: what runs without synth says what `synth predict` says."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typed_commands import Type, files_in, is_refused

from synth.train.export import export_trained
from synth.train.tasks import TASKS
from synth.train.tasks.segmentation.maps import read_answer
from synth.train.trained import Trained

SIDE_PX = 64
LOW = 0.002
"""What a detector that has hardly learnt is sure of: enough boxes to compare."""


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Pictures larger than networks look at them, wide and upright, and one as large."""
    rng, paths = np.random.default_rng(0), []
    (tmp_path / "photos").mkdir()
    for name, (h, w) in {"wide": (90, 200), "upright": (150, 70), "as_large": (64, 64)}.items():
        paths.append(tmp_path / "photos" / f"{name}.png")
        coarse = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
        cv2.imwrite(str(paths[-1]), cv2.resize(coarse, (w, h), interpolation=cv2.INTER_NEAREST))
    return paths


def run_alone(script: Path, *words: object) -> list[dict]:
    """Each line that a script prints, run where no synth can be found."""
    code = (
        "import runpy, sys\n"
        "sys.modules['synth'] = sys.modules['torch'] = None\n"
        f"sys.argv = {[str(script), *map(str, words)]!r}\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def predict(synth: Type, run: str, photos: list[Path], out: Path, *words: object) -> list:
    answer = synth("predict", "--run", run, *photos, "--out", out, *words)
    assert answer.code == 0, answer
    return [*json.loads((out / "predictions.json").read_text()).values()]


def are_the_same_boxes(found: list, wanted: list) -> bool:
    """Every box of either has one of the other within 0.5 px and a hundredth of its confidence, but for those
    that lie about the least confidence.
    """
    for some, others in ((found, wanted), (wanted, found)):
        for box in (b for b in some if b[4] > 1.1 * LOW):
            near = [b for b in others if np.abs(np.subtract(b[:4], box[:4])).max() < 0.5]
            if not any(abs(b[4] - box[4]) < 0.01 * box[4] for b in near):
                return False
    return True


@pytest.mark.slow
def test_a_detector_finds_the_same_boxes(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """As ONNX with the script beside it, to 0.5 px on pictures of every size; the terminal says how to run
    it.
    """
    out = tmp_path / "away" / "detector.onnx"
    answer = synth("export-model", "--checkpoint", "runs/boxes", "--out", out)
    assert answer.code == 0, answer
    assert f"Next: python {out.with_suffix('.py')} photo.png" in answer.words
    assert files_in(out.parent) == {"detector.onnx", "detector.py"}
    wanted = predict(synth, "runs/boxes", photos, tmp_path / "said", "--confidence", LOW)
    found = run_alone(out.with_suffix(".py"), *photos, "--confidence", LOW)
    assert [one["picture"] for one in found] == [str(path) for path in photos]
    assert sum(map(len, wanted)) > 3
    for one, boxes in zip(found, wanted, strict=True):
        assert are_the_same_boxes(one["boxes"], boxes), (one, boxes)


@pytest.mark.slow
def test_ultralytics_predicts_with_a_pt(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """Its own command opens the file and finds the same boxes on a picture as large as the network's."""
    out = tmp_path / "away" / "detector.pt"
    answer = synth("export-model", "--checkpoint", "runs/boxes/weights.safetensors", "--out", out)
    assert answer.code == 0, answer
    assert f"Next: yolo predict model={out} source=photo.png conf=0.5" in answer.words
    words = (
        f"model={out}", f"source={photos[2]}", f"conf={LOW}", "iou=0.7", "save_txt=True", "save_conf=True",
        "save=False", f"project={tmp_path / 'yolo'}", "name=made", "device=cpu",
    )  # fmt: skip
    offline = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(tmp_path)}
    code = "from ultralytics.cfg import entrypoint; entrypoint()"
    ran = subprocess.run(
        [sys.executable, "-c", code, "predict", *words],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, env=os.environ | offline,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (listed,) = (tmp_path / "yolo").rglob("as_large.txt")
    rows = np.loadtxt(listed, ndmin=2)  # class x y w h confidence, shares
    ends = np.hstack([rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2]) * SIDE_PX
    found = np.hstack([ends, rows[:, 5:]]).tolist()
    (wanted,) = predict(synth, "runs/boxes", photos[2:], tmp_path / "said", "--confidence", LOW)
    assert wanted
    assert are_the_same_boxes(found, wanted)


@pytest.mark.slow
def test_a_reader_of_normals_reads_the_same(synth: Type, photos: list[Path], tmp_path: Path) -> None:
    """To a thousandth, from crops of any size."""
    out = tmp_path / "normals.onnx"
    assert synth("export-model", "--checkpoint", "runs/normals", "--out", out).code == 0
    wanted = predict(synth, "runs/normals", photos, tmp_path / "said")
    found = run_alone(out.with_suffix(".py"), *photos)
    np.testing.assert_allclose([one["normal"] for one in found], wanted, atol=1e-3)
    assert synth("export-model", "--checkpoint", "runs/normals", "--out", out).code == 0, "again, over itself"


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_tasks_of_classes_say_the_same(task: str, photos: list[Path], tmp_path: Path) -> None:
    """A class and how sure it is, or the class of nearly every pixel, of fresh weights."""
    one = TASKS[task]
    nets = {"classification": "small", "segmentation": "small"}
    settings = replace(one.settings(), net=nets[task], side_px=SIDE_PX, classes=("sky", "road", "car"))
    net = one.make_net(settings).eval()
    out = tmp_path / f"{task}.onnx"
    export_trained(Trained(task, settings, net, "", ()), out)
    pictures = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in photos]
    wanted = one.predict_pictures(net, settings, pictures)
    if task == "classification":
        found = [[said["class"], said["confidence"]] for said in run_alone(out.with_suffix(".py"), *photos)]
        assert [name for name, _ in found] == [name for name, _ in wanted]
        np.testing.assert_allclose([s for _, s in found], [s for _, s in wanted], atol=1e-3)
        return
    run_alone(out.with_suffix(".py"), *photos, "--out", tmp_path / "maps")
    for path, answer in zip(photos, wanted, strict=True):
        labels = cv2.imread(str(tmp_path / "maps" / path.name), cv2.IMREAD_UNCHANGED)
        assert labels.shape == cv2.imread(str(path)).shape[:2]
        assert (labels == read_answer(answer)).mean() > 0.97


def test_what_cannot_leave_is_refused(synth: Type, tmp_path: Path) -> None:
    """Another ending, a .pt of what is no Ultralytics detector, a folder without a network; nothing is
    left.
    """
    for run, name, *words in (
        ("runs/boxes", "detector.h5", "--out must end with .onnx or .pt, got"),
        ("runs/normals", "normals.pt", "is none of its detectors", ".onnx"),
        ("boxes", "detector.onnx", "there is no trained network at boxes"),
    ):
        assert is_refused(synth("export-model", "--checkpoint", run, "--out", tmp_path / name), *words)
    absent = synth("export-model", "--checkpoint", "runs/absent", "--out", tmp_path / "a.onnx")
    assert is_refused(absent, "there is nothing at runs/absent: give the folder of a training, such as")
    back = synth("export-model", "--checkpoint", "runs/boxes", "--reverse", "--out", tmp_path / "a.onnx")
    assert is_refused(back, "--reverse is of translators")
    whole = synth("export-model", "--checkpoint", "runs", "--out", tmp_path / "a.onnx")
    assert is_refused(whole, "give runs/boxes or runs/normals")
    assert not files_in(tmp_path)
    (tmp_path / "train.py").write_text("print('mine')")
    over = synth("export-model", "--checkpoint", "runs/normals", "--out", tmp_path / "train.onnx")
    assert is_refused(over, "train.py, the script beside the network, would be written over another file")
    assert (tmp_path / "train.py").read_text() == "print('mine')"
    assert files_in(tmp_path) == {"train.py"}
