"""Small datasets of noise with boxes, groups and maps, to be merged and split."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synth.dataset.info import CameraRecord, DatasetInfo, MadeBy
from synth.dataset.layers import LayerName
from synth.dataset.reader import DatasetReader
from synth.dataset.sample import Draft, Instance
from synth.dataset.store import DatasetWriter

SIZE_WH = (64, 48)


def make_camera(depth_scale_m: float, name: str = "camera") -> CameraRecord:
    K = ((50.0, 0.0, 31.5), (0.0, 50.0, 23.5), (0.0, 0.0, 1.0))
    return CameraRecord(
        name=name, serial="1", size_wh=SIZE_WH, K=K, dist=(0.0,) * 5, depth_scale_m=depth_scale_m
    )


def box(class_name: str, left: int = 4) -> Instance:
    """An object of 12 by 12 pixels."""
    px = (left, 4, left + 12, 16)
    return Instance(class_name=class_name, box_xyxy_px=px, square_xyxy_px=px, visib_fract=1.0)


def write_set(
    root: Path,
    samples: Sequence[Mapping[str, Any]],
    *,
    seed: int = 0,
    layers: Mapping[LayerName, Any] | None = None,
    **changes: Any,
) -> DatasetReader:
    """A dataset with a picture of noise for each of ``samples``: fields of a Draft, with ``shows``, classes.

    layers: further ones, of every sample. A mask shows every object.
    """
    fields: dict[str, Any] = {
        "kind": "imported",
        "classes": ("cup", "lid"),
        "box_kind": "tight",
        "made_by": MadeBy(verb="import yolo", simulated=False),
    }
    rng = np.random.default_rng(seed)
    info = DatasetInfo(**fields | changes)
    with DatasetWriter.create_or_resume(root, info) as writer:
        for i, sample in enumerate(samples):
            shows = [box(name, 4 + 16 * k) for k, name in enumerate(sample.get("shows", ("cup",)))]
            mask = np.zeros(SIZE_WH[::-1], np.uint16)
            for k, instance in enumerate(shows):
                x0, y0, x1, y1 = map(int, instance.box_xyxy_px)
                mask[y0:y1, x0:x1] = k + 1
            draft = Draft(
                **{"name": f"{i:06d}", "split": "train", "size_wh": SIZE_WH, "instances": tuple(shows)}
                | {key: value for key, value in sample.items() if key != "shows"}
            )
            picture = rng.integers(0, 256, (*SIZE_WH[::-1], 3), dtype=np.uint8)
            writer.append(draft, layers={"image": picture, "mask": mask, **(layers or {})})
    return DatasetReader(root)


def one_each(**fields: Any) -> list[dict[str, Any]]:
    """A sample of each split."""
    return [{"split": split, **fields} for split in ("train", "val", "test")]
