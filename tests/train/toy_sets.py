"""Small datasets on disk: rectangles to find, and crops that show their normal."""

from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from synth.dataset.choices import BoxKind
from synth.dataset.info import DatasetInfo, MadeBy
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind, Split
from synth.dataset.sample import Draft, Instance, Sample
from synth.dataset.split import assign_splits
from synth.dataset.store import DatasetWriter
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.train.tasks.detection.images import DetectionImages

CROP_PX = 224
SQUARE_PX = (8, 12, 64, 68)
SIZE_WH = (96, 80)
CLASS_RGB = {"left": (250, 30, 30), "right": (30, 250, 30), "stop": (40, 40, 250), "bump": (240, 240, 30)}


def draw_rectangles(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """[H,W,3] dim noise with one to three bright squares that do not overlap, and their boxes [M,4]."""
    w, h = size_wh
    picture = rng.integers(0, 90, (h, w, 3)).astype(np.uint8)
    boxes: list[np.ndarray] = []
    for _ in range(int(rng.integers(1, 4))):
        side = int(rng.integers(min(w, h) // 4, min(w, h) // 2))
        x, y = int(rng.integers(0, w - side)), int(rng.integers(0, h - side))
        box = np.array([x, y, x + side, y + side], float)
        if all((box[:2] >= b[2:]).any() or (box[2:] <= b[:2]).any() for b in boxes):
            boxes.append(box)
            picture[y : y + side, x : x + side] = rng.integers(225, 256, (side, side, 3))
    return picture, np.array(boxes)


def make_detection_images(n: int, seed: int, side_px: int = 64) -> DetectionImages:
    """Pictures of ``draw_rectangles`` in memory."""
    rng = np.random.default_rng(seed)
    drawn = [draw_rectangles(rng, (side_px, side_px)) for _ in range(n)]
    return DetectionImages(
        tuple(picture for picture, _ in drawn),
        ((side_px, side_px),) * n,
        tuple(boxes for _, boxes in drawn),
        tuple(f"{i:06d}" for i in range(n)),
    )


def write_detection_set(
    root: Path,
    *,
    seed: int,
    n: int = 20,
    kind: Kind = "rendered",
    size_wh: tuple[int, int] = SIZE_WH,
    classes: tuple[str, ...] = ("cover",),
    box_kind: BoxKind = "square",
) -> DatasetReader:
    """``n`` samples of ``draw_rectangles``; the last instance of each is hidden and has no label."""
    rng = np.random.default_rng(seed)
    info = DatasetInfo(
        kind=kind, classes=classes, box_kind=box_kind, made_by=MadeBy(verb="test", simulated=True)
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(assign_splits(n, rng=rng)):
            picture, boxes = draw_rectangles(rng, size_wh)
            instances = [_instance(classes[0], tuple(box), 1.0) for box in boxes.tolist()]
            hidden = _instance(classes[0], (0, 0, 10, 10), 0.1)
            draft = Draft(name=f"{i:06d}", split=split, size_wh=size_wh, instances=(*instances, hidden))
            writer.append(draft, layers={"image": picture})
    return DatasetReader(root)


def write_class_set(
    root: Path,
    classes: tuple[str, ...],
    *,
    shown: tuple[str, ...] | None = None,
    flip_pairs: tuple[tuple[str, str], ...] = (),
    seed: int = 0,
    n: int = 20,
    train_alone: bool = False,
) -> DatasetReader:
    """``n`` samples of one to three squares whose class is their colour, by name; shown: those that occur.
    train_alone: all are train samples.
    """
    rng, occurring = np.random.default_rng(seed), shown or classes
    info = DatasetInfo(
        kind="imported",
        classes=classes,
        flip_pairs=flip_pairs,
        made_by=MadeBy(verb="test", simulated=True),
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, dealt in enumerate(assign_splits(n, rng=rng)):
            split: Split = "train" if train_alone else dealt
            picture, boxes = draw_rectangles(rng, SIZE_WH)
            instances = []
            for k, (x0, y0, x1, y1) in enumerate(boxes.astype(int).tolist()):
                name = occurring[(i + k) % len(occurring)]
                picture[y0:y1, x0:x1] = CLASS_RGB[name]
                instances.append(_instance(name, (x0, y0, x1, y1), 1.0))
            draft = Draft(name=f"{i:06d}", split=split, size_wh=SIZE_WH, instances=tuple(instances))
            writer.append(draft, layers={"image": picture})
    return DatasetReader(root)


def write_normal_set(
    root: Path, *, seed: int, n: int = 20, kind: Kind = "rendered", first: int = 0
) -> DatasetReader:
    """``n`` samples of one crop each, brighter where its normal leans to, under a turned camera.

    first: name of the first; a picture's smooth part goes by its name.
    """
    rng = np.random.default_rng(seed)
    info = DatasetInfo(kind=kind, classes=("cover",), made_by=MadeBy(verb="test", simulated=True))
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(assign_splits(n, rng=rng)):
            tilt, around = rng.uniform(0.1, 0.8), rng.uniform(0, 2 * np.pi)
            uvw = np.array([np.sin(tilt) * np.cos(around), np.sin(tilt) * np.sin(around), np.cos(tilt)])
            turn = Rotation.from_rotvec([0.2, 0.1, 0]).as_matrix()
            instance = Instance(
                class_name="cover",
                box_xyxy_px=SQUARE_PX,
                square_xyxy_px=SQUARE_PX,
                normal_uvw=tuple(uvw_from_cam(turn.T @ cam_from_uvw(uvw))),
                point_xy=(0.3, 0.4),
                visib_fract=1.0,
                R_crop_cam=tuple(map(tuple, turn)),
                normal_crop_uvw=tuple(uvw),
                point_crop_xy=(0.5, 0.5),
            )
            draft = Draft(name=f"{first + i:06d}", split=split, size_wh=SIZE_WH, instances=(instance,))
            picture = toy_picture(draft.name)
            picture[0, 0] = rng.integers(0, 256, 3)
            writer.append(draft, layers={"image": picture}, crops=[_draw_crop(uvw, rng)])
    return DatasetReader(root)


def toy_picture(name: str) -> np.ndarray:
    """The smooth picture of a sample of ``write_normal_set``, all but the corner that makes it its own."""
    w, h = SIZE_WH
    coarse = np.random.default_rng(int(name)).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (w, h), interpolation=cv2.INTER_LINEAR)


def normal_in_camera(sample: Sample) -> np.ndarray:
    """The first instance's normal, turned back from crop axes by hand."""
    instance = sample.instances[0]
    in_crop = np.array(instance.normal_crop_uvw) * (1, -1, -1)
    return (np.array(instance.R_crop_cam).T @ in_crop) * (1, -1, -1)


def _instance(class_name: str, box: tuple[float, ...], visib_fract: float) -> Instance:
    return Instance(class_name=class_name, box_xyxy_px=box, square_xyxy_px=box, visib_fract=visib_fract)


def _draw_crop(uvw: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : CROP_PX * 1j, -1 : 1 : CROP_PX * 1j]
    grey = 128 + 110 * (uvw[0] * x - uvw[1] * y)
    return (grey[..., None] + rng.normal(0, 4, (CROP_PX, CROP_PX, 3))).clip(0, 255).astype(np.uint8)
