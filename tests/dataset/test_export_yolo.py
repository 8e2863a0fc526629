"""The YOLO export, read by a few lines that know nothing of it, and by Ultralytics."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from dataset_scene import fill, make_info, make_shot
from small_sets import write_set
from test_views import read_with_ultralytics

from synth.dataset.exports.yolo import export_yolo
from synth.dataset.imports.yolo import YoloSettings, import_yolo
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter


@pytest.mark.parametrize("box_kind", ["square", "tight"])
def test_every_image_stands_in_its_split_with_its_boxes(box_kind: str, tmp_path: Path) -> None:
    """Images byte for byte, boxes of the dataset's kind, in the folders that data.yaml names."""
    fill(tmp_path / "real", 12, box_kind=box_kind)
    dataset = DatasetReader(tmp_path / "real")
    path = export_yolo(dataset, tmp_path / "yolo")
    data = yaml.safe_load(path.read_text())
    assert data["names"] == {0: "cover"}
    found = {}
    for split in ("train", "val", "test"):
        for image in (path.parent / data[split]).iterdir():
            found[image.stem] = split
            sample = dataset[image.stem]
            assert image.read_bytes() == (dataset.root / sample.image).read_bytes()
            index, *numbers = (path.parent / f"labels/{split}/{image.stem}.txt").read_text().split()
            xc, yc, w, h = (float(n) * s for n, s in zip(numbers, (160, 120, 160, 120), strict=True))
            expected = sample.instances[0].box_of(box_kind)
            assert index == "0"
            assert (xc - w / 2, yc - h / 2, xc + w / 2, yc + h / 2) == pytest.approx(expected, abs=1e-9)
    assert found == {s.name: s.split for s in dataset}


def test_an_empty_bench_has_an_empty_label_and_an_empty_split_no_key(tmp_path: Path) -> None:
    """A background image keeps its empty file; data.yaml names no folder that is not there."""
    draft, arrays = make_shot(0, np.random.default_rng(0))
    with DatasetWriter.create_or_resume(tmp_path / "real", make_info()) as writer:
        writer.append(draft.model_copy(update={"instances": ()}), layers={"image": arrays["layers"]["image"]})
    path = export_yolo(DatasetReader(tmp_path / "real"), tmp_path / "yolo")
    assert (tmp_path / "yolo/labels/train/000000.txt").read_bytes() == b""
    assert set(yaml.safe_load(path.read_text())) == {"train", "names"}


@pytest.mark.slow
def test_ultralytics_reads_the_folder(filled: Path, tmp_path: Path) -> None:
    """Every image with its one box in its split, without network."""
    dataset = DatasetReader(filled)
    path = export_yolo(dataset, tmp_path / "yolo set")
    config = tmp_path / "config"
    (config / "Ultralytics").mkdir(parents=True)
    for folder in (config, config / "Ultralytics"):
        (folder / "Arial.ttf").write_bytes(b"")
    (read,) = read_with_ultralytics(tmp_path, [str(path)], config)
    assert read["names"] == {"0": "cover"}
    for split, boxes in read["boxes"].items():
        assert set(boxes) == {s.name for s in dataset.of_split(split)}
        for name, (box,) in boxes.items():
            x0, y0, x1, y1 = dataset[name].instances[0].square_xyxy_px
            expected = ((x0 + x1) / 320, (y0 + y1) / 240, (x1 - x0) / 160, (y1 - y0) / 120)
            assert box == pytest.approx(expected, abs=1e-6)


def test_many_classes_come_back(tmp_path: Path) -> None:
    """Each object with its class and box, in the order of the dataset's classes, also of names that YAML
    would read as numbers or truths; only a class without an object is left out, and said.
    """
    classes = ("stop", "1", "yes", "cup", "spare", "0.5", "a cup", "null")
    shown = [[name for name in classes[i : i + 4] if name != "spare"] for i in range(5)]
    dataset = write_set(
        tmp_path / "real",
        [{"split": ("train", "val", "test")[i % 3], "shows": shows} for i, shows in enumerate(shown)],
        classes=classes,
    )
    export_yolo(dataset, tmp_path / "yolo")
    summary = import_yolo(YoloSettings(tmp_path / "yolo", tmp_path / "back"))
    back = DatasetReader(tmp_path / "back")
    assert back.info.classes == tuple(name for name in classes if name != "spare")
    assert summary.misfits == ()
    assert [note.text for note in summary.notes] == [
        "1 of 8 classes are left out, since no label has them: spare"
    ]
    for sample, before in zip(back, dataset, strict=True):
        assert (sample.name, sample.split) == (before.name, before.split)
        for instance, other in zip(sample.instances, before.instances, strict=True):
            assert instance.class_name == other.class_name
            assert instance.box_xyxy_px == pytest.approx(other.box_xyxy_px, abs=1e-9)
