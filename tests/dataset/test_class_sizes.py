"""Counts by class and size: of train alone, COCO's edges, datasets beside each other."""

import json
from pathlib import Path

import pytest
from small_sets import write_set

from synth.dataset.class_sizes import count_sizes
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Instance
from typed import synth


def sized(side_w: float, side_h: float, class_name: str = "cup") -> Instance:
    return Instance(class_name=class_name, box_xyxy_px=(0, 0, side_w, side_h), visib_fract=1)


@pytest.mark.parametrize(
    ("side_w", "side_h", "size"),
    [(31, 33, "small"), (32, 32, "medium"), (95, 97, "medium"), (96, 96, "large")],
)
def test_sizes_are_coco_s(side_w: float, side_h: float, size: str, tmp_path: Path) -> None:
    """By the area of the tight box, below 32² and from 96² px on; a class without any has zeros."""
    only = {"instances": (sized(side_w, side_h),), "size_wh": (128, 128)}
    samples = [{"shows": ()}, {"shows": (), "split": "test"}]
    dataset = write_set(tmp_path / "set", samples)
    records = [s.model_copy(update=only) for s in dataset.samples]
    dataset.samples = tuple(records)
    counts = count_sizes(dataset)
    assert counts["cup"] == {"small": 0, "medium": 0, "large": 0} | {size: 1}
    assert counts["lid"] == {"small": 0, "medium": 0, "large": 0}


def test_datasets_stand_beside_each_other(tmp_path: Path) -> None:
    """Each its own columns, also of a class that the other lacks; the same as JSON and as a figure."""
    write_set(tmp_path / "a", [{"shows": ("cup", "lid")}, {"shows": ("cup",)}])
    write_set(tmp_path / "b", [{"shows": ("pot",)}], classes=("pot",))
    words = ("dataset", "stats", "a", "--beside", "b", "--figure")
    answer = synth(*words, "sizes.svg", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    rows = [line.split() for line in answer.stdout.splitlines()]
    assert ["cup", "2", *["2", "/", "0", "/", "0"], "0", *["0", "/", "0", "/", "0"]] in rows
    assert ["pot", "0", *["0", "/", "0", "/", "0"], "1", *["1", "/", "0", "/", "0"]] in rows
    assert "<svg" in (tmp_path / "sizes.svg").read_text()
    assert "small: a box below 32² pixels, large: from 96² on" in answer.stdout
    said = json.loads(synth("dataset", "stats", "a", "--beside", "b", "--json", cwd=tmp_path).stdout)
    assert said["train_by_class_and_size"]["a"] == count_sizes(DatasetReader(tmp_path / "a"))
    refused = synth(*words, "sizes.doc", cwd=tmp_path)
    assert refused.returncode == 2
    assert "a figure is one of .png, .svg, .pdf" in refused.stderr
