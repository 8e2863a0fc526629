"""labels/, normals.txt, data.yaml and the lists of images: what others read, written from samples.jsonl.

Ultralytics resolves data.yaml without ``path:`` against the file's own folder, and ``./`` in a list against
the list's folder, so a dataset can be moved anywhere.
"""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from synth.dataset.info import DatasetInfo
from synth.dataset.normals_txt import NormalRow, format_normals
from synth.dataset.record import SPLITS
from synth.dataset.sample import MIN_VISIBLE_FOR_LABEL, Draft, Sample
from synth.storage.atomic import write_bytes


def yolo_label(sample: Draft, info: DatasetInfo) -> str:
    """``class xc yc w h`` lines, fractions of the image, of the box kind of the dataset; the hidden get no
    line.
    """
    width, height = sample.size_wh
    lines = []
    for instance in sample.instances:
        if instance.visib_fract < MIN_VISIBLE_FOR_LABEL:
            continue
        x0, y0, x1, y1 = instance.box_of(info.box_kind)
        numbers = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
        index = info.classes.index(instance.class_name)
        lines.append(" ".join([str(index), *map(repr, numbers)]) + "\n")
    return "".join(lines)


def normal_rows(samples: Sequence[Sample]) -> list[NormalRow]:
    """One row a crop, in the order of the samples: camera-axis normal, point in the full image."""
    return [
        NormalRow(PurePosixPath(instance.normal_crop).name, instance.point_xy, instance.normal_uvw)
        for sample in samples
        for instance in sample.instances
        if instance.normal_crop and instance.point_xy and instance.normal_uvw
    ]


def names_yaml(classes: Sequence[str]) -> str:
    """The ``names:`` of a data.yaml, quoted, so that ``yes`` or ``1`` stay names."""
    return "names:\n" + "".join(f"  {i}: {json.dumps(name)}\n" for i, name in enumerate(classes))


def data_yaml(info: DatasetInfo) -> str:
    """What Ultralytics reads."""
    lists = "".join(f"{split}: {split}.txt\n" for split in SPLITS)
    return f"# Written from samples.jsonl; boxes are {info.box_kind}.\n{lists}{names_yaml(info.classes)}"


def make_views(info: DatasetInfo, samples: Sequence[Sample]) -> dict[str, str]:
    """The text of every view by its path inside the folder."""
    ordered = sorted(samples, key=lambda s: s.name)
    views = {f"labels/{s.name}.txt": yolo_label(s, info) for s in ordered}
    views["normals.txt"] = format_normals(normal_rows(ordered))
    views["data.yaml"] = data_yaml(info)
    for split in SPLITS:
        views[f"{split}.txt"] = "".join(
            f"./{s.image}\n" for s in ordered if s.split == split and "image" in s.layers
        )
    return views


def write_views(root: Path, info: DatasetInfo, samples: Sequence[Sample]) -> None:
    """Write each view that differs from the truth, each whole or not at all; raises StorageError."""
    for path, text in make_views(info, samples).items():
        target = root / path
        content = text.encode()
        if not target.is_file() or target.read_bytes() != content:
            write_bytes(target, content)
