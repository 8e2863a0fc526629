"""One object that stands twice in its label is one object."""

from pathlib import Path

import numpy as np
import pytest
from yolo_set import by_source, take, write_label, write_set

from synth.dataset.reader import DatasetReader

BOX = "0 0.50000 0.52083 0.25000 0.37500"
POLYGON = "0 0.375 0.33333 0.625 0.33333 0.625 0.70833 0.375 0.70833"
TRUE_BOX = pytest.approx((24, 16, 40, 34), abs=0.01)


@pytest.mark.parametrize(
    ("rows", "has_mask"),
    [
        ([BOX, POLYGON], True),
        ([POLYGON, BOX], True),
        ([BOX, "0 0.5000 0.5208 0.2500 0.3750"], False),
        ([BOX, BOX, BOX], False),
        ([BOX, "0.0 .5 .52083 .25 .375"], False),
        ([POLYGON, "0 0.38 0.33333 0.62 0.33333 0.62 0.70833 0.38 0.70833", BOX], True),
        (["0 0.5 0.52 0.26 0.38", POLYGON], True),
        ([POLYGON, "0 0.625 0.3333 0.625 0.7083 0.375 0.7083 0.375 0.3333"], True),
    ],
)
def test_it_is_taken_once_and_noted(rows: list[str], has_mask: bool, tmp_path: Path) -> None:
    """A box beside its outline, a row with other digits, an outline begun at another corner: one object of
    the right box, with the mask that one row gives, and a note.
    """
    folder = write_set(tmp_path / "in")
    write_label(folder, "train/train0", "\n".join(rows))
    summary = take(folder, tmp_path / "out")
    dataset, sample = DatasetReader(tmp_path / "out"), by_source(tmp_path / "out")["images/train/train0.png"]
    assert [i.box_xyxy_px for i in sample.instances] == [TRUE_BOX]
    assert sum("repeated object" in note.text for note in summary.notes) == len(rows) - 1
    mask = dataset.load_mask(sample)
    assert (mask is not None) == has_mask
    if mask is not None:
        assert np.count_nonzero(mask) == 16 * 18


@pytest.mark.parametrize(
    "rows",
    [
        [BOX, BOX.replace("0 ", "1 ", 1)],
        [BOX, "0 0.51562 0.52083 0.25000 0.37500"],
        ["0 .1 .1 .2 .1 .8 .8 .7 .8", "0 .8 .1 .7 .1 .1 .8 .2 .8"],
        ["0 0.5 0.5 0.05 0.05", "0 0.52 0.5 0.05 0.05"],
    ],
    ids=["two classes", "a pixel beside", "two rods that cross", "two small neighbours"],
)
def test_two_objects_stay_two(rows: list[str], tmp_path: Path) -> None:
    """What merely looks alike is not merged: another class, a box a pixel beside, another outline."""
    folder = write_set(tmp_path / "in")
    write_label(folder, "train/train0", "\n".join(rows))
    summary = take(folder, tmp_path / "out")
    assert not any("repeated" in note.text for note in summary.notes)
    assert len(by_source(tmp_path / "out")["images/train/train0.png"].instances) == 2
