"""The COCO export, read by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from synth.dataset.exports.coco import export_coco
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
