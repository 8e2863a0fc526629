"""A small dataset to cut parts from: kites and bars on three plates, whose light says the split."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from synth.dataset.choices import BoxKind
from synth.dataset.info import DatasetInfo, MadeBy, SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind, Split
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter
from synth.geometry.boxes import square_box, tight_box

SIZE_WH = (160, 120)
SPLITS: tuple[Split, ...] = ("train", "train", "val", "test", "train", "test")
SHAPES = {
    "kite": np.array([[0, -22], [15, -4], [0, 20], [-12, -4]]),
    "bar": np.array([[-18, -7], [18, -8], [18, 7], [-18, 8]]),
}
RED_OF_SPLIT = {"train": 170, "val": 200, "test": 230}
NOISE_COUNTS = 1.5


def write_cutting_set(
    root: Path,
    *,
    kind: Kind = "real",
    grown_box: int | None = None,
    box_kind: BoxKind = "tight",
    splits: Sequence[Split] = SPLITS,
    with_maps: bool = False,
) -> DatasetReader:
    """Six samples of one part each, kites and bars in turns, and three plates.

    grown_box: number of the sample whose box is twice as wide as its mask. with_maps: label maps of bench and
    parts too.
    """
    rng = np.random.default_rng(1)
    semantic = SemanticInfo(names=("bench", *SHAPES), colours=((128, 130, 120), (170, 90, 30), (90, 30, 170)))
    info = DatasetInfo(
        kind=kind,
        classes=tuple(SHAPES),
        semantic=semantic if with_maps else None,
        box_kind=box_kind,
        made_by=MadeBy(verb="test", simulated=True),
    )

    def shoot(mask: np.ndarray, red: int) -> np.ndarray:
        light = np.where(mask[..., None], (red, 90, 30), (128, 130, 120)).astype(np.float32)
        light = cv2.GaussianBlur(light, (0, 0), 0.8) + rng.normal(0, NOISE_COUNTS, light.shape)
        return np.clip(light, 0, 255).astype(np.uint8)

    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(splits):
            name = list(SHAPES)[i % 2]
            mask = np.zeros(SIZE_WH[::-1], np.uint8)
            centre = rng.integers((30, 30), (SIZE_WH[0] - 30, SIZE_WH[1] - 30))
            cv2.fillConvexPoly(mask, np.int32(SHAPES[name] + centre), 1)
            box = tight_box(mask > 0)
            if i == grown_box:
                box[2] = min(2 * box[2] - box[0], SIZE_WH[0])
            instance = Instance(
                class_name=name, box_xyxy_px=box, square_xyxy_px=square_box(box), visib_fract=1.0
            )
            draft = Draft(name=f"{i:06d}", split=split, size_wh=SIZE_WH, instances=(instance,))
            layers = {"image": shoot(mask > 0, RED_OF_SPLIT[split]), "mask": mask.astype(np.uint16)}
            if with_maps:
                layers["semantic"] = mask * np.uint8(1 + i % 2)
            writer.append(draft, layers=layers)
        for _ in range(3):
            writer.add_plate(shoot(np.zeros(SIZE_WH[::-1], bool), 0))
    return DatasetReader(root)
