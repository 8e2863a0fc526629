"""The colour filter that a network has to beat learns its colour from train masks alone."""

from pathlib import Path

import numpy as np
import pytest

from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.train.tasks.detection.baseline import filter_boxes

BOX = (20.0, 10.0, 50.0, 40.0)


def write_set(
    root: Path, colours: dict[str, tuple[int, int, int]], classes: tuple[str, ...] = ("part",)
) -> Path:
    """A square of one colour a split on grey, labelled and masked."""
    info = DatasetInfo(kind="imported", classes=classes, made_by=MadeBy(verb="test", simulated=False))
    x0, y0, x1, y1 = map(int, BOX)
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, (split, colour) in enumerate(colours.items()):
            picture = np.full((60, 80, 3), 128, np.uint8)
            picture[y0:y1, x0:x1] = colour
            mask = np.zeros((60, 80), np.uint16)
            mask[y0:y1, x0:x1] = 1
            part = Instance(class_name="part", box_xyxy_px=BOX, square_xyxy_px=BOX, visib_fract=1.0)
            draft = Draft(name=f"{i:06d}", split=split, size_wh=(80, 60), instances=(part,))
            writer.append(draft, layers={"image": picture, "mask": mask})
    return root


@pytest.mark.parametrize("colour", [(200, 160, 30), (220, 20, 40), (20, 60, 200)])
def test_finds_what_has_the_colour_of_the_train_masks(tmp_path, colour):
    """Red too, whose hue wraps; the box is the blob's, to the pixel."""
    dataset = DatasetReader(write_set(tmp_path, {"train": colour, "test": colour}))
    (boxes,) = filter_boxes(dataset)
    np.testing.assert_array_equal(boxes, [[*BOX, 1.0]])


def test_never_learns_from_test_images(tmp_path):
    """A part of another colour in the test image is not found."""
    dataset = DatasetReader(write_set(tmp_path, {"train": (200, 160, 30), "test": (20, 60, 200)}))
    (boxes,) = filter_boxes(dataset)
    assert boxes.shape == (0, 5)


def test_there_is_none_for_several_classes(tmp_path):
    """One colour cannot tell two classes apart."""
    dataset = DatasetReader(write_set(tmp_path, {"train": (200, 160, 30)}, ("part", "other")))
    assert filter_boxes(dataset) is None
