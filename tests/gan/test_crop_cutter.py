"""Crops that a method learns from show one instance each, with its class and where it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from look_pair import write_look

from synth.dataset.reader import DatasetReader
from synth.errors import InputError
from synth.gan.crop_cutter import CropCutter, count_by_class
from synth.gan.patches import to_u8

CLASSES = ("other", "cover")


def make_cutter(data: DatasetReader, **changes: object) -> CropCutter:
    return CropCutter(data, "train", 32, CLASSES, **{"shift": 0.1, "scale": 1.2} | changes)


def test_labels_are_those_of_what_a_crop_shows(looks: tuple[DatasetReader, DatasetReader]) -> None:
    """The mask fills the box to a pixel, the plate is blue inside it, and jitter moves it about."""
    crops = make_cutter(looks[0]).draw(30, np.random.default_rng(0))
    assert set(crops.labels.classes.tolist()) == {1}
    rgb_u8, middles = to_u8(crops.images), []
    for i, box in enumerate(32 * crops.labels.boxes.numpy()):
        mask = crops.masks[i, 0].numpy() > 0.5
        ys, xs = np.nonzero(mask)
        found = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        if box.min() > 1 and box.max() < 31:
            np.testing.assert_allclose(found, box, atol=1)
            middles.append((box[:2] + box[2:]) / 2)
        assert rgb_u8[i][mask].mean(axis=0)[2] > rgb_u8[i][mask].mean(axis=0)[0] + 50
    assert np.ptp(middles, axis=0).min() > 2


def test_without_jitter_instances_lie_in_the_middle(looks: tuple[DatasetReader, DatasetReader]) -> None:
    """To a pixel of the frame, and two thirds of the side long with a context of 1.5."""
    crops = make_cutter(looks[0], shift=0.0, scale=1.0).all()
    boxes = crops.labels.boxes
    assert len(boxes) == make_cutter(looks[0]).n_images
    torch.testing.assert_close(boxes[:, 2] - boxes[:, 0], torch.full((len(boxes),), 2 / 3), rtol=0.07, atol=0)
    assert ((boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5).abs().max() < 0.05


def test_draws_follow_from_the_generator_alone(looks: tuple[DatasetReader, DatasetReader]) -> None:
    """Whether surroundings are remembered or cut again."""
    a, b = (make_cutter(looks[0], cache_bytes=n).draw(9, np.random.default_rng(4)) for n in (0, 10**9))
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.labels.boxes, b.labels.boxes)


def test_without_masks_the_box_is_the_mask(tmp_path: Path) -> None:
    """As imported boxes have it."""
    bare = write_look(tmp_path / "bare", "real", 4, seed=0, with_masks=False)
    crops = make_cutter(bare, shift=0.0, scale=1.0).all()
    assert crops.masks.mean() == pytest.approx((16 * 12) / 24**2, abs=0.06)


def test_what_cannot_be_cut_is_refused(looks: tuple[DatasetReader, DatasetReader], tmp_path: Path) -> None:
    """A side that the networks cannot take, a split without instances."""
    for side_px in (16, 40):
        with pytest.raises(InputError, match=f"multiple of 16 pixels from 32 on, got {side_px}"):
            CropCutter(looks[0], "train", side_px, CLASSES)
    empty = write_look(tmp_path / "empty", "real", 4, seed=0, n_plates=0)
    with pytest.raises(InputError, match="has no train images with instances"):
        make_cutter(empty)


def test_classes_are_counted(looks: tuple[DatasetReader, DatasetReader]) -> None:
    """Those without a crop too."""
    assert count_by_class(looks[0], "train", CLASSES) == {"other": 0, "cover": make_cutter(looks[0]).n_images}
