"""A folder of templates, and frames to lay them into, small enough to be made in an instant."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter

SIZE_WH = (200, 150)
SHAPES = {
    "01_yield": np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]),
    "02_bar": np.array([[0.0, 0.3], [1.0, 0.3], [1.0, 0.7], [0.0, 0.7]]),
}
"""Corners of each template, fractions of its picture."""

COLOURS = {"01_yield": (220, 200, 30), "02_bar": (20, 60, 200)}


def draw_template(corners: np.ndarray, colour: tuple[int, int, int], side: int = 96) -> np.ndarray:
    """RGBA of a polygon, its edges averaged over 8×8 samples a pixel; a black bar across it."""
    fine = np.zeros((side * 8, side * 8), np.uint8)
    cv2.fillPoly(fine, [np.round(corners * side * 8 - 0.5).astype(np.int32)], 255)
    alpha = fine.reshape(side, 8, side, 8).mean(axis=(1, 3))
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = colour, np.round(alpha)
    rgba[side * 9 // 20 : side * 11 // 20, side // 3 : side * 2 // 3, :3] = 5
    return rgba


def write_templates(folder: Path) -> Path:
    """One PNG with alpha a class, yield and bar."""
    folder.mkdir(parents=True)
    for name, corners in SHAPES.items():
        Image.fromarray(draw_template(corners, COLOURS[name])).save(folder / f"{name}.png")
    return folder


def frame(rng: np.random.Generator) -> np.ndarray:
    """A wall of some brightness with grain."""
    wall = rng.uniform(60, 190) + np.linspace(-20, 20, SIZE_WH[0])[None, :, None]
    return np.clip(wall + rng.normal(0, 2, (*SIZE_WH[::-1], 3)), 0, 255).astype(np.uint8)


def write_frames(root: Path, splits: tuple[str, ...] = ("train", "train", "val", "test")) -> DatasetReader:
    """Photographs of which each shows one bar on the left, in a box of 40×16 px; a film a split."""
    rng = np.random.default_rng(5)
    sign = draw_template(SHAPES["02_bar"], COLOURS["02_bar"], 40)[12:28]
    info = DatasetInfo(
        kind="imported",
        classes=("bar", "yield"),
        box_kind="tight",
        made_by=MadeBy(verb="import yolo", simulated=False),
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(splits):
            rgb_u8 = frame(rng)
            rgb_u8[40:56, 10:50] = sign[..., :3]
            box = (10.0, 40.0, 50.0, 56.0)
            instance = Instance(class_name="bar", box_xyxy_px=box, visib_fract=1.0)
            draft = Draft(name=f"{i:06d}", split=split, group=split, size_wh=SIZE_WH, instances=(instance,))
            writer.append(draft, layers={"image": rgb_u8})
    return DatasetReader(root)
