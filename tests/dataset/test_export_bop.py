"""The BOP export, read with json, OpenCV and trimesh alone, its meshes projected again with numpy."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from dataset_scene import HALF_SIDE_M, fill, make_info, make_shot

from synth.cell.load import load_cell
from synth.cell.mesh import cad_sha256, load_bodies
from synth.dataset.codecs import file_sha256
from synth.dataset.exports.bop import export_bop
from synth.dataset.exports.bop_models import diameter
from synth.dataset.imports.bop import BopSettings, import_bop
from synth.dataset.info import ModelRecord, PartRecord
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter
from synth.errors import DatasetError, InputError
from synth.geometry import se3
from synth.geometry.pinhole import Pinhole

RING = np.ones((3, 3), np.uint8)
DIST = (0.4, -0.4, 0.002, -0.003, 0.1)
CORNERS_MM = 1000 * HALF_SIDE_M * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]])
PLATE = trimesh.Trimesh(CORNERS_MM, [[0, 1, 2], [0, 2, 3]], process=False).export(file_type="ply")


def make_plates(root: Path, **changes: Any) -> DatasetReader:
    """Twelve samples that bring the mesh of their plate along, in mm."""
    model = ModelRecord(
        class_name="cover",
        mesh="models/plate.ply",
        units="mm",
        sha256=file_sha256(PLATE),
        point_part_m=(0, 0, 0),
    )
    fill(root, 12, models=(model,), **changes)
    (root / "models").mkdir()
    (root / "models/plate.ply").write_bytes(PLATE)
    return DatasetReader(root)


def read_scene(scene: Path) -> list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Image number, camera, pose and information of every instance of a scene."""
    camera, truth, info = (
        json.loads((scene / f"scene_{name}.json").read_text()) for name in ("camera", "gt", "gt_info")
    )
    assert list(camera) == list(truth) == list(info)
    return [
        (number, camera[number], pose, about)
        for number in camera
        for pose, about in zip(truth[number], info[number], strict=True)
    ]


def project(points_mm: np.ndarray, camera: dict[str, Any], pose: dict[str, Any]) -> np.ndarray:
    """Pixels of model points, as BOP defines it: K · [R t] · p."""
    R, K = (np.reshape(m, (3, 3)) for m in (pose["cam_R_m2c"], camera["cam_K"]))
    points = (points_mm @ R.T + pose["cam_t_m2c"]) @ K.T
    return points[:, :2] / points[:, 2:]


def box_of_mask(path: Path) -> list[int]:
    """First column and row, last minus first, of the pixels that are 255."""
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(mask)) <= {0, 255}
    ys, xs = np.nonzero(mask)
    return [xs.min(), ys.min(), xs.max() - xs.min(), ys.max() - ys.min()]


def corners(xywh: list[int]) -> list[list[int]]:
    """First and last pixel of a box."""
    x, y, w, h = xywh
    return [[x, y], [x + w, y + h]]


def test_meshes_project_on_to_their_masks(tmp_path: Path) -> None:
    """The exported mesh, moved by the exported pose and seen by the exported K, covers mask and boxes."""
    scenes = export_bop(make_plates(tmp_path / "real"), tmp_path / "bop")
    vertices_mm = trimesh.load(tmp_path / "bop/models/obj_000001.ply", process=False).vertices
    np.testing.assert_allclose(vertices_mm, CORNERS_MM, atol=1e-4)
    n_seen = 0
    for scene in scenes:
        for number, camera, pose, about in read_scene(scene):
            assert pose["obj_id"] == 1
            pixels = project(vertices_mm, camera, pose)
            box = box_of_mask(scene / f"mask_visib/{int(number):06d}_000000.png")
            assert about["bbox_visib"] == box
            # A pixel is of the plate where its middle is, so that the tip of a sharp corner has none.
            np.testing.assert_allclose([pixels.min(axis=0), pixels.max(axis=0)], corners(box), atol=1.5)
            assert about["bbox_obj"] == box
            n_seen += 1
    assert n_seen == 12


def test_what_was_exported_is_imported_again(tmp_path: Path) -> None:
    """synth's own reader of BOP finds poses, splits, depth and, by ray casting, the boxes again."""
    dataset = make_plates(tmp_path / "real")
    export_bop(dataset, tmp_path / "bop")
    none: dict[str, Any] = {"models": None, "names": {}, "normal": None, "face": None, "splits": {}}
    import_bop(BopSettings(tmp_path / "bop", tmp_path / "back", box_kind="square", **none))
    back = DatasetReader(tmp_path / "back")
    in_order = [sample for split in ("test", "train", "val") for sample in dataset.of_split(split)]
    assert back.info.classes == ("cover",)
    for sample, before in zip(back, in_order, strict=True):
        assert (sample.split, sample.pixels_sha256) == (before.split, before.pixels_sha256)
        poses = [s.instances[0].T_cam_part for s in (sample, before)]
        np.testing.assert_allclose(*poses, atol=1e-9)
        np.testing.assert_allclose(sample.instances[0].box_xyxy_px, before.instances[0].box_xyxy_px, atol=1)
        np.testing.assert_array_equal(back.load_depth_m(sample), dataset.load_depth_m(before))


def test_cameras_depth_and_images_are_the_dataset_s(tmp_path: Path) -> None:
    """cam_R_w2c and cam_t_w2c undo T_base_cam, depth is in mm, images are byte for byte, splits stay."""
    dataset = make_plates(tmp_path / "real")
    found = {}
    for scene in export_bop(dataset, tmp_path / "bop"):
        for number, camera, pose, about in read_scene(scene):
            name = f"{int(number):06d}"
            sample = dataset[name]
            found[name] = scene.parent.name
            T_cam_base = se3.make(
                np.reshape(camera["cam_R_w2c"], (3, 3)), np.array(camera["cam_t_w2c"]) / 1000
            )
            np.testing.assert_allclose(T_cam_base @ np.asarray(sample.T_base_cam), np.eye(4), atol=1e-12)
            T_cam_part = se3.make(np.reshape(pose["cam_R_m2c"], (3, 3)), np.array(pose["cam_t_m2c"]) / 1000)
            np.testing.assert_allclose(T_cam_part, sample.instances[0].T_cam_part, atol=1e-12)
            depth = cv2.imread(str(scene / f"depth/{name}.png"), cv2.IMREAD_UNCHANGED)
            depth_m = dataset.load_depth_m(sample)
            np.testing.assert_allclose(depth * camera["depth_scale"], depth_m * 1000, rtol=1e-6)
            assert (scene / f"rgb/{name}.png").read_bytes() == (dataset.root / sample.image).read_bytes()
            mask = (dataset.load_mask(sample) == 1).astype(np.uint8)
            inner, outer = cv2.erode(mask, RING).sum(), cv2.dilate(mask, RING).sum()
            assert inner <= about["px_count_visib"] == about["px_count_all"] <= outer
            assert about["visib_fract"] == 1.0
    assert found == {s.name: s.split for s in dataset}


def test_the_keys_are_bop_s(tmp_path: Path) -> None:
    """The documented names, and none for what is not known."""
    (scene, *_) = export_bop(make_plates(tmp_path / "real"), tmp_path / "bop")
    _, camera, pose, about = read_scene(scene)[0]
    assert set(camera) == {"cam_K", "depth_scale", "cam_R_w2c", "cam_t_w2c"}
    assert set(pose) == {"cam_R_m2c", "cam_t_m2c", "obj_id", "name"}
    counts = {"px_count_all", "px_count_valid", "px_count_visib"}
    assert set(about) == {"bbox_obj", "bbox_visib", "visib_fract", *counts}
    (model,) = json.loads((tmp_path / "bop/models/models_info.json").read_text()).values()
    assert model == pytest.approx(
        {"diameter": 60 * 2**0.5, "min_x": -30, "min_y": -30, "min_z": 0}
        | {"size_x": 60, "size_y": 60, "size_z": 0},
        abs=1e-3,
    )
    assert "obj_id 1: cover" in (tmp_path / "bop/dataset_info.md").read_text()


def bent(draft: Any, arrays: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The shot as a lens with DIST shows it."""
    camera = Pinhole(draft.size_wh, np.asarray(draft.K), np.asarray(DIST))
    xy = (camera.rays @ camera.K.T)[..., :2].astype(np.float32)
    layers = {
        name: cv2.remap(arrays["layers"][name], xy, None, cv2.INTER_NEAREST) for name in ("image", "mask")
    }
    plain = draft.instances[0].model_copy(
        update=dict.fromkeys(("R_crop_cam", "normal_crop_uvw", "point_crop_xy"))
    )
    return draft.model_copy(update={"dist": DIST, "instances": (plain,)}), {"layers": layers}


def test_distorted_images_are_straightened(tmp_path: Path) -> None:
    """Straight masks and colours lie where the mesh projects without distortion; before, they did not."""
    rng, size_wh = np.random.default_rng(3), (640, 480)
    with DatasetWriter.create_or_resume(tmp_path / "real", make_info(size_wh)) as writer:
        for i in range(6):
            draft, arrays = bent(*make_shot(i, rng, size_wh))
            writer.append(draft, **arrays)
    dataset = DatasetReader(tmp_path / "real")
    (scene,) = export_bop(dataset, tmp_path / "bop", undistort=True)
    before, after = [], []
    for number, camera, pose, about in read_scene(scene):
        name = f"{int(number):06d}"
        pixels = project(CORNERS_MM, camera, pose)
        seen = np.array([pixels.min(axis=0), pixels.max(axis=0)])
        ys, xs = np.nonzero(dataset.load_mask(dataset[name]))
        box = box_of_mask(scene / f"mask_visib/{name}_000000.png")
        rgb = cv2.imread(str(scene / f"rgb/{name}.png")).astype(int)
        ys_blue, xs_blue = np.nonzero(rgb[..., 2] + 25 < rgb[..., 0])
        before.append(np.abs(seen[0] - [xs.min(), ys.min()]).max())
        after.append(np.abs(seen - corners(box)).max())
        assert about["bbox_visib"] == box
        np.testing.assert_allclose([xs_blue.min(), ys_blue.min()], box[:2], atol=1)
    assert max(after) <= 1.5
    assert max(before) > 3


def test_what_bop_cannot_say_is_refused(tmp_path: Path) -> None:
    """Distortion without being asked, no pose, no K, distorted boxes without masks: one sentence each."""
    draft, arrays = make_shot(0, np.random.default_rng(0))
    instance = draft.instances[0].model_copy(
        update=dict.fromkeys(("R_crop_cam", "normal_crop_uvw", "point_crop_xy"))
    )
    draft = draft.model_copy(update={"instances": (instance,)})
    unposed = instance.model_copy(update={"T_cam_part": None})
    cases = [
        ({"dist": DIST}, False, "add --undistort"),
        ({"dist": DIST}, True, "has no mask"),
        ({"instances": (unposed,)}, False, "BOP is about poses"),
        ({"K": None}, False, "has no K"),
    ]
    for i, (change, undistort, sentence) in enumerate(cases):
        with DatasetWriter.create_or_resume(tmp_path / f"{i}", make_info()) as writer:
            writer.append(draft.model_copy(update=change), layers={"image": arrays["layers"]["image"]})
        with pytest.raises(InputError, match=sentence):
            export_bop(DatasetReader(tmp_path / f"{i}"), tmp_path / "bop", undistort=undistort)
    assert not (tmp_path / "bop").exists()


def test_the_mesh_may_come_from_the_cell(tmp_path: Path) -> None:
    """The cell that made the dataset gives its part in mm; another one is refused."""
    cell = load_cell()
    part = PartRecord(name="cover", cad_sha256=cad_sha256(cell))
    fill(tmp_path / "real", 3, part=part)
    export_bop(DatasetReader(tmp_path / "real"), tmp_path / "bop", cell=cell)
    (model,) = json.loads((tmp_path / "bop/models/models_info.json").read_text()).values()
    vertices_mm = load_bodies(cell).part.vertices_m * 1000
    pairs = np.linalg.norm(vertices_mm[:, None] - vertices_mm, axis=-1)
    assert model["diameter"] == pytest.approx(pairs.max())
    assert [model[f"size_{a}"] for a in "xyz"] == pytest.approx(np.ptp(vertices_mm, axis=0).tolist())
    fill(tmp_path / "other", 3)
    with pytest.raises(InputError, match="not the one that"):
        export_bop(DatasetReader(tmp_path / "other"), tmp_path / "no", cell=cell)


def test_without_a_mesh_there_are_no_models(filled: Path, tmp_path: Path) -> None:
    """Poses are written all the same; models/ and bbox_obj are left out."""
    (scene, *_) = export_bop(DatasetReader(filled), tmp_path / "bop")
    assert not (tmp_path / "bop/models").exists()
    assert set(read_scene(scene)[0][3]) == {"bbox_visib", "px_count_visib", "visib_fract"}
    assert not (scene / "mask").exists()
    assert "no mesh" in (tmp_path / "bop/dataset_info.md").read_text()


def test_a_changed_mesh_is_noticed(tmp_path: Path) -> None:
    """A model that is not the one of dataset.json stops the export."""
    dataset = make_plates(tmp_path / "real")
    (tmp_path / "real/models/plate.ply").write_bytes(PLATE.replace(b"comment", b"Comment"))
    with pytest.raises((DatasetError, InputError), match=r"plate\.ply"):
        export_bop(dataset, tmp_path / "bop")


def test_the_diameter_is_between_any_two_vertices() -> None:
    """That of a cloud of many more corners than are compared at once is that of the farthest pair."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    farthest = max(float(np.linalg.norm(points - p, axis=1).max()) for p in points)
    assert diameter(points) == pytest.approx(farthest)
