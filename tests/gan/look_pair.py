"""Two small datasets of one kind of scene in two looks: plates on a bench, plain grey or warm and noisy."""

from pathlib import Path

import cv2
import numpy as np

from synth.dataset.codecs import file_sha256
from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy, ModelRecord, SemanticInfo
from synth.dataset.origin import Origin
from synth.dataset.reader import DatasetReader
from synth.dataset.record import Kind
from synth.dataset.sample import Draft, Instance
from synth.dataset.split import assign_splits
from synth.dataset.store import DatasetWriter

SIZE_WH = (96, 80)
MESH = b"solid plate"
MODEL = ModelRecord(
    class_name="cover",
    mesh="models/plate.stl",
    units="mm",
    sha256=file_sha256(MESH),
    point_part_m=(0, 0, 0),
)
PLATE_PX = (16, 12)
COLOURS = ((128, 128, 128), (200, 30, 30), (30, 200, 30), (30, 30, 200))


def write_look(
    root: Path,
    kind: Kind,
    n: int,
    *,
    seed: int,
    with_masks: bool = True,
    with_depth: bool = False,
    with_maps: bool = False,
    n_plates: int = 1,
    classes: tuple[str, ...] = ("cover",),
    n_shown: int | None = None,
    K: np.ndarray | None = None,
    parent: DatasetReader | None = None,
) -> DatasetReader:
    """``n`` images of plates at known places; a rendered set is plain grey and brings a model along,
    another one is warm and noisy.

    with_depth: plates are 0.9 m away, the bench is 1 m. with_maps: which pixels are of the bench, which of
    each class; void in the first column. classes: in turn, each of another colour; of them
    only the first n_shown. parent: whose twins these are, by name.
    """
    rng = np.random.default_rng(seed)
    names = ("bench", *classes)
    camera = CameraRecord(
        name="test", serial="0", size_wh=SIZE_WH, K=np.eye(3).tolist(), dist=(0.0,) * 5, depth_scale_m=0.001
    )
    info = DatasetInfo(
        kind=kind,
        classes=classes,
        camera=camera if with_depth else None,
        semantic=SemanticInfo(names=names, colours=COLOURS[: len(names)]) if with_maps else None,
        models=(MODEL,) if kind == "rendered" else (),
        made_by=MadeBy(verb="test", simulated=True),
    )
    with DatasetWriter.create_or_resume(root, info) as writer:
        writer.add_models({MODEL.mesh: MESH})
        for i, split in enumerate(assign_splits(n, rng=rng)):
            width, height = SIZE_WH
            rgb = np.full((height, width, 3), 150.0)
            rgb += np.linspace(-20, 20, width)[:, None]
            mask = np.zeros((height, width), np.uint16)
            instances = []
            for k in range(n_plates):
                w, h = PLATE_PX
                x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - w))
                cv2.rectangle(mask, (x, y), (x + w - 1, y + h - 1), k + 1, -1)
                which = i % (n_shown or len(classes))
                rgb[mask == k + 1] = np.roll((60, 90, 160), which)
                tilt = rng.uniform(0, 0.5)
                instances.append(
                    Instance(
                        class_name=classes[which],
                        box_xyxy_px=(x, y, x + w, y + h),
                        square_xyxy_px=(x, y, x + w, y + w),
                        normal_uvw=(np.sin(tilt), 0.0, np.cos(tilt)),
                        point_xy=None if K is None else ((x + w / 2) / width, (y + h / 2) / height),
                        visib_fract=1.0,
                    )
                )
            if kind != "rendered":
                rgb = rgb * (1.15, 1.0, 0.8) + rng.normal(0, 6, rgb.shape)
            name = f"{i:06d}"
            origin = Origin(parents=() if parent is None else (parent.as_parent(parent[name], "pose"),))
            draft = Draft(
                name=name, split=split, size_wh=SIZE_WH, K=K, instances=tuple(instances), origin=origin
            )
            rgb_u8 = np.clip(rgb, 0, 255).astype(np.uint8)
            layers = {"image": rgb_u8}
            if with_masks:
                layers["mask"] = mask
            if with_depth:
                layers["depth"] = np.where(mask, 900, 1000).astype(np.uint16)
            if with_maps:
                ids = np.array([0, *(names.index(part.class_name) for part in instances)], np.uint8)[mask]
                ids[:, 0] = 255
                layers["semantic"] = ids
            writer.append(draft, layers=layers)
    return DatasetReader(root)


def write_looks(folder: Path) -> tuple[DatasetReader, DatasetReader]:
    """A rendered and a captured dataset of 12 samples each."""
    return (
        write_look(folder / "synthetic", "rendered", 12, seed=0),
        write_look(folder / "real", "real", 12, seed=1),
    )
