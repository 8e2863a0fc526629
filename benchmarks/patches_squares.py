"""Squares of composites and captures of the simulated world, for patches.py.

A world is one bench: its texture, its noise, five plates of it, and poses of its own.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.capture.run import make_plan
from synth.capture.settings import CaptureSettings
from synth.cell.load import load_cell
from synth.cell.mesh import load_bodies
from synth.dataset.codecs import Rgb
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.geometry.boxes import Mask, square_box, tight_box
from synth.hardware.simulated.truth import load_truth
from synth.hardware.simulated.world import World
from synth.sim.bench_patches import Patch
from synth.sim.composite import Composite, Compositor
from synth.sim.cutting_table import open_cutting_table
from synth.sim.ingredients import Ingredients
from synth.sim.placing.random import deal
from synth.sim.placing.ranges import Ranges

SIZE_WH, SIDE = (480, 270), 64
EXPOSURE_US, GAIN, WHITE_BALANCE_K = 15600, 64, 5200
N_PLATES, N_CUT, N_LEFT = 5, 8, 8
MOST = 500  # Composites a world.
RIM_PX = 3

Squares = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shown:
    """What a network is shown: squares [N,64,64,3], and which picture each is of [N]."""

    squares: Squares
    pictures: NDArray[np.int64]

    @staticmethod
    def of(pairs: list[tuple[Rgb, int]]) -> "Shown":
        """Of squares, each with the number of its picture."""
        return Shown(np.array([square for square, _ in pairs]), np.array([i for _, i in pairs]))


@dataclass(frozen=True, eq=False)
class Captured:
    """One world: the dataset that parts are cut out of, and pictures with masks of which none is."""

    dataset: DatasetReader
    left: list[tuple[Rgb, Mask]]


def shoot(seed: int, out: Path) -> Captured:
    """A world's plates and captures; labels are the simulator's own truth."""
    cell = load_cell(None)
    bodies = load_bodies(cell)
    plan = make_plan(CaptureSettings(cell=cell, out=out, n_poses=N_CUT + N_LEFT, seed=seed), bodies)
    camera = cell.camera.model_copy(update={"color_size_wh": SIZE_WH})
    world = World(cell.model_copy(update={"camera": camera}), bodies, load_truth(cell), seed=seed)

    def expose(q_rad: NDArray[np.float64], key: int) -> Rgb:
        return world.expose(world.color(q_rad), EXPOSURE_US, GAIN, WHITE_BALANCE_K, (key,))

    info = DatasetInfo(
        kind="real", classes=(cell.part.class_name,), made_by=MadeBy(verb="benchmark", simulated=True)
    )
    root, left = out / f"world_{seed}", []
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i in range(N_PLATES):
            writer.add_plate(expose(np.asarray(cell.robot.park_q_rad), 1000 + i))
        for i, pose in enumerate(plan.poses):
            q_rad = np.asarray(pose.q_rad)
            rgb_u8, mask = expose(q_rad, i), world.truth_of(q_rad).mask_visib
            if i >= N_CUT:
                left.append((rgb_u8, mask))
                continue
            box = tight_box(mask)
            assert box is not None
            instance = Instance(
                class_name=cell.part.class_name,
                box_xyxy_px=box,
                square_xyxy_px=square_box(box),
                visib_fract=1.0,
            )
            draft = Draft(name=f"{i:06d}", split="train", size_wh=SIZE_WH, instances=(instance,))
            writer.append(draft, layers={"image": rgb_u8, "mask": mask.astype(np.uint16)})
    return Captured(DatasetReader(root), left)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Composites of one world; each again without patches, and with hard-edged ones in their own light."""

    made: list[Composite]
    bare: list[Rgb]
    hard: list[Rgb]


def compose(captured: Captured, ranges: Ranges, n_patches: int, seed: int) -> Pictures:
    """Composites until so many of their patches can be shown."""
    table = open_cutting_table(Ingredients((captured.dataset,), ranges=ranges), MOST, seed)
    compositor, pictures, n = Compositor(table), Pictures([], [], []), 0
    for i in range(MOST):
        recipe = deal(compositor, i)
        composite = compositor.compose(recipe)
        pictures.made.append(composite)
        pictures.bare.append(compositor.compose(replace(recipe, max_patches=0)).rgb_u8)
        pictures.hard.append(lay_hard(composite, table.bench.rgb_u8))
        n += len(list_places(composite))
        if n >= n_patches:
            return pictures
    raise SystemExit(f"{MOST} composites show {n} patches and not {n_patches}")


def lay_hard(composite: Composite, plates: tuple[Rgb, ...]) -> Rgb:
    """The same composite with each patch as a plate has it: a hard edge, and the light of where it was."""
    picture = composite.rgb_u8.copy()
    for patch in composite.patches:
        free = patch.mask & (_block(composite.labels.ids, patch, patch.corner_xy) == 0)
        taken = _block(plates[patch.plate], patch, patch.source_xy)
        _block(picture, patch, patch.corner_xy)[free] = taken[free]
    return picture


def _block(image: NDArray[Any], patch: Patch, corner_xy: tuple[int, int]) -> NDArray[Any]:
    (x, y), (height, width) = corner_xy, patch.mask.shape
    return image[y : y + height, x : x + width]


Place = tuple[int, int]


def list_places(composite: Composite) -> list[Place]:
    """First pixels of the squares around patches that hold no part."""
    places = []
    for patch in composite.patches:
        box = tight_box(patch.mask)
        place = place_around(box + np.tile(patch.corner_xy, 2))
        if not _square(composite.labels.ids, place).any():
            places.append(place)
    return places


def place_around(box_xyxy_px: NDArray[np.float64]) -> Place:
    """The first pixel of the square around the middle of a box, moved into the picture."""
    middle = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2
    x, y = np.clip(np.round(middle - SIDE / 2).astype(int), 0, np.asarray(SIZE_WH) - SIDE)
    return int(x), int(y)


def _square(image: NDArray[Any], place: Place) -> NDArray[Any]:
    x, y = place
    return image[y : y + SIDE, x : x + SIDE]


def show_patches(pictures: Pictures, n: int, first: int, hard: bool) -> tuple[Shown, Shown]:
    """So many squares around patches, and the same places of the composites without patches."""
    laid = pictures.hard if hard else [composite.rgb_u8 for composite in pictures.made]
    places = [(i, p) for i, made in enumerate(pictures.made) for p in list_places(made)][:n]
    return (
        Shown.of([(_square(laid[i], p), first + i) for i, p in places]),
        Shown.of([(_square(pictures.bare[i], p), first + i) for i, p in places]),
    )


def show_parts(captured: Captured, pictures: Pictures, first: int, alone: bool) -> tuple[Shown, Shown]:
    """Squares around pasted parts that are seen whole, and around captured ones.

    alone: all but what lies well inside the outline in the mean colour of that.
    """
    pasted = []
    for i, composite in enumerate(pictures.made):
        for value, instance in enumerate(composite.labels.instances, start=1):
            if instance.visib_fract >= 1:
                mask = composite.labels.ids == value
                pasted.append((_show_part(composite.rgb_u8, mask, alone), first + i))
    left = [(_show_part(rgb, mask, alone), first + MOST + i) for i, (rgb, mask) in enumerate(captured.left)]
    return Shown.of(pasted), Shown.of(left)


def _show_part(rgb_u8: Rgb, mask: Mask, alone: bool) -> Rgb:
    box = tight_box(mask)
    assert box is not None
    place = place_around(box)
    square = _square(rgb_u8, place).copy()
    if alone:
        inside = cv2.erode(_square(mask, place).astype(np.uint8), np.ones((2 * RIM_PX + 1,) * 2)) > 0
        square[~inside] = square[inside].mean(axis=0)
    return square
