"""Whole silhouettes and what is seen of them in a BOP export, of boxes that can be counted by hand."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from dataset_scene import make_info

from synth.cell.mesh import read_mesh, to_ply
from synth.dataset.codecs import file_sha256
from synth.dataset.exports.bop import export_bop
from synth.dataset.info import ModelRecord
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.geometry import se3
from synth.geometry.mesh import Mesh
from synth.geometry.pinhole import Pinhole
from typed import synth

PART = Mesh.box([-0.10, -0.08, 0], [0.10, 0.08, 0.001])
"""20 columns and 16 rows where its front stands 0.64 m before `BOX_CAMERA`: 320 pixels."""

LID = Mesh.box([0, -0.06, 0], [0.10, 0.06, 0.001])
"""At 0.32 m 20 columns and 24 rows, to the right of the optical axis."""

BOX_CAMERA = Pinhole((64, 48), np.array([[64, 0, 31.5], [0, 64, 23.5], [0, 0, 1.0]]))


def box_shot(
    name: str, part_x_m: float, lid_m: float, depth_m: np.ndarray | None
) -> tuple[Draft, dict[str, Any]]:
    """A part in whose way a lid stands; its front is 0.64 m away,
    its middle ``part_x_m`` right of the axis."""
    poses = {"part": se3.make(np.eye(3), [part_x_m, 0, 0.64]), "lid": se3.make(np.eye(3), [0, 0, lid_m])}
    draft = Draft(
        name=name,
        split="train",
        size_wh=(64, 48),
        K=BOX_CAMERA.K,
        instances=tuple(
            Instance(class_name=c, box_xyxy_px=(22, 16, 42, 32), T_cam_part=T, visib_fract=0.75)
            for c, T in poses.items()
        ),
    )
    mask = np.zeros((48, 64), np.uint16)
    mask[16:32, 22:42] = 1
    mask[12:36, 32:52] = 2
    layers = {"image": np.full((48, 64, 3), int(name), np.uint8), "mask": mask}
    if depth_m is not None:
        layers["depth"] = np.rint(depth_m / 0.00025).astype(np.uint16)
    return draft, layers


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of part and lid: half hidden, cut off by the image, touching, hidden whole, without depth."""
    root = tmp_path_factory.mktemp("boxes")
    models = tuple(
        ModelRecord(
            class_name=name,
            mesh=f"models/{name}.ply",
            units="m",
            sha256=file_sha256(to_ply(mesh, "m")),
            point_part_m=(0, 0, 0),
        )
        for name, mesh in (("part", PART), ("lid", LID))
    )
    alone, half = np.full((48, 64), 0.64), np.full((48, 64), 0.64)
    half[12:36, 32:52] = 0.32
    half[:, 22:24] = 0  # Two columns of the part without a measurement.
    info = make_info((64, 48), classes=("part", "lid"), part=None, box_kind="tight", models=models)
    with DatasetWriter.create_or_resume(root / "set", info) as writer:
        writer.add_models({"models/part.ply": to_ply(PART, "m"), "models/lid.ply": to_ply(LID, "m")})
        for name, part_x_m, lid_m, depth_m in (
            ("000000", 0.0, 0.32, half),
            ("000001", -0.32, 0.32, half),
            ("000002", 0.0, 0.63, alone - 0.01),
            ("000003", 0.0, 0.32, alone - 0.02),
            ("000004", 0.0, 0.32, None),
        ):
            draft, layers = box_shot(name, part_x_m, lid_m, depth_m)
            writer.append(draft, layers=layers)
    export_bop(DatasetReader(root / "set"), root / "bop")
    return root / "bop"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, ([22, 16, 19, 15], [22, 16, 9, 15], 320, 320 - 32, 160, 0.5)),
        (1, ([-10, 16, 19, 15], [0, 16, 9, 15], 320, 160, 160, 0.5)),
        (2, ([22, 16, 19, 15], [22, 16, 19, 15], 320, 320, 320, 1.0)),
        (3, ([-1] * 4, [-1] * 4, 320, 320, 0, 0.0)),
        (4, ([22, 16, 19, 15], [22, 16, 9, 15], 320, None, 160, 0.5)),
    ],
)
def test_what_is_seen_is_counted_as_bop_toolkit_does(
    boxes: Path, number: int, expected: tuple[Any, ...]
) -> None:
    """Of a part of 320 pixels: half behind a lid, half outside of the image, behind what is 10 mm nearer,
    behind what is 20 mm nearer, and without depth, where the dataset's own mask counts.
    """
    scene = boxes / "train/000000"
    about = json.loads((scene / "scene_gt_info.json").read_text())[str(number)][0]
    keys = ("bbox_obj", "bbox_visib", "px_count_all", "px_count_valid", "px_count_visib", "visib_fract")
    assert tuple(about.get(key) for key in keys) == expected
    mask, visible = (
        cv2.imread(str(scene / f"{kind}/{number:06d}_000000.png"), cv2.IMREAD_UNCHANGED) > 0
        for kind in ("mask", "mask_visib")
    )
    assert (mask[16:32, :12] if number == 1 else mask[16:32, 22:42]).sum() == mask.sum()
    assert mask.sum() == (160 if number == 1 else 320)
    assert visible.sum() == about["px_count_visib"]
    assert not (visible & ~mask).any()


def test_a_class_without_a_mesh_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    """Only classes with a mesh have mask/ and whole counts; what is left out, and of which class, is said."""
    model = ModelRecord(
        class_name="part",
        mesh="models/part.ply",
        units="m",
        sha256=file_sha256(to_ply(PART, "m")),
        point_part_m=(0, 0, 0),
    )
    info = make_info((64, 48), classes=("part", "lid"), part=None, box_kind="tight", models=(model,))
    draft, layers = box_shot("000007", 0.0, 0.32, np.full((48, 64), 0.64))
    with DatasetWriter.create_or_resume(tmp_path / "set", info) as writer:
        writer.add_models({"models/part.ply": to_ply(PART, "m")})
        writer.append(draft, layers=layers)
    said = synth("dataset", "export", "bop", "set", "--out", "bop", cwd=tmp_path).stdout
    assert "left out for want of a mesh of lid: mask, px_count_all, px_count_valid, bbox_obj" in said
    scene = tmp_path / "bop/train/000000"
    assert [p.name for p in (scene / "mask").iterdir()] == ["000007_000000.png"]
    assert sorted(p.name for p in (scene / "mask_visib").iterdir()) == [
        "000007_000000.png",
        "000007_000001.png",
    ]
    part, lid = json.loads((scene / "scene_gt_info.json").read_text())["7"]
    assert part["px_count_all"] == 320
    assert lid == {"bbox_visib": [32, 12, 19, 23], "px_count_visib": 480, "visib_fract": 0.75}
    assert [p.name for p in sorted((tmp_path / "bop/models").iterdir())] == [
        "models_info.json",
        "obj_000001.ply",
    ]


def test_colours_of_models_stay(tmp_path: Path) -> None:
    """A mesh whose triangles have colours is read again with the same ones, vertex for vertex."""
    rgb = np.arange(len(PART.triangles) * 3, dtype=np.uint8).reshape(-1, 1, 3).repeat(3, axis=1)
    (tmp_path / "part.ply").write_bytes(to_ply(Mesh(PART.vertices_m, PART.triangles, rgb), "mm"))
    back = read_mesh(tmp_path / "part.ply", "mm").mesh
    corners = PART.vertices_m[PART.triangles]
    np.testing.assert_allclose(back.vertices_m[back.triangles], corners, atol=1e-7)
    np.testing.assert_array_equal(back.corner_rgb, rgb)
