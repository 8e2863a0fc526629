"""Where hard_composites.py trains and tests: the simulated cell, table_nuts by surface, and groceries."""

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from hard_scenes import SCENES, write_cell
from numpy.typing import NDArray
from photographs import NUTS, Fold

from synth.dataset.reader import DatasetReader

Words = tuple[str, ...]
REAL = "real"
"""The folder of the pictures that parts are cut from and the base learns from."""


class Place(Protocol):
    """Pictures of one kind; subclass it.

    folder: its name as a folder. test: the dataset whose test images are measured on. base_images, images:
    that the base, and each training that goes on from it, sees. count: composites. cycles: of random-hard
    and learned.
    """

    name: str
    test: str
    base_images: int
    images: int
    count: int
    cycles: int = 3

    @property
    def folder(self) -> str:
        """Its name as a folder."""
        return self.name.replace(" ", "_").replace(",", "")

    def prepare(self, data: Path, folder: Path) -> Iterator[Words]:
        """Write what is read, and give the commands that make ``REAL`` and ``test``, in order."""
        ...


class Cell(Place):
    """n_captures: ordinary ones. n_hard: of each hard scene."""

    name, test = "simulated cell", "hard"

    def __init__(self, *, tiny: bool) -> None:
        self.n_captures, self.n_hard = (10, 2) if tiny else (60, 20)
        self.base_images, self.images, self.count = (32, 32, 10) if tiny else (2400, 1200, 240)
        self.cycles = 1 if tiny else self.cycles

    def prepare(self, data: Path, folder: Path) -> Iterator[Words]:
        """Ordinary captures, a fifth of them val; then one hard scene after the other, all of it test."""
        write_cell(folder / "cells/ordinary")
        yield _capture("ordinary", self.n_captures, 0, "--plates", "3")
        samples = DatasetReader(folder / "captured/ordinary").samples
        splits = [(sample.name, "val" if i % 5 == 4 else "train") for i, sample in enumerate(samples)]
        _write_table(folder / "splits.csv", [("image", "split"), *splits])
        yield ("dataset", "split", "captured/ordinary", "--by", "splits.csv", "--out", REAL)
        for scene in SCENES:
            write_cell(folder / f"cells/{scene.name}", scene.values, scene.truth)
            yield _capture(scene.name, self.n_hard, scene.seed, "--plates", "0", "--label", "cad")
            every = f"0-{self.n_hard - 1}"
            yield (
                *("dataset", "split", f"captured/{scene.name}"),
                *("--test", every, "--out", f"tests/{scene.name}"),
            )
        yield ("dataset", "merge", *(f"tests/{scene.name}" for scene in SCENES), "--out", self.test)


def _capture(name: str, n: int, seed: int, *words: str) -> Words:
    cell = ("--cell", f"cells/{name}/cell.yaml", "--seed", str(seed), "--pace", "100", "--yes")
    return ("capture", "--poses", str(n), *cell, *words, "--out", f"captured/{name}")


class Nuts(Place):
    """One surface of table_nuts tests, the others train.

    The 11 photographs, by eye: white towel 2, 5, 6, 8, 9; clear tray 0 (on stone), 3 (on the towel), 14 (on
    blue cloth); blue cloths 11, 12, 16. A picture of a tray on the cloth that tests is left out. 109 objects.
    """

    test = REAL

    def __init__(self, fold: Fold, *, tiny: bool) -> None:
        self.name, self._fold = f"nuts, {fold.name}", fold
        self.base_images, self.images, self.count = (32, 32, 6) if tiny else (2400, 600, 120)
        self.cycles = 1 if tiny else 2

    def prepare(self, data: Path, folder: Path) -> Iterator[Words]:
        """One import."""
        yield ("import", "coco", str((data / "table_nuts").resolve()), *self._fold.words, "--out", REAL)


@dataclass(frozen=True)
class _View:
    """An RGBA picture [H,W,4] of a grocery."""

    name: str
    rgba_u8: NDArray[np.uint8]


class Groceries(Place):
    """cutpaste_objects: cut-outs of four groceries, one a picture, upright on three of the five backgrounds.

    It has no photograph with a grocery in it, though the import calls these pictures photographed. What tests
    are other views, laid by chance on the other two backgrounds: that trainings run can be seen, and not what
    they are worth.
    """

    name, test = "groceries", REAL

    def __init__(self, *, tiny: bool) -> None:
        self.base_images, self.images, self.count = (32, 32, 6) if tiny else (2400, 1200, 240)
        self.cycles = 1 if tiny else self.cycles

    def prepare(self, data: Path, folder: Path) -> Iterator[Words]:
        """Pictures with polygons, then one import."""
        parts = _write_groceries(data / "cutpaste_objects", folder / "groceries")
        words = [word for part, numbers in parts.items() for word in (f"--{part}", numbers)]
        yield ("import", "coco", "groceries", *words, "--out", REAL)


SIDE_PX, GROCERY_PX, N_EACH = 480, 150, 6
_PLACES = {"train": slice(0, 3), "val": slice(0, 3), "test": slice(3, 5)}


def _write_groceries(source: Path, out: Path) -> dict[str, str]:
    """A COCO folder; numbers of its pictures by split, as ``synth import`` takes them. Of each grocery the
    first view trains and chooses, the last one tests.
    """
    shutil.rmtree(out, ignore_errors=True)
    (out / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    backgrounds = [_fit(_read(path)) for path in sorted((source / "backgrounds").iterdir())]
    classes = sorted(path.name for path in (source / "objects").iterdir())
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    parts: dict[str, str] = {}
    for part, where in _PLACES.items():
        first = len(images)
        for category, name in enumerate(classes, start=1):
            views = sorted((source / "objects" / name).iterdir())
            view = _read(views[-1] if part == "test" else views[0])
            for _ in range(2 if part == "val" else N_EACH):
                background = backgrounds[where][rng.integers(len(backgrounds[where]))]
                picture, polygon = _lay(background, view, rng)
                number = len(images)
                cv2.imwrite(str(out / f"images/{number:03d}.png"), picture)
                images.append(
                    {"id": number, "file_name": f"{number:03d}.png", "width": SIDE_PX, "height": SIDE_PX}
                )
                annotations.append(_annotate(number, category, polygon))
        parts[part] = f"{first}-{len(images) - 1}"
    coco = {"images": images, "annotations": annotations}
    coco["categories"] = [{"id": i, "name": name} for i, name in enumerate(classes, start=1)]
    (out / "annotations.json").write_text(json.dumps(coco))
    return parts


def _read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def _fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle square of a background."""
    side = min(picture.shape[:2])
    y, x = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    middle = picture[y : y + side, x : x + side, :3]
    return np.asarray(cv2.resize(middle, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _lay(
    background: NDArray[np.uint8], view: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """A picture and the outline [V,2] of what lies in it."""
    scale = GROCERY_PX * rng.uniform(0.7, 1.3) / max(view.shape[:2])
    small = cv2.resize(view, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    y, x = (int(rng.integers(SIDE_PX - side)) for side in small.shape[:2])
    alpha = small[..., 3:] / 255.0
    picture = background.copy()
    window = picture[y : y + small.shape[0], x : x + small.shape[1]]
    window[:] = np.rint(alpha * small[..., :3] + (1 - alpha) * window)
    mask = (alpha[..., 0] > 0.5).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(outlines, key=cv2.contourArea)[:, 0] + [x, y]
    return picture, np.asarray(outline, np.int32)


def _annotate(image: int, category: int, polygon: NDArray[np.int32]) -> dict[str, Any]:
    x, y, w, h = cv2.boundingRect(polygon)
    return {
        "id": image + 1,
        "image_id": image,
        "category_id": category,
        "segmentation": [polygon.ravel().tolist()],
        "bbox": [x, y, w, h],
        "area": float(cv2.contourArea(polygon)),
        "iscrowd": 0,
    }


def _write_table(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def list_places(*, tiny: bool) -> dict[str, tuple[Place, ...]]:
    """Places by plan; the cell first."""
    cell, nuts = Cell(tiny=tiny), tuple(Nuts(fold, tiny=tiny) for fold in NUTS.folds)
    return {
        "main": (cell, *nuts),
        "ablation": (cell, *nuts),
        "bins": (cell, *nuts),
        "groceries": (Groceries(tiny=tiny),),
    }
