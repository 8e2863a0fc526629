"""Small sound folders of every kind that synth reads: what the fuzz begins from."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import trimesh
from dataset_scene import fill
from PIL import Image

from bop_scene import MODEL_INFO, small_pose, write_said, write_small
from synth.cell.load import DEFAULT_CELL, load_cell
from synth.dataset.exports.semantic import export_semantic
from synth.dataset.info import SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.store import DatasetWriter

SIZE_WH = (96, 72)
SEMANTIC = SemanticInfo(names=("cover", "bench"), colours=((220, 90, 20), (170, 170, 160)))
MESHES = ("part.stl", "part.obj", "part.ply", "part.glb", "part.gltf")


def write_all(root: Path) -> None:
    """dataset, bop, yolo, coco, pictures, semantic, translated and cells below ``root``."""
    fill(root / "dataset", 3, size_wh=SIZE_WH, semantic=SEMANTIC)
    with DatasetWriter.open(root / "dataset") as writer:
        writer.reject("000001", "by the test")
    assert len(DatasetReader(root / "dataset")) == 2
    write_small(root / "bop", [[small_pose(i)] for i in range(3)])
    write_said(root / "bop", {}, "mask mask_visib info")
    (root / "bop" / "models" / "models_info.json").write_text(json.dumps({"1": MODEL_INFO}))
    cv2.imwrite(str(root / "bop" / "depth" / "000001.tif"), np.full((48, 64), 250, np.float32))
    (root / "bop" / "depth" / "000001.png").unlink()
    write_labelled(root)
    write_semantic(root / "semantic")
    write_translated(root / "translated")
    write_cells(root / "cell")


def write_labelled(root: Path) -> None:
    """One picture with one orange object in three layouts: YOLO, COCO and without labels."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for folder in ("yolo/images", "yolo/labels", "coco/annotations", "coco/train", "pictures"):
        (root / folder).mkdir(parents=True)
    for i in range(3):
        picture = rng.integers(150, 170, (60, 80, 3), dtype=np.uint8)
        picture[20:40, 20 + i : 50 + i] = (20, 110, 230)
        for folder in ("yolo/images", "coco/train", "pictures"):
            cv2.imwrite(str(root / folder / f"{i:06d}.{'jpg' if i else 'png'}"), picture)
        box = [(35 + i) / 80, 0.5, 30 / 80, 20 / 60]
        (root / f"yolo/labels/{i:06d}.txt").write_text(" ".join(map(str, [0, *box])) + "\n")
        name = f"{i:06d}.{'jpg' if i else 'png'}"
        images.append({"id": i, "file_name": name, "width": 80, "height": 60})
        corners = [20 + i, 20, 50 + i, 20, 50 + i, 40, 20 + i, 40]
        runs = [(20 + i) * 60 + 20, *[20, 40] * 29, 20, (30 - i) * 60 + 20]
        shape = [corners] if i else {"size": [60, 80], "counts": runs}
        annotations.append(
            {"image_id": i, "category_id": 1, "bbox": [20 + i, 20, 30, 20], "segmentation": shape}
        )
    (root / "yolo/data.yaml").write_text("path: .\ntrain: images\nnames: [part]\n")
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "part"}]}
    (root / "coco/annotations/instances_train.json").write_text(json.dumps(content))


def write_semantic(root: Path) -> None:
    """Images with label maps of two classes and void: grey ones and, once, one with a palette of its own."""
    with TemporaryDirectory() as folder:
        dataset = Path(folder) / "dataset"
        fill(dataset, 3, size_wh=SIZE_WH, semantic=SEMANTIC)
        export_semantic(DatasetReader(dataset), root)
    path = sorted((root / "labels").iterdir())[-1]
    ids = np.array(Image.open(path))
    ids[:5] = SEMANTIC.void
    indexed = Image.fromarray(ids).convert("P")
    indexed.putpalette([value for colour in SEMANTIC.colours for value in colour])
    indexed.save(path)


def write_translated(root: Path) -> None:
    """A dataset, and its pictures a little darker as another program's translations."""
    fill(root / "dataset", 3, size_wh=SIZE_WH)
    (root / "pictures").mkdir()
    dataset = DatasetReader(root / "dataset")
    for sample in dataset:
        darker = (0.9 * dataset.load_rgb(sample)).astype(np.uint8)
        cv2.imwrite(str(root / f"pictures/{sample.name}.png"), darker[..., ::-1])


def write_cells(root: Path) -> None:
    """A cell for each format of mesh; the part is a box under the point of interest."""
    root.mkdir()
    text = DEFAULT_CELL.read_text(encoding="utf-8")
    body = trimesh.creation.box(extents=(60, 40, 22))
    body.apply_translation((0, 0, 11))
    for name in MESHES:
        folder = root / name.rpartition(".")[2]
        folder.mkdir()
        is_gltf = name.endswith(("glb", "gltf"))
        mesh = body.copy().apply_scale(0.001 if is_gltf else 1)
        if name.endswith(".gltf"):
            for file, content in trimesh.exchange.gltf.export_gltf(trimesh.Scene(mesh)).items():
                (folder / file.replace("model.gltf", name)).write_bytes(content)
        else:
            mesh.export(folder / name)
        cell = text.replace("bracket.stl", name).replace("mount.stl", name)
        if is_gltf:
            cell = cell.replace("units: mm", "units: m")
        (folder / "cell.yaml").write_text(cell, encoding="utf-8")
        load_cell(folder / "cell.yaml")
