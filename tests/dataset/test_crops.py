"""Crops that are cut once more."""

import numpy as np
import pytest
from dataset_scene import make_shot

from synth.dataset.crops import recut
from synth.errors import DatasetError
from synth.geometry.normals import crop_camera, make_crop
from synth.geometry.pinhole import Pinhole


@pytest.fixture
def shot():
    return make_shot(0, np.random.default_rng(0))


def rectified(draft):
    camera = Pinhole(draft.size_wh, np.asarray(draft.K), np.asarray(draft.dist))
    _, R_crop_cam = crop_camera(camera, draft.instances[0].square_xyxy_px)
    instance = draft.instances[0].model_copy(update={"R_crop_cam": R_crop_cam.tolist()})
    return draft.model_copy(update={"instances": (instance,)}), camera


def test_a_plain_crop_is_cut_as_it_was(shot):
    """A plain crop shows the square of the new picture and nothing else."""
    draft, arrays = shot
    (crop,) = recut(draft, arrays["layers"]["image"])
    x0, y0, x1, y1 = (round(v) for v in draft.instances[0].square_xyxy_px)
    expected = arrays["layers"]["image"][y0:y1, x0:x1].mean(axis=(0, 1))
    assert crop.shape == (224, 224, 3)
    assert np.abs(crop.mean(axis=(0, 1)) - expected).max() < 1


def test_a_rectified_crop_is_cut_through_its_camera(shot):
    """A rectified crop is pixel for pixel what make_crop gives for the sample's camera."""
    draft, arrays = shot
    draft, camera = rectified(draft)
    (crop,) = recut(draft, arrays["layers"]["image"])
    expected, *_ = make_crop(arrays["layers"]["image"], camera, draft.instances[0].square_xyxy_px)
    assert np.array_equal(crop, expected)


def test_an_instance_without_a_crop_stays_without(shot):
    """Nothing is cut where R_crop_cam is absent."""
    draft, arrays = shot
    bare = draft.instances[0].model_copy(
        update={"R_crop_cam": None, "normal_crop_uvw": None, "point_crop_xy": None}
    )
    assert recut(draft.model_copy(update={"instances": (bare,)}), arrays["layers"]["image"]) == [None]


def test_a_rectified_crop_needs_its_camera(shot):
    """Without K a rectified crop cannot be cut, and the sample is named."""
    draft, arrays = shot
    draft, _ = rectified(draft)
    with pytest.raises(DatasetError, match="000000 has rectified crops and no K"):
        recut(draft.model_copy(update={"K": None}), arrays["layers"]["image"])
