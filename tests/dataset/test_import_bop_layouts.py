"""BOP scenes as others lay them out: names, numbers, sensors, units of models, and depth of every kind."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from typer.testing import CliRunner

from bop_scene import CORNERS_MM, SMALL_WH, outline, read_json, small_pose, texts, write_json, write_small
from synth.dataset.imports.bop import BopSettings, import_bop
from synth.dataset.imports.commands import app as import_app
from synth.dataset.imports.intake import Summary
from synth.dataset.reader import DatasetReader
from synth.errors import InputError


def take(folder: Path, sensor: str | None = None) -> tuple[Summary, DatasetReader]:
    out = folder.parent / f"out_{sensor}"
    summary = import_bop(BopSettings(folder, out, None, {}, None, None, "tight", {}, sensor=sensor))
    return summary, DatasetReader(out)


@pytest.fixture
def scene(tmp_path):
    """Two pictures of one object."""
    return write_small(tmp_path / "scene", [[small_pose(0)], [small_pose(1)]])


def demand_labels(summary: Summary, dataset: DatasetReader) -> None:
    """Both pictures, each with its object where it lies."""
    assert (summary.n_samples, summary.n_instances, summary.misfits) == (2, 2, ())
    for i, sample in enumerate(dataset):
        seen, whole = dataset.load_mask(sample) == 1, outline(small_pose(i))
        assert (seen & whole).sum() / (seen | whole).sum() > 0.9


@pytest.mark.parametrize("digits", [1, 4, 8])
def test_names_of_other_lengths_are_told_by_their_number(scene, digits):
    """Pictures and depth called 0, 0000 or 00000000."""
    for path in [*scene.glob("rgb/*"), *scene.glob("depth/*")]:
        path.rename(path.with_stem(f"{int(path.stem):0{digits}d}"))
    summary, dataset = take(scene)
    demand_labels(summary, dataset)
    assert dataset.load_depth_m(dataset["000001"]) is not None


def test_two_names_of_one_number_are_refused(scene):
    """Neither is taken for the other; the usual name stands above both."""
    whole = (scene / "rgb" / "000001.png").rename(scene / "rgb" / "1.png").read_bytes()
    (scene / "rgb" / "0001.png").write_bytes(whole)
    assert [m.reason for m in take(scene)[0].misfits] == ["named twice"]
    (scene / "rgb" / "000001.png").write_bytes(whole)
    assert take(scene, None)[0].n_samples == 2


@pytest.mark.parametrize("obj_id", ["1", "01", 1.0])
def test_object_numbers_written_otherwise_are_numbers(tmp_path, obj_id):
    """As text, or with a point."""
    truth = [[small_pose(i, obj_id=obj_id)] for i in range(2)]
    demand_labels(*take(write_small(tmp_path / "scene", truth)))


def test_a_glb_is_in_metres(scene):
    """As glTF says; the summary says so too, and the dataset's own record."""
    faces = trimesh.load_mesh(scene / "models" / "obj_000001.obj").faces
    mesh = trimesh.Trimesh(CORNERS_MM / 1000, faces, process=False)
    (scene / "models" / "obj_000001.obj").unlink()
    mesh.export(scene / "models" / "obj_000001.glb")
    summary, dataset = take(scene)
    demand_labels(summary, dataset)
    assert dataset.info.models[0].units == "m"
    assert "taken as metres" in texts(summary)[0]


def test_models_that_lie_elsewhere_are_pointed_to(scene):
    """models_eval and models_cad are not taken unasked."""
    (scene / "models").rename(scene / "models_eval")
    with pytest.raises(InputError, match=r"give --models .*models_eval$"):
        take(scene)


def to_sensor(scene: Path, sensor: str) -> None:
    """The scene's files, as of one sensor of several."""
    for path in [*scene.glob("scene_*.json"), scene / "rgb", scene / "depth"]:
        path.rename(path.with_stem(f"{path.stem}_{sensor}"))


def test_one_sensor_of_several_is_chosen_by_name(scene):
    """A single one needs no word; of two, neither is guessed; a wrong name is answered with the right."""
    with pytest.raises(InputError, match="has a sensor 'cam1': its files name none, leave --sensor out"):
        take(scene, "cam1")
    to_sensor(scene, "cam1")
    (scene / "scene_gt_info_cam1.json").write_text("{}")
    demand_labels(*take(scene))
    other = write_small(scene.parent / "other", [[small_pose(0)]])
    to_sensor(other, "cam2")
    for path in [p for p in other.iterdir() if p.name != "models"]:
        path.rename(scene / path.name)
    (scene.parent / "out_None").rename(scene.parent / "first")
    with pytest.raises(InputError, match=r"several sensors \(cam1, cam2\): choose one, such as --sensor"):
        take(scene)
    with pytest.raises(InputError, match="has a sensor 'cam3': there are cam1, cam2"):
        take(scene, "cam3")
    demand_labels(*take(scene, "cam1"))
    words = ("bop", str(scene), "--sensor", "cam2", "--out", str(scene.parent / "typed"))
    answer = CliRunner().invoke(import_app, words)
    assert "1 image (1 train, 0 val, 0 test), 1 new, with 1 labelled object." in answer.output, answer.output


def set_depth(scene: Path, number: int, values: np.ndarray, suffix: str, scale: float | None) -> None:
    """The depth of one picture, and what scene_camera.json says of its scale."""
    (scene / "depth" / f"{number:06d}.png").unlink()
    cv2.imwrite(str(scene / "depth" / f"{number:06d}{suffix}"), values)
    truth, cameras = read_json(scene)
    cameras[str(number)].pop("depth_scale", None)
    cameras[str(number)] |= {} if scale is None else {"depth_scale": scale}
    write_json(scene, truth, cameras)


def flat(value: float, dtype: type) -> np.ndarray:
    return np.full(SMALL_WH[::-1], value, dtype)


@pytest.mark.parametrize(
    ("values", "suffix", "scale", "words"),
    [
        (flat(2500, np.uint16), ".tif", 0.1, []),
        (
            flat(0.25, np.float32),
            ".tiff",
            1000.0,
            ["its depth is brought to 0.1 mm a count from 32-bit float"],
        ),
        (flat(250, np.float32), ".tif", 1.0, ["its depth is brought to 0.1 mm a count from 32-bit float"]),
        (flat(250, np.uint16), ".png", 1.0, ["its depth is brought to 0.1 mm a count"]),
    ],
)
def test_depth_of_other_kinds_and_scales_is_converted_truly(scene, values, suffix, scale, words):
    """16 bits and float in TIFF, metres and millimetres, and a scale of its own: all are 250 mm."""
    set_depth(scene, 1, values, suffix, scale)
    summary, dataset = take(scene)
    demand_labels(summary, dataset)
    for sample in dataset:
        np.testing.assert_allclose(dataset.load_depth_m(sample), 0.25, atol=1e-6)
    assert texts(summary) == words


def test_depth_is_converted_to_the_finer_of_two_scales_and_what_is_lost_is_named(scene):
    """Rounding, and depth beyond what 16 bits hold at that scale, is said; what is no number is missing."""
    values = flat(1001, np.uint16)
    values[0], values[47] = 10_000, 60_000
    set_depth(scene, 1, values, ".png", 0.25)
    set_depth(scene, 0, np.where(np.eye(48, 64) > 0, np.nan, 250).astype(np.float32), ".tif", 1.0)
    summary, dataset = take(scene)
    near, far = (dataset.load_depth_m(sample) for sample in dataset)
    assert near[0, 0] == 0
    assert near[0, 1] == pytest.approx(0.25)
    assert far[0, 0] == pytest.approx(2.5)
    assert far[1, 1] == pytest.approx(0.25025, abs=1e-4)
    assert far[47, 0] == 0
    assert set(texts(summary)) == {
        "its depth is brought to 0.1 mm a count from 32-bit float",
        "its depth is brought to 0.1 mm a count",
        "its depth is rounded by up to 0.05 mm",
        "its depth is left out where it is beyond 6.55 m",
    }


@pytest.mark.parametrize(
    ("values", "suffix", "scale", "words"),
    [
        (
            flat(2500, np.uint16),
            ".png",
            None,
            "scene_camera.json states no depth_scale, so its unit is unknown",
        ),
        (flat(25, np.uint8), ".png", 1.0, "its file is neither 16-bit grey nor 32-bit float"),
        (flat(2500, np.uint16)[::2], ".png", 0.1, "it has another size than its picture"),
        (
            flat(2500, np.uint16),
            ".png",
            1.0,
            "it is some 10 times that of the models, likely by another depth_scale",
        ),
        (
            flat(0.25, np.float32),
            ".tif",
            1.0,
            "it is some 0.001 times that of the models, likely by another depth_scale",
        ),
    ],
)
def test_depth_that_cannot_be_taken_costs_the_depth_alone(scene, values, suffix, scale, words):
    """Both pictures come in with their labels, one without depth, and the summary says why."""
    set_depth(scene, 1, values, suffix, scale)
    summary, dataset = take(scene)
    demand_labels(summary, dataset)
    assert [dataset.load_depth_m(sample) is None for sample in dataset] == [False, True]
    assert texts(summary) == [f"its depth is left out: {words}"]


def test_a_scene_without_any_depth_scale_keeps_its_pictures(tmp_path):
    """All come in, none with depth; how they were dealt is said."""
    scene = write_small(tmp_path / "scene", [[small_pose(0)], [small_pose(1)]], depth_scale=None)
    summary, dataset = take(scene)
    demand_labels(summary, dataset)
    assert dataset.info.camera.depth_scale_m is None
    assert any("neighbours stay together" in note.text for note in summary.notes)
    assert len(texts(summary)) == 2
