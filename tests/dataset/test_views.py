"""The views: YOLO labels of the box kind, lists, and Ultralytics reading data.yaml as it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_scene import fill, make_info, make_shot
from hypothesis import given
from hypothesis import strategies as st

from synth.dataset.normals_txt import parse_normals
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.views import data_yaml, yolo_label

pixels = st.integers(0, 400)


@given(pixels, pixels, st.integers(1, 200), st.integers(1, 200))
def test_labels_give_the_box_back(x: int, y: int, w: int, h: int) -> None:
    """A label line turned back into pixels is the box, to well under a thousandth of a pixel."""
    side = max(w, h)
    box, square = (x, y, x + w, y + h), (x, y, x + side, y + side)
    instance = Instance(class_name="cover", box_xyxy_px=box, square_xyxy_px=square, visib_fract=1)
    draft = Draft(name="000000", split="train", size_wh=(640, 601), instances=(instance,))
    for kind, expected in (("tight", box), ("square", square)):
        index, *numbers = yolo_label(draft, make_info(box_kind=kind)).split()
        xc, yc, bw, bh = (float(n) * s for n, s in zip(numbers, (640, 601, 640, 601), strict=True))
        got = (xc - bw / 2, yc - bh / 2, xc + bw / 2, yc + bh / 2)
        assert index == "0"
        assert got == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("visib_fract", "n_lines"), [(0.24, 0), (0.25, 1)])
def test_the_hidden_get_no_line(visib_fract: float, n_lines: int) -> None:
    """Under a quarter visible: no line."""
    box = (0, 0, 9, 9)
    instance = Instance(class_name="cover", box_xyxy_px=box, square_xyxy_px=box, visib_fract=visib_fract)
    draft = Draft(name="000000", split="train", size_wh=(640, 480), instances=(instance,))
    assert len(yolo_label(draft, make_info()).splitlines()) == n_lines


def test_normals_txt_repeats_the_records(filled: Path) -> None:
    """One row a crop: its file name, the point in the full image, the normal in camera axes, all exact."""
    rows = {row.name: row for row in parse_normals((filled / "normals.txt").read_text())}
    samples = DatasetReader(filled).samples
    assert len(rows) == len(samples)
    for sample in samples:
        row, instance = rows[f"{sample.name}_0.png"], sample.instances[0]
        assert (row.point_xy, row.normal_uvw) == (instance.point_xy, instance.normal_uvw)


def test_lists_hold_each_sample_once(filled: Path) -> None:
    """train.txt, val.txt and test.txt share out the samples as their splits say."""
    listed = {s: (filled / f"{s}.txt").read_text().split() for s in ("train", "val", "test")}
    assert {k: len(v) for k, v in listed.items()} == {"train": 7, "val": 2, "test": 3}
    for sample in DatasetReader(filled).samples:
        assert f"./images/{sample.name}.png" in listed[sample.split]


def test_class_names_stay_names() -> None:
    """Names that YAML would take for booleans or numbers come back as text."""
    import yaml

    text = data_yaml(make_info(classes=("yes", "1", "1.5", "null")))
    assert list(yaml.safe_load(text)["names"].values()) == ["yes", "1", "1.5", "null"]


ULTRALYTICS = """
import json, socket, sys
attempts = []
def refuse(*args, **kwargs):
    attempts.append(str(args))
    raise OSError("no network in this test")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from ultralytics.data.build import build_yolo_dataset
from ultralytics.data.utils import check_det_dataset
from ultralytics.cfg import get_cfg
for given in sys.argv[1:]:
    data = check_det_dataset(given, autodownload=False)
    boxes = {}
    for split in ("train", "val", "test"):
        dataset = build_yolo_dataset(get_cfg(overrides={"imgsz": 160}), data[split], 4, data, mode="val")
        assert type(dataset).__name__ == "YOLODataset"
        boxes[split] = {label["im_file"][-10:-4]: label["bboxes"].tolist() for label in dataset.labels}
    print("RESULT" + json.dumps({"names": data["names"], "boxes": boxes, "attempts": attempts}))
"""


def read_with_ultralytics(folder: Path, paths: list[str], config: Path) -> list[dict]:
    """What Ultralytics, started in a folder, makes of each data.yaml, in a process that cannot reach the
    network.
    """
    environment = os.environ | {
        "YOLO_CONFIG_DIR": str(config),
        "YOLO_OFFLINE": "1",
        "YOLO_AUTOINSTALL": "false",
    }
    command = [sys.executable, "-c", ULTRALYTICS, *paths]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    scans = [line for line in (done.stdout + done.stderr).splitlines() if "corrupt" in line]
    assert all(" 0 corrupt" in line for line in scans)
    return [json.loads(part.splitlines()[0]) for part in done.stdout.split("RESULT")[1:]]


@pytest.mark.slow
def test_ultralytics_reads_data_yaml_as_it_is(tmp_path: Path) -> None:
    """By full and by relative path, after a move, without network: every image with its one box, in its
    split.
    """
    fill(tmp_path / "here", 12)
    moved = tmp_path / "data sets" / "real"
    moved.parent.mkdir()
    (tmp_path / "here").rename(moved)
    config = tmp_path / "config"
    (config / "Ultralytics").mkdir(parents=True)
    for folder in (config, config / "Ultralytics"):
        (folder / "Arial.ttf").write_bytes(b"")
    reader = DatasetReader(moved)
    reads = read_with_ultralytics(moved, [str(moved / "data.yaml"), "data.yaml"], config)
    assert len(reads) == 2
    for read in reads:
        assert read["attempts"] == []
        assert read["names"] == {"0": "cover"}
        for split, boxes in read["boxes"].items():
            assert set(boxes) == {s.name for s in reader.of_split(split)}
            for name, (box,) in boxes.items():
                x0, y0, x1, y1 = reader[name].instances[0].square_xyxy_px
                expected = ((x0 + x1) / 320, (y0 + y1) / 240, (x1 - x0) / 160, (y1 - y0) / 120)
                assert box == pytest.approx(expected, abs=1e-6)


def test_a_shot_without_instances_has_an_empty_label(tmp_path: Path) -> None:
    """An image of the bench alone is a background image for YOLO: its label file exists and is empty."""
    from synth.dataset.store import DatasetWriter

    draft, arrays = make_shot(0, np.random.default_rng(0))
    with DatasetWriter.create_or_resume(tmp_path, make_info()) as writer:
        writer.append(draft.model_copy(update={"instances": ()}), layers={"image": arrays["layers"]["image"]})
    assert (tmp_path / "labels/000000.txt").read_text() == ""
