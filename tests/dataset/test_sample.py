"""Records: exact in JSON, strict about numbers, deaf to paths that leave the folder."""

import numpy as np
import pytest
from dataset_scene import make_info, make_shot
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from synth.dataset.difference import list_differences
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.sample import Draft, Instance, Sample

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
SHA = "a" * 64


def make_sample(**changes: object) -> Sample:
    fields = {"name": "000001", "split": "train", "size_wh": (640, 480)}
    fields |= {"layers": {"image": "images/000001.png"}}
    return Sample(**fields | {"sha256": {"images/000001.png": SHA}, "pixels_sha256": SHA} | changes)


@given(st.lists(finite, min_size=5, max_size=5), st.dictionaries(st.text(max_size=8), finite, max_size=4))
def test_a_line_gives_back_every_bit(dist: list[float], timing: dict[str, float]) -> None:
    """A record read from its own line is equal to the record, and writes the same line again."""
    sample = make_sample(dist=dist, timing=timing)
    again = Sample.model_validate_json(sample.to_line())
    assert again == sample
    assert again.to_line() == sample.to_line()
    assert "\n" not in sample.to_line()


def test_a_whole_shot_survives_json() -> None:
    """Matrices given as arrays come back as the same numbers."""
    draft, _ = make_shot(3, np.random.default_rng(1))
    again = Draft.model_validate_json(draft.to_line())
    assert again == draft
    assert np.asarray(again.K).shape == (3, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": {"image": "../../etc/passwd"}}, "image must be images/000001.png"),
        ({"layers": {"image": "/etc/passwd"}}, "image must be images/000001.png"),
        ({"layers": {"depth": "depth/../../x.png"}}, "depth must be depth/000001.png"),
        ({"layers": {"colour": "images/000001.png"}}, "layers.colour"),
        ({"layers": {}}, "an image or a semantic map"),
        ({"name": "../x"}, "match pattern"),
        ({"name": "000001\n"}, "match pattern"),
        ({"split": "holdout"}, "'train', 'val' or 'test'"),
        ({"sha256": {}}, "one hash for each"),
        ({"sha256": {"images/000001.png": SHA, "../x": SHA}}, "one hash for each"),
        ({"K": [[1, 2], [3, 4]]}, "K"),
        ({"dist": [0, 0, float("nan"), 0, 0]}, "finite"),
        ({"T_base_cam": np.ones((4, 4))}, "not a rigid transform"),
        ({"T_base_cam": "far"}, "not a 4×4 of numbers"),
        ({"quality": {"blur": float("inf")}}, "finite"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_bad_samples_are_refused(changes: dict[str, object], message: str) -> None:
    """Paths out of the folder, wrong shapes, non-finite numbers and unknown keys never become a record."""
    with pytest.raises(ValidationError, match=message):
        make_sample(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"box_xyxy_px": (10, 10, 10, 20)}, "is empty"),
        ({"square_xyxy_px": (10, 10, 30, 31)}, "not square"),
        ({"normal_uvw": (0.1, 0.0, 0.9)}, "not a unit vector"),
        ({"visib_fract": 1.5}, "less than or equal to 1"),
        ({"R_crop_cam": np.eye(3)}, "go together"),
    ],
)
def test_bad_instances_are_refused(changes: dict[str, object], message: str) -> None:
    """Empty boxes, squares that are not square, normals that are not unit and half-described turns are
    refused.
    """
    fields = {
        "class_name": "a",
        "box_xyxy_px": (0, 0, 9, 9),
        "square_xyxy_px": (0, 0, 9, 9),
        "visib_fract": 1,
    }
    with pytest.raises(ValidationError, match=message):
        Instance(**fields | changes)


@pytest.mark.parametrize(("w", "visib_fract"), [(0.1, 1.0), (1.0, 0.7)])
def test_crops_show_a_visible_face(w: float, visib_fract: float) -> None:
    """No crop tells the normal of a face seen edge-on or of a hidden part."""
    normal = (np.sqrt(1 - w * w), 0, w)
    with pytest.raises(ValidationError, match=r"R_crop_cam needs (a normal_uvw|visib_fract)"):
        Instance(
            class_name="a",
            box_xyxy_px=(0, 0, 9, 9),
            square_xyxy_px=(0, 0, 9, 9),
            normal_uvw=normal,
            point_xy=(0.5, 0.5),
            visib_fract=visib_fract,
            R_crop_cam=np.eye(3),
            normal_crop_uvw=normal,
            point_crop_xy=(0.5, 0.5),
        )


def test_boxes_lie_inside_the_image() -> None:
    """A box that leaves the image is refused, and the message says which."""
    draft, _ = make_shot(0, np.random.default_rng(0))
    outside = draft.instances[0].model_copy(update={"square_xyxy_px": (100.0, 60.0, 180.0, 140.0)})
    with pytest.raises(ValidationError, match=r"instances.0.square_xyxy_px leaves the 160×120 image"):
        Draft(name="000001", split="train", size_wh=(160, 120), instances=(outside,))


def test_differences_name_the_key_and_both_values() -> None:
    """Going on with another configuration is told apart key by key; versions and figures may change."""
    old = make_info()
    made_by = MadeBy(verb="capture", config={"poses": 4, "gate": None}, seed=0, simulated=True)
    new = make_info(made_by=made_by, classes=("cover", "lid"))
    lines = list_differences(old, new)
    assert lines == ["classes: ['cover'] became ['cover', 'lid']", "made_by.config.poses: 3 became 4"]
    newer = old.made_by.model_copy(update={"versions": {"synth": "9"}, "figures": {"x": 1}})
    assert list_differences(old, make_info(made_by=newer)) == []
    assert list_differences(old, DatasetInfo.model_validate_json(old.to_line())) == []


def test_tilt_is_measured_from_the_line_of_sight() -> None:
    """A face turned to a camera that sees it aslant has no tilt; without a place the optical axis counts."""
    box = (10.0, 10.0, 30.0, 30.0)
    fields = {"class_name": "part", "box_xyxy_px": box, "square_xyxy_px": box, "visib_fract": 1.0}
    T_cam_part = np.eye(4)
    T_cam_part[:3, 3] = (0.3, 0.0, 0.4)
    facing_uvw = (-0.6, 0.0, 0.8)
    assert Instance(**fields).tilt_deg is None
    assert Instance(**fields, normal_uvw=facing_uvw, T_cam_part=T_cam_part).tilt_deg == pytest.approx(
        0, abs=1e-5
    )
    assert Instance(**fields, normal_uvw=facing_uvw).tilt_deg == pytest.approx(36.8699, abs=1e-4)
