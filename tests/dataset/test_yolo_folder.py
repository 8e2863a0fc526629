"""Where a YOLO folder keeps the label of a picture."""

import pytest

from synth.dataset.imports.yolo_folder import label_of


@pytest.mark.parametrize(
    ("picture", "label"),
    [
        ("images/train/a.png", "labels/train/a.txt"),
        ("images/images/a.b.png", "images/labels/a.b.txt"),
        ("set/a.png", "set/a.txt"),
        ("images.png", "images.txt"),
    ],
)
def test_labels_stand_where_ultralytics_seeks_them(picture: str, label: str) -> None:
    """The last folder called images becomes labels; without one the label is beside the picture."""
    assert label_of(picture) == label
