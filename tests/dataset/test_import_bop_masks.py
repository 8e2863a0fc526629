"""A BOP import is held against what the scene itself says of its objects, and an object costs no other."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bop_scene import (
    CORNERS_MM,
    MODEL_INFO,
    SMALL_WH,
    outline,
    read_json,
    small_pose,
    texts,
    write_box,
    write_json,
    write_said,
    write_small,
)
from synth.dataset.imports.bop import BopSettings, import_bop
from synth.dataset.imports.intake import Summary
from synth.dataset.reader import DatasetReader
from synth.errors import InputError

AWAY, BEHIND, BESIDE = {"x_mm": 2000.0}, {"z_mm": -400.0}, {"x_mm": 300.0, "z_mm": 10.0}
SAID = ["mask mask_visib", "mask_visib", "info"]


def take(folder: Path, out: str = "out") -> tuple[Summary, DatasetReader]:
    settings = BopSettings(folder, folder.parent / out, None, {}, None, None, "tight", {})
    return import_bop(settings), DatasetReader(folder.parent / out)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("elsewhere", [AWAY, BEHIND, BESIDE])
def test_an_object_out_of_view_costs_itself_alone(tmp_path, elsewhere):
    """Aside, behind the camera, or reaching behind it beside the view: six pictures, six objects, a note."""
    truth = [[small_pose(i), *([small_pose(i, **elsewhere)] if i % 3 else [])] for i in range(6)]
    summary, dataset = take(write_small(tmp_path / "scene", truth))
    assert (summary.n_samples, summary.n_instances, summary.misfits) == (6, 6, ())
    assert texts(summary) == ["lies out of view and is not labelled"] * 4
    assert not summary.emptied
    for i, sample in enumerate(dataset):
        assert iou(dataset.load_mask(sample) == 1, outline(small_pose(i))) > 0.9


@pytest.mark.parametrize("kinds", SAID)
def test_a_picture_of_nothing_is_taken_where_the_scene_says_so(tmp_path, kinds):
    """Its only object away: refused as a doubtful pose, unless the scene says that nothing shows."""
    truth = [[small_pose(0)], [small_pose(1, **AWAY)], [small_pose(2, **BEHIND)]]
    scene = write_small(tmp_path / "scene", truth)
    assert sorted(take(scene, "doubted")[0].reasons) == ["behind the camera", "out of view"]
    write_said(scene, {}, kinds)
    summary, _ = take(scene)
    assert (summary.n_samples, summary.n_instances, summary.misfits) == (3, 1, ())


CAUSES = {
    "double": (CORNERS_MM * 2, "scaled by 0.5 it fits"),
    "a tenth": (CORNERS_MM / 10, "scaled by 10 it fits"),
    "inches": (CORNERS_MM / 25.4, "scaled by 25.4 it fits"),
    "from its corner": (CORNERS_MM - CORNERS_MM[0], "moved by -[0-9.]+ -[0-9.]+ -[0-9.]+ mm it fits"),
    "other axes": (CORNERS_MM[:, [1, 2, 0]], "at the axes and shape of the mesh"),
}


@pytest.mark.parametrize(
    ("what", "kinds"), [*((what, SAID[0]) for what in CAUSES), *(("double", kinds) for kinds in SAID[1:])]
)
def test_a_model_that_contradicts_the_scene_is_refused_with_its_likely_cause(tmp_path, what, kinds):
    """Whether masks, visible masks alone or boxes say so; nothing is written."""
    scene = write_small(tmp_path / "scene", [[small_pose(i)] for i in range(4)])
    write_said(scene, {}, kinds)
    corners_mm, cause = CAUSES[what]
    write_box(scene / "models" / "obj_000001.obj", corners_mm)
    with pytest.raises(InputError, match=cause) as refused:
        take(scene)
    assert "in 4 of 4 looked at, IoU 0." in str(refused.value)
    assert not (tmp_path / "out").exists()


SIZES = {
    "double": (
        CORNERS_MM * 2,
        r"diameter is 198 mm, .* says 98.99 mm; likely it is in other units: scale it by 0.5,",
    ),
    "metres": (CORNERS_MM / 1000, "scale it by 1000,"),
    "inches": (CORNERS_MM / 25.4, "scale it by 25.4,"),
    "from its corner": (CORNERS_MM - CORNERS_MM[0], "begins at 0 0 0 mm, .* move it by -40 -25 -15 mm"),
    "other axes": (
        CORNERS_MM[:, [1, 2, 0]],
        "measures 50 30 80 mm .* says 80 50 30 mm; likely its axes are turned",
    ),
}


@pytest.mark.parametrize(("corners_mm", "cause"), SIZES.values(), ids=SIZES)
def test_a_mesh_is_held_against_models_info(tmp_path, corners_mm, cause):
    """Diameter, size and place must be those that models_info.json gives; what fits is taken."""
    scene = write_small(tmp_path / "scene", [[small_pose(0)]])
    (scene / "models" / "models_info.json").write_text(json.dumps({"1": MODEL_INFO}))
    assert take(scene, "true")[0].n_instances == 1
    write_box(scene / "models" / "obj_000001.obj", corners_mm)
    with pytest.raises(InputError, match=cause):
        take(scene)


def set_camera(scene: Path, K: list[float]) -> None:
    truth, cameras = read_json(scene)
    write_json(scene, truth, {key: camera | {"cam_K": K} for key, camera in cameras.items()})


@pytest.mark.parametrize(("factor", "words"), [(2, "0.5"), (0.5, "2"), (1.5, "0.67")])
def test_a_K_of_another_resolution_is_named(tmp_path, factor, words):
    """With masks, as what makes them agree; without, as one of two readings, and the picture is refused."""
    scene = write_small(tmp_path / "scene", [[small_pose(i)] for i in range(3)])
    c = [factor * 32 - 0.5, factor * 24 - 0.5]
    set_camera(scene, [80 * factor, 0, c[0], 0, 80 * factor, c[1], 0, 0, 1])
    with pytest.raises(InputError, match=rf"(?s)other resolution \(3\).*multiplied by {words} .*is a crop"):
        take(scene)
    write_said(scene, {})
    with pytest.raises(InputError, match=f"another resolution: multiplied by {words} it fits"):
        take(scene)


def test_pictures_resized_after_they_were_labelled_are_named(tmp_path):
    """Masks of another size than the picture say so; one that is no picture costs only what it would tell."""
    scene = write_small(tmp_path / "scene", [[small_pose(i)] for i in range(2)])
    write_said(scene, {})
    (scene / "mask" / "000000_000000.png").write_bytes(b"torn")
    picture = cv2.imread(str(scene / "rgb" / "000001.png"))
    cv2.imwrite(str(scene / "rgb" / "000001.png"), cv2.resize(picture, None, fx=0.5, fy=0.5))
    summary, dataset = take(scene)
    assert [s.name for s in dataset] == ["000000"]
    assert texts(summary) == ["its mask cannot be read, so it is not held against that"]
    assert "has 64×48 pixels, its picture 32×24: likely the pictures were resized" in str(summary.misfits)


def test_a_crop_is_taken_where_the_masks_confirm_its_K(tmp_path):
    """A principal point far from the middle is no fault by itself."""
    scene = write_small(tmp_path / "scene", [[small_pose(0, x_mm=-90.0)]])
    write_said(scene, {})
    for path in [*scene.glob("rgb/*"), *scene.glob("depth/*"), *scene.glob("mask*/*")]:
        whole = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), whole[:28, :38])
    summary, _ = take(scene)
    assert (summary.n_instances, summary.misfits) == (1, ())


def half_hidden(entry: dict) -> np.ndarray:
    """The left half of an object, as something without a model leaves it visible."""
    mask = outline(entry)
    middle = int(np.nonzero(mask)[1].mean())
    mask[:, middle:] = False
    return mask


@pytest.mark.parametrize("kinds", ["mask mask_visib", "info mask_visib"])
@pytest.mark.parametrize("is_named", [True, False])
def test_what_something_without_a_mesh_hides_is_left_out_by_the_scenes_own_masks(tmp_path, kinds, is_named):
    """Mask, box and visible share are true, whether the scene names what hides, an object, or not, a hand."""
    hider = [small_pose(0, z_mm=200.0, obj_id=2)] if is_named else []
    scene = write_small(tmp_path / "scene", [[small_pose(i), *hider] for i in range(3)])
    visible = {(i, 0): half_hidden(small_pose(i)) for i in range(3)}
    write_said(scene, visible, kinds)
    summary, dataset = take(scene)
    assert summary.reasons == ({"no model": 3} if is_named else {})
    assert len(texts(summary)) == 3
    assert "labelled by the scene's own mask_visib" in texts(summary)[0]
    for i, sample in enumerate(dataset):
        (instance,) = sample.instances
        seen, whole = visible[i, 0], outline(small_pose(i))
        assert iou(dataset.load_mask(sample) == 1, seen) == 1
        y, x = np.nonzero(seen)
        assert instance.box_xyxy_px == (x.min(), y.min(), x.max() + 1, y.max() + 1)
        assert instance.visib_fract == pytest.approx(seen.sum() / whole.sum(), abs=0.04)


def test_visible_masks_that_overlap_do_not_tell_what_is_visible(tmp_path):
    """Outlines written as mask_visib: what hides what is told by the models."""
    scene = write_small(tmp_path / "scene", [[small_pose(0), small_pose(1, x_mm=15.0, z_mm=200.0)]])
    write_said(scene, {})
    summary, dataset = take(scene)
    assert ["its mask_visib overlap one another" in text for text in texts(summary)] == [True]
    behind, before = dataset["000000"].instances
    assert behind.visib_fract < 0.5 < before.visib_fract == 1


def test_without_masks_what_hides_without_a_mesh_is_named(tmp_path):
    """The label is wrong there, and the summary says so."""
    scene = write_small(tmp_path / "scene", [[small_pose(0), small_pose(0, z_mm=200.0, obj_id=2)]])
    summary, dataset = take(scene)
    (misfit,) = summary.misfits
    assert misfit.detail.endswith(
        "not labelled, and whatever it hides of others is labelled as if it were seen"
    )
    assert dataset["000000"].instances[0].visib_fract == 1


def test_visible_masks_alone_tell_what_hides_from_what_contradicts(tmp_path):
    """Where only mask_visib is there, an object of the scene may hide; else the picture is refused, with both
    readings.
    """
    scene = write_small(tmp_path / "scene", [[small_pose(i), small_pose(i, obj_id=2)] for i in range(4)])
    hidden = {(i, 0): half_hidden(small_pose(i)) for i in range(4)}
    rest = {(i, 1): outline(small_pose(i)) & ~mask for (i, _), mask in hidden.items()}
    write_said(scene, hidden | rest, "mask_visib")
    summary, dataset = take(scene, "named")
    assert summary.n_instances == 4
    assert iou(dataset.load_mask(dataset["000002"]) == 1, hidden[2, 0]) == 1
    nothing = np.zeros(SMALL_WH[::-1], bool)
    write_said(scene, {(2, 0): hidden[2, 0]} | {(i, 1): nothing for i in range(4)}, "mask_visib")
    summary, _ = take(scene)
    assert [m.reason for m in summary.misfits if m.reason != "no model"] == ["contradicts its mask"]
    assert "is its pose right, or does something without a mesh hide it?" in str(summary.misfits)


def test_a_picture_that_contradicts_its_mask_is_refused_alone(tmp_path):
    """One wrong pose among right ones costs its picture."""
    scene = write_small(tmp_path / "scene", [[small_pose(i)] for i in range(4)])
    write_said(scene, {})
    truth, cameras = read_json(scene)
    truth["2"][0]["cam_t_m2c"][0] += 40
    write_json(scene, truth, cameras)
    summary, dataset = take(scene)
    assert [m.reason for m in summary.misfits] == ["contradicts its mask"]
    assert [s.name for s in dataset] == ["000000", "000001", "000003"]


def test_a_part_longer_than_the_picture_is_high_keeps_its_tight_box(tmp_path):
    """No 1:1 box lies around it in the image, and none is needed."""
    entry = small_pose(0, z_mm=110.0)
    summary, dataset = take(write_small(tmp_path / "scene", [[entry]]))
    (instance,) = dataset["000000"].instances
    assert summary.misfits == ()
    assert instance.square_xyxy_px is None
    y, x = np.nonzero(outline(entry))
    np.testing.assert_allclose(instance.box_xyxy_px, [x.min(), y.min(), x.max() + 1, y.max() + 1], atol=1)
