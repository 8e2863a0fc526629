"""A small dataset that every task can learn from: a bright square a picture, with box, normal and crop."""

from pathlib import Path

import numpy as np

from synth.dataset.crops import recut
from synth.dataset.info import DatasetInfo, MadeBy, SemanticInfo
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind
from synth.dataset.sample import Draft, Instance
from synth.dataset.split import assign_splits
from synth.dataset.store import DatasetWriter
from synth.geometry.frames import cam_from_uvw, uvw_from_cam
from synth.geometry.normals import crop_rotation
from synth.geometry.pinhole import Pinhole

SIZE_WH = (96, 80)
K = np.array([[90.0, 0.0, 47.5], [0.0, 90.0, 39.5], [0.0, 0.0, 1.0]])


def write_part_set(
    root: Path, kind: Kind, *, seed: int, n: int = 24, classes: tuple[str, ...] = ("part",)
) -> DatasetReader:
    """``n`` samples, a mask and a label map beside each picture; the square's brightness follows its normal,
    and samples have the classes in turn.
    """
    rng = np.random.default_rng(seed)
    camera = Pinhole(SIZE_WH, K)
    info = DatasetInfo(
        kind=kind,
        classes=classes,
        semantic=SemanticInfo(
            names=("bench", *classes), colours=((90, 90, 90), (240, 140, 0), (0, 90, 240))[: len(classes) + 1]
        ),
        made_by=MadeBy(verb="test", simulated=True),
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, split in enumerate(assign_splits(n, rng=rng)):
            x, y = (int(v) for v in rng.integers(2, (SIZE_WH[0] - 32, SIZE_WH[1] - 32)))
            tilt, around = rng.uniform(0.1, 0.8), rng.uniform(0, 2 * np.pi)
            uvw = np.array([np.sin(tilt) * np.cos(around), np.sin(tilt) * np.sin(around), np.cos(tilt)])
            picture = rng.integers(0, 60, (SIZE_WH[1], SIZE_WH[0], 3)).astype(np.uint8)
            picture[y : y + 30, x : x + 30] = 140 + np.round(80 * uvw[0])
            mask = np.zeros(SIZE_WH[::-1], np.uint16)
            mask[y : y + 30, x : x + 30] = 1
            box = (float(x), float(y), float(x + 30), float(y + 30))
            turn = crop_rotation(camera, [x + 14.5, y + 14.5])
            part = Instance(
                class_name=classes[i % len(classes)],
                box_xyxy_px=box,
                square_xyxy_px=box,
                normal_uvw=tuple(uvw.tolist()),
                point_xy=(0.5, 0.5),
                visib_fract=1.0,
                R_crop_cam=tuple(map(tuple, turn.tolist())),
                normal_crop_uvw=tuple(uvw_from_cam(turn @ cam_from_uvw(uvw)).tolist()),
                point_crop_xy=(0.5, 0.5),
            )
            draft = Draft(
                name=f"{i:06d}",
                split=split,
                size_wh=SIZE_WH,
                K=K.tolist(),
                dist=(0.0,) * 5,
                instances=(part,),
            )
            semantic = np.where(mask > 0, 1 + i % len(classes), 0).astype(np.uint8)
            layers = {"image": picture, "mask": mask, "semantic": semantic}
            writer.append(draft, layers=layers, crops=recut(draft, picture))
    return DatasetReader(root)
