"""Small datasets of lanes: sky above, road below, cars on it, posts at the horizon, a stripe of void."""

from pathlib import Path

import numpy as np

from synth.dataset.info import DatasetInfo, MadeBy, SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter

CLASSES = ("sky", "road", "car", "post", "boat")
COLOURS = ((70, 130, 180), (128, 64, 128), (0, 0, 142), (153, 153, 153), (9, 9, 9))
SIZE_WH = (96, 64)


def draw_lane(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Class ids [H,W] and instances [H,W]: two cars, the nearer the larger, and a post; no boat anywhere."""
    ids, instances = np.zeros(SIZE_WH[::-1], np.uint8), np.zeros(SIZE_WH[::-1], np.uint16)
    horizon = 22 + int(rng.integers(4))
    ids[horizon:] = 1
    for number, (class_id, bottom, left) in enumerate(
        ((3, horizon, 66), (2, horizon + 12, 8 + int(rng.integers(20))), (2, 54, 30 + int(rng.integers(30)))),
        1,
    ):
        height, width = (16, 4) if class_id == 3 else (bottom // 5, bottom // 3)
        box = slice(bottom - height, bottom), slice(left, left + width)
        ids[box], instances[box] = class_id, number
    ids[:, 90:92], instances[:, 90:92] = 255, 0
    return ids, instances


def write_lanes(
    root: Path,
    *,
    splits: tuple[str, ...] = ("train",) * 5 + ("val", "test"),
    with_instances: bool = False,
    with_maps: bool = True,
) -> DatasetReader:
    """Pictures in the colours of their classes."""
    rng = np.random.default_rng(0)
    info = DatasetInfo(
        kind="imported",
        classes=("car", "post") if with_instances or not with_maps else (),
        semantic=SemanticInfo(names=CLASSES, colours=COLOURS) if with_maps else None,
        box_kind="tight",
        made_by=MadeBy(verb="test", simulated=False),
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(splits):
            ids, instances = draw_lane(rng)
            picture = np.array((*COLOURS, (0, 0, 0)), np.uint8)[np.minimum(ids, len(CLASSES))]
            picture[0, : i + 1] = 255  # Each a picture of its own.
            layers = {"image": picture} | ({"semantic": ids} if with_maps else {})
            boxes: list[Instance] = []
            if with_instances:
                layers["mask"] = instances
                for number, name in enumerate(("post", "car", "car"), 1):
                    rows, columns = np.nonzero(instances == number)
                    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                    boxes.append(Instance(class_name=name, box_xyxy_px=np.array(box, float), visib_fract=1.0))
            draft = {"name": f"{i:06d}", "split": split, "size_wh": SIZE_WH, "instances": tuple(boxes)}
            writer.append(Draft.model_validate(draft), layers=layers)
    return DatasetReader(root)
