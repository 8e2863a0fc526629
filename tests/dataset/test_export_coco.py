"""The COCO export, read by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from small_sets import SIZE_WH, write_set

from synth.dataset.exports.coco import export_coco
from synth.dataset.imports.coco import CocoSettings, import_coco
from synth.dataset.reader import DatasetReader


def test_pycocotools_reads_the_export(filled: Path, tmp_path: Path) -> None:
    """Every image, box, area and mask comes back; ids are unique and the splits apart."""
    dataset = DatasetReader(filled)
    paths = export_coco(dataset, tmp_path / "coco")
    n_images = 0
    for path, split in zip(paths, ("train", "val", "test"), strict=True):
        coco = COCO(str(path))
        assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["cover"]
        for image in coco.loadImgs(coco.getImgIds()):
            n_images += 1
            sample = dataset[Path(image["file_name"]).stem]
            assert sample.split == split
            assert (tmp_path / "coco" / split / image["file_name"]).is_file()
            (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
            x, y, w, h = annotation["bbox"]
            assert (x, y, x + w, y + h) == pytest.approx(sample.instances[0].square_xyxy_px)
            mask = dataset.load_mask(sample) == 1
            assert np.array_equal(coco.annToMask(annotation).astype(bool), mask)
            assert annotation["area"] == mask.sum()
    assert n_images == 12


def test_the_export_says_what_its_boxes_are(filled: Path, tmp_path: Path) -> None:
    """Box kind and simulation stand in the document."""
    path = export_coco(DatasetReader(filled), tmp_path / "coco")[0]
    info = json.loads(path.read_text())["info"]
    assert info["box_kind"] == "square"
    assert "simulated" in info["description"]


def test_many_classes_holes_and_parts_come_back(tmp_path: Path) -> None:
    """Twelve classes in their order, a mask with a hole and one in two parts: there and back by the pixel."""
    classes = tuple(f"part {i}" for i in range(12))
    mask = np.zeros(SIZE_WH[::-1], np.uint16)
    mask[4:16, 4:16] = 1
    mask[7:12, 8:11] = 0
    mask[4:8, 20:32] = mask[12:16, 20:32] = 2
    shows = [{"split": "train" if i else "test", "shows": classes[2 * i : 2 * i + 2]} for i in range(6)]
    source = write_set(tmp_path / "real", shows, layers={"mask": mask}, classes=classes)
    export_coco(source, tmp_path / "coco")
    summary = import_coco(CocoSettings(tmp_path / "coco", tmp_path / "back"))
    back = DatasetReader(tmp_path / "back")
    assert (back.info.classes, summary.misfits, summary.notes) == (classes, (), ())
    for sample in back:
        assert sample.instances == source[sample.name].instances
        assert np.array_equal(back.load_mask(sample), mask)
