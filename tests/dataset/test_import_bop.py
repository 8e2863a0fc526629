"""BOP scenes become datasets: labels lie where the models project, and nothing wrong comes in unsaid."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bop_scene import SIZE_WH, K, pose, project, read_json, texts, write_model, write_scene
from synth.dataset.commands import app as dataset_app
from synth.dataset.imports.bop import BopSettings, import_bop
from synth.dataset.imports.commands import app as import_app
from synth.dataset.imports.intake import Summary
from synth.dataset.reader import DatasetReader
from synth.dataset.verify import verify
from synth.errors import DatasetError, InputError


def take(folder: Path, out: Path, **changes: object) -> Summary:
    settings = {
        "models": None,
        "names": {},
        "normal": None,
        "face": None,
        "box_kind": "tight",
        "splits": {},
        **changes,
    }
    return import_bop(BopSettings(folder=folder, out=out, **settings))  # type: ignore[arg-type]


def test_boxes_lie_where_the_model_projects(tmp_path):
    """Within a pixel of the projected corners, whole, and the set holds up to its own checks."""
    summary = take(write_scene(tmp_path / "scene"), tmp_path / "out")
    dataset = DatasetReader(tmp_path / "out")
    assert (summary.n_samples, summary.n_instances, summary.misfits) == (8, 8, ())
    for i, sample in enumerate(dataset):
        (instance,) = sample.instances
        np.testing.assert_allclose(instance.box_xyxy_px, project(pose(i)), atol=1.0)
        assert instance.visib_fract == 1.0
        assert int((dataset.load_mask(sample) == 1).sum()) > 2000
        np.testing.assert_allclose(dataset.load_depth_m(sample), 0.7, atol=1e-6)
    assert verify(tmp_path / "out") == []
    model = tmp_path / "out" / "models" / "obj_000001.obj"
    model.write_text(model.read_text() + "# changed\n")
    assert [finding.where for finding in verify(tmp_path / "out")] == ["models/obj_000001.obj"]


def test_pictures_and_depth_are_linked_not_copied(tmp_path):
    """An import of photographs that fit takes no room twice."""
    scene = write_scene(tmp_path / "scene")
    take(scene, tmp_path / "out")
    for kind, folder in (("rgb", "images"), ("depth", "depth")):
        source, target = (p / "000003.png" for p in (scene / kind, tmp_path / "out" / folder))
        assert source.samefile(target)


def test_the_same_command_again_changes_nothing(tmp_path):
    """What stands is neither written nor refused twice; other settings are told apart."""
    scene = write_scene(tmp_path / "scene")
    (scene / "rgb" / "000002.png").unlink()
    first = take(scene, tmp_path / "out")
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    second = take(scene, tmp_path / "out")
    assert (first.n_new, second.n_new) == (7, 0)
    assert before == {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    with pytest.raises(DatasetError, match="normal"):
        take(scene, tmp_path / "out", normal=(0, 0, 1))


def test_a_part_before_another_hides_it(tmp_path):
    """Visible shares come from casting rays on to all models at once; the mask belongs to the nearer one."""
    scene = write_scene(tmp_path / "scene", 3)
    truth, _ = read_json(scene)
    level = {"cam_R_m2c": np.eye(3).ravel().tolist(), "obj_id": 1}
    truth["0"] = [
        level | {"cam_t_m2c": [0.0, 0.0, 600.0]},
        level | {"cam_t_m2c": [40.0, 0.0, 500.0]},  # Its left edge, 80 mm wide, hides x > 0 of the other.
    ]
    (scene / "scene_gt.json").write_text(json.dumps(truth))
    take(scene, tmp_path / "out")
    behind, before = DatasetReader(tmp_path / "out")["000000"].instances
    assert before.visib_fract == 1.0
    assert behind.visib_fract == pytest.approx(0.5, abs=0.02)
    assert behind.box_xyxy_px[2] == pytest.approx(160.5, abs=1.0)


def test_normals_are_those_of_an_axis_or_of_a_face(tmp_path):
    """An axis is turned as the model is; the face under a point gives its own normal and is the point."""
    scene = write_scene(tmp_path / "scene")
    take(scene, tmp_path / "axis", normal=(0, 0, -2))
    take(scene, tmp_path / "face", face=(5.0, 5.0, -15.0))
    for name in ("axis", "face"):
        for i, sample in enumerate(DatasetReader(tmp_path / name)):
            R = np.reshape(pose(i)["cam_R_m2c"], (3, 3))
            u, v, w = sample.instances[0].normal_uvw
            np.testing.assert_allclose([u, -v, -w], R @ [0, 0, -1], atol=1e-9)
            assert sample.instances[0].crop is not None
    x, y = DatasetReader(tmp_path / "face")["000000"].instances[0].point_xy
    R, t = np.reshape(pose(0)["cam_R_m2c"], (3, 3)), np.asarray(pose(0)["cam_t_m2c"])
    point = R @ [5, 5, -15] + t
    np.testing.assert_allclose(
        [x * SIZE_WH[0], y * SIZE_WH[1]], point[:2] / point[2] * 400 + [160.5, 120.5], atol=1e-6
    )
    with pytest.raises(InputError, match=r"2 mm away.*--face takes these numbers in millimetres"):
        take(scene, tmp_path / "off", face=(0.0, 0.0, 0.0))


def test_splits_are_blocks_or_what_is_asked_for(tmp_path):
    """Neighbours of a film stay together; ranges choose, and what none names is left out."""
    scene = write_scene(tmp_path / "scene")
    take(scene, tmp_path / "blocks")
    assert [s.split for s in DatasetReader(tmp_path / "blocks")] == [*["train"] * 5, "val", *["test"] * 2]
    take(scene, tmp_path / "asked", splits={"train": "0-2", "val": "3", "test": "6-7"})
    found = {int(s.name): s.split for s in DatasetReader(tmp_path / "asked")}
    assert found == {0: "train", 1: "train", 2: "train", 3: "val", 6: "test", 7: "test"}
    for wrong in ({"train": "0-3", "val": "3"}, {"train": "90"}, {"train": "a"}, {"train": "5-2"}):
        with pytest.raises(InputError):
            take(scene, tmp_path / "wrong", splits=wrong)
    assert not (tmp_path / "wrong").exists()


def test_scenes_of_a_whole_set_keep_the_splits_of_their_folders(tmp_path):
    """train/000000 trains, test/000001 tests, models lie above both."""
    for name in ("train/000000", "val/000000", "test/000001"):
        (tmp_path / "set" / name).mkdir(parents=True)
        write_scene(tmp_path / "set" / name, 2)
    write_model(tmp_path / "set" / "models" / "obj_000001.obj")
    rng = np.random.default_rng(5)  # Pictures that differ between scenes.
    for path in sorted((tmp_path / "set").glob("*/*/rgb/*.png")):
        cv2.imwrite(str(path), rng.integers(0, 256, (*SIZE_WH[::-1], 3), dtype=np.uint8))
    take(tmp_path / "set", tmp_path / "out")
    assert sorted(s.split for s in DatasetReader(tmp_path / "out")) == [
        *["test"] * 2,
        *["train"] * 2,
        *["val"] * 2,
    ]


def plant_faults(scene: Path) -> dict[str, str]:
    """Faults, one a picture; what is wrong with each picture that one costs, by the name of the thing."""
    truth, cameras = read_json(scene)
    (scene / "rgb" / "000000.png").unlink()
    whole = (scene / "rgb" / "000001.png").read_bytes()
    (scene / "rgb" / "000001.png").write_bytes(whole[: len(whole) // 2])
    del cameras["2"]
    cameras["3"]["cam_K"] = K[:8]
    truth["4"][0]["cam_t_m2c"] = [t / 1000 for t in truth["4"][0]["cam_t_m2c"]]
    truth["5"][0]["cam_R_m2c"] = (2 * np.asarray(truth["5"][0]["cam_R_m2c"])).tolist()
    truth["6"][0]["cam_t_m2c"] = [3000.0, 0.0, 600.0]
    truth["7"][0]["cam_t_m2c"] = [0.0, 0.0, -600.0]
    truth["8"][0]["obj_id"] = 9
    cv2.imwrite(str(scene / "depth" / "000009.png"), np.full((120, 160), 6000, np.uint16))
    (scene / "rgb" / "000010.png").write_bytes((scene / "rgb" / "000011.png").read_bytes())
    del truth["12"]
    truth["13"] = {"obj_id": 1}
    (scene / "scene_gt.json").write_text(json.dumps(truth))
    (scene / "scene_camera.json").write_text(json.dumps(cameras))
    return {
        "picture 0": "no picture",
        "picture 1": "unreadable",
        "picture 2": "no K",
        "picture 3": "malformed",
        "picture 4": "units",
        "picture 5": "no rotation",
        "picture 6": "out of view",
        "picture 7": "behind the camera",
        "picture 8": "no model",
        "rgb/000011.png": "same picture",
        "rgb/000012.png": "no label",
        "picture 13": "malformed",
    }


def test_each_planted_fault_is_named_and_the_rest_comes_in(tmp_path):
    """Every fault with its picture and its own reason, in the summary and in the dataset's own log."""
    scene = write_scene(tmp_path / "scene", 16)
    expected = plant_faults(scene)
    summary = take(scene, tmp_path / "out")
    found = {where: m.reason for m in summary.misfits for where in expected if f"{where}," in f"{m.where},"}
    assert found == expected
    assert len(summary.misfits) == len(expected)
    dataset = DatasetReader(tmp_path / "out")
    # Picture 8 has no object that is known, and stands as a background; 9 loses its depth alone.
    assert [int(s.name) for s in dataset] == [8, 9, 10, 14, 15]
    assert texts(summary) == ["its depth is left out: it has another size than its picture"]
    assert {r.reason for r in dataset.rejections} == set(expected.values())
    assert all(str(m) in {r.detail for r in dataset.rejections} for m in summary.misfits)
    assert verify(tmp_path / "out") == []


def put_pipe(path):
    """A pipe that nobody writes to: reading it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        (lambda s: (s / "scene_gt.json").write_text("{"), "scene_gt.json"),
        (lambda s: (s / "scene_gt.json").write_text("[]"), "must map"),
        (lambda s: (s / "scene_gt.json").write_text("[" * 100_000), "scene_gt.json"),
        (lambda s: (s / "scene_camera.json").unlink(), "scene_camera.json is missing"),
        (lambda s: put_pipe(s / "scene_camera.json"), "scene_camera.json is missing, or is no plain file"),
        (lambda s: (s / "scene_gt.json").unlink(), "no BOP scene"),
        (lambda s: (s / "models" / "obj_000001.obj").unlink(), "give --models"),
        (lambda s: (s / "models" / "obj_000001.obj").write_text("v 0 0 0\n"), "no triangles"),
        (lambda s: write_model(s / "models" / "obj_000001.obj", 0.001), "if its units are millimetres"),
    ],
)
def test_a_scene_that_is_none_leaves_nothing_behind(tmp_path, spoil, hint):
    """One sentence that names the file; no dataset is begun."""
    scene = write_scene(tmp_path / "scene", 3)
    spoil(scene)
    with pytest.raises(InputError, match=hint):
        take(scene, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_picture_that_leads_out_of_the_scene_is_refused(tmp_path):
    """A link to somewhere else is not followed."""
    scene = write_scene(tmp_path / "scene", 4)
    secret = tmp_path / "secret.png"
    (scene / "rgb" / "000001.png").rename(secret)
    (scene / "rgb" / "000001.png").symlink_to(secret)
    summary = take(scene, tmp_path / "out")
    assert [m.reason for m in summary.misfits] == ["unreadable"]
    assert "leads out of" in str(summary.misfits[0])


@pytest.mark.parametrize("format_name", ["bop", "yolo", "coco"])
def test_what_an_export_says_is_simulated_stays_so(format_name, tmp_path):
    """Pictures of the simulated cell do not turn real by going out and in again."""
    take(write_scene(tmp_path / "scene", 3), tmp_path / "first")
    info = (tmp_path / "first" / "dataset.json").read_text()
    assert not DatasetReader(tmp_path / "first").info.made_by.simulated
    for is_simulated in (False, True):
        text = info.replace('"simulated": false', f'"simulated": {str(is_simulated).lower()}')
        (tmp_path / "first" / "dataset.json").write_text(text)
        out, again = tmp_path / f"out_{is_simulated}", tmp_path / f"again_{is_simulated}"
        runner = CliRunner()
        words = ("export", format_name, str(tmp_path / "first"), "--out", str(out))
        assert runner.invoke(dataset_app, words).exit_code == 0
        answer = runner.invoke(import_app, (format_name, str(out), "--out", str(again)))
        assert answer.exit_code == 0, answer.output
        assert DatasetReader(again).info.made_by.simulated is is_simulated
        log = again.with_name(f"{again.name}.log").read_text()
        assert f'"folder": "{out}"' in log
        assert "3 images" in log


def test_an_import_of_nothing_can_be_tried_again(tmp_path):
    """Every reason is told once with its count, and no folder stays that would refuse other settings."""
    scene = write_scene(tmp_path / "scene", 3)
    for picture in (scene / "rgb").iterdir():
        if picture.stem != "000000":
            picture.write_bytes(b"")
    truth, _ = read_json(scene)
    truth["0"][0]["cam_t_m2c"] = [0.0, 0.0, -600.0]
    (scene / "scene_gt.json").write_text(json.dumps(truth))
    reasons = r"3 things do not fit\n.*behind the camera \(1\).*\n.*unreadable \(2\)"
    with pytest.raises(InputError, match=reasons):
        take(scene, tmp_path / "out")
    assert not (tmp_path / "out").exists()
